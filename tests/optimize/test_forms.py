"""Who decides which form a site gets: a measurement, what is remembered of it, or the count of products."""

from pathlib import Path

import onnx
import onnx_ir as ir
import pytest

from gantools.core.artifact import Artifact, GraphFile
from gantools.core.events import Event, Note
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.optimize import forms as room
from gantools.optimize import race
from gantools.optimize.forms import FOUND, choose_forms, put_forms, rewritten
from gantools.optimize.multiply_adds import multiply_adds
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.optimize.race import Runtime, fastest
from gantools.optimize.rewrites.tidy import tidy
from gantools.optimize.shapes import at_sizes
from gantools.runtime.backends import BACKENDS
from gantools.runtime.backends.base import Availability, OpenOptions
from gantools.timing.measure import Timings
from tests.fakes import FakeGraph
from tests.optimize.rewrites.chains import Chain, kinds
from tests.zoo import make_artifact

HERE = Runtime("onnxruntime", "cpu", "fp32", threads=1)
ELSEWHERE = Runtime("tensorrt-rtx", "cuda", "fp16")
SPEC = GraphSpec(
    inputs=(TensorSpec(name="x", dtype="float32", shape=("batch", 4, 5, 6)),),
    outputs=(TensorSpec(name="v2", dtype="float32", shape=("batch", 8, 10, 12)),),
    axes={"batch": AxisRange(min=1, opt=2, max=4)},
)


def enlarging() -> onnx.ModelProto:
    chain = Chain(("batch", 4, 5, 6)).doubled()
    return chain.then("Conv", chain.draw(8, 4, 3, 3), chain.draw(8), pads=[1] * 4).then("Relu").model()


def tidied() -> ir.Model:
    return tidy(ir.from_proto(enlarging()))


def convolving(width: int) -> ir.Model:
    chain = Chain((1, 8, 32, 32))
    chain.then("Conv", chain.draw(width, 8, 3, 3), pads=[1] * 4)
    return ir.from_proto(chain.then("ReduceMean", keepdims=0).model())


def test_products_are_counted_as_their_definitions_say() -> None:
    chain = Chain((2, 4, 5, 6))
    chain.then("Conv", chain.draw(8, 2, 3, 3), pads=[1] * 4, group=2)  # 2*8*5*6 outputs of 2*9 products
    chain.then("ConvTranspose", chain.draw(8, 3, 4, 4), strides=[2, 2], pads=[1] * 4)  # 2*8*5*6 inputs into 3*16
    chain.then("Flatten").then("Gemm", chain.draw(7, 360), transB=1)  # 2*7 outputs of 360
    chain.then("MatMul", chain.draw(7, 5))  # 2*5 outputs of 7
    assert multiply_adds(ir.from_proto(chain.model()).graph) == 480 * 18 + 480 * 48 + 14 * 360 + 10 * 7


def test_forms_for_an_engine_are_compiled_before_they_are_raced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler is real and needs no GPU; running is not."""
    pytest.importorskip("tensorrt_rtx")
    opened = []

    class Running:
        def probe(self, device: str) -> Availability:
            return Availability(True, "")

        def open(self, path: Path, graph: GraphFile, options: OpenOptions) -> FakeGraph:
            opened.append((path.suffix, graph.format, graph.precision))
            return FakeGraph(path, graph, options)

    monkeypatch.setattr(BACKENDS, "load", lambda name: Running())
    monkeypatch.setattr(race, "_PLAN", race._PLAN.model_copy(update={"min_calls": 20, "max_seconds": 0.01}))
    chosen = choose_forms(tidied(), SPEC, ELSEWHERE)
    assert chosen in ({}, *({"upsampling": {"v1": form}} for form in ("transposed", "phases", "split_phases")))
    assert opened == [(".engine", "tensorrt-rtx", "fp16")] * 4


def test_products_of_unknown_sizes_are_not_guessed() -> None:
    with pytest.raises(ValueError, match="the shape of value 'v1' is not known"):
        multiply_adds(ir.from_proto(enlarging()).graph)
    assert multiply_adds(at_sizes(tidied(), SPEC).graph) == 2 * 8 * 10 * 12 * 4 * 9


@pytest.mark.parametrize("baseline", ["small", "large"])
def test_the_faster_graph_wins_whichever_was_there_before(baseline: str) -> None:
    assert fastest({"small": convolving(4), "large": convolving(512)}, baseline, HERE) == "small"


def test_a_graph_that_does_not_open_does_not_win() -> None:
    strange = convolving(4)
    strange.graph[0].domain = "nobody"
    assert fastest({"plain": convolving(64), "strange": strange}, "plain", HERE) == "plain"


@pytest.mark.parametrize(
    ("other_ms", "winner"),
    [
        ([0.5] * 20, "other"),
        ([0.99] * 20, "baseline"),  # by less than it takes to change anything
        ([0.5, 1.6] * 10, "baseline"),  # faster in half of the rounds is not faster for certain
        ([2.0] * 20, "baseline"),
    ],
)
def test_the_baseline_stays_where_nothing_is_faster_for_certain(
    monkeypatch: pytest.MonkeyPatch, other_ms: list[float], winner: str
) -> None:
    timings = {"baseline": Timings(block=1, values_ms=[1.0] * 20), "other": Timings(block=1, values_ms=other_ms)}
    monkeypatch.setattr(race, "measure", lambda calls, plan: {name: timings[name] for name in calls})
    assert fastest({"baseline": convolving(4), "other": convolving(4)}, "baseline", HERE) == winner


def test_where_nothing_can_be_timed_the_fewest_products_count() -> None:
    model = tidied()
    assert choose_forms(model, SPEC, ELSEWHERE) == {"upsampling": {"v1": "transposed"}}
    assert kinds(ir.to_proto(model)) == ["Resize", "Conv", "Relu"]


def test_what_was_measured_is_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[list[str]] = []

    def first(graphs: dict[str, ir.Model], baseline: str, runtime: Runtime) -> str:
        asked.append([node.op_type for model in graphs.values() for node in model.graph])
        assert (baseline, runtime) == (FOUND, HERE)
        return "phases"

    monkeypatch.setattr(room, "fastest", first)
    found: list[Event] = []
    expected = {"upsampling": {"v1": "phases"}}
    assert choose_forms(tidied(), SPEC, HERE, found.append) == expected
    assert [event.level for event in found if isinstance(event, Note)] == ["info"]
    (shown,) = asked
    assert shown == [
        *("Resize", "Conv", "Relu"),
        *("ConvTranspose", "Relu"),
        *("Conv", "DepthToSpace", "Relu"),
        *("Conv",) * 4, "Concat", "DepthToSpace", "Relu",
    ]  # fmt: skip
    assert choose_forms(tidied(), SPEC, HERE) == expected
    assert len(asked) == 1
    wider = SPEC.with_axis("batch", AxisRange(min=1, opt=3, max=4))
    choose_forms(tidied(), wider, HERE)
    assert len(asked) == 2


def test_a_cache_that_cannot_be_written_costs_time_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gantools").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(room, "fastest", lambda graphs, baseline, runtime: "transposed")
    found: list[Event] = []
    assert choose_forms(tidied(), SPEC, HERE, found.append) == {"upsampling": {"v1": "transposed"}}
    warnings = [event.text for event in found if isinstance(event, Note) and event.level == "warning"]
    assert len(warnings) == 1
    assert "the fastest forms are not kept for the next time" in warnings[0]


def test_forms_that_do_not_pay_together_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(
        room,
        "fastest",
        lambda graphs, baseline, runtime: "phases" if "phases" in graphs else FOUND,
    )
    found: list[Event] = []
    model, chosen = rewritten(ir.from_proto(enlarging()), SPEC, HERE, None, found.append)
    assert chosen == {}
    assert kinds(ir.to_proto(model)) == ["Resize", "Conv", "Relu"]
    assert [event.text for event in found if isinstance(event, Note)][-1] == (
        "the forms chosen for onnxruntime do not pay together, and are left out"
    )


def test_the_same_forms_give_the_same_file() -> None:
    chosen = {"upsampling": {"v1": "split_phases"}}
    files = [ir.to_proto(put_forms(tidied(), chosen)).SerializeToString() for _ in range(2)]
    assert files[0] == files[1]


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_artifact(tmp_path_factory.mktemp("zoo") / "art", "resize")


def test_an_artifact_says_its_forms_and_can_be_made_again_of_them(parent: Artifact, tmp_path: Path) -> None:
    chosen = {"generator": {"upsampling": {"conv_3": "transposed"}}, "generator_float": {}}
    plan = Plan(target="onnxruntime", forms=chosen, threads=1)
    made = [optimize(parent, plan, tmp_path / str(number)) for number in range(2)]
    (step,) = made[0].manifest.steps
    assert step.options["forms"] == chosen
    assert kinds(onnx.load(made[0].graph()[0])).count("ConvTranspose") == 1
    assert made[0].digest == made[1].digest
    measured = optimize(parent, Plan(target="onnxruntime", threads=1), tmp_path / "measured")
    assert set(measured.manifest.steps[-1].options["forms"]) == {"generator", "generator_float"}


def test_a_graph_that_is_not_to_be_rewritten_is_not(parent: Artifact, tmp_path: Path) -> None:
    made = optimize(parent, Plan(target="onnxruntime", rewrite="off", threads=1), tmp_path / "child")
    for name in parent.manifest.graphs:
        before, after = (onnx.load(artifact.graph(name)[0]) for artifact in (parent, made))
        assert after.graph.node == before.graph.node
    assert made.manifest.steps[-1].options["forms"] == {"generator": {}, "generator_float": {}}
