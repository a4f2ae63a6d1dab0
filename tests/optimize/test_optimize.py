import importlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from gantools.core.artifact import Artifact, GraphFile, load_artifact
from gantools.core.errors import (
    ArtifactError,
    BackendError,
    MissingDependencyError,
    ParityError,
    PrecisionError,
    RecipeError,
    UnknownNameError,
)
from gantools.core.events import Event, Note, Progress
from gantools.core.proof import MetricCard
from gantools.core.spec import AxisRange
from gantools.optimize.optimize import optimize, optimize_or_fall_back
from gantools.optimize.passes import casting
from gantools.optimize.plan import Plan
from gantools.optimize.search import search
from gantools.optimize.targets.engine import compile_engine
from gantools.runtime.backends.nvidia_engine import device_problem
from gantools.samplers import open_artifact
from tests.zoo import make_artifact, needs_bf16, write_onnx


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_artifact(tmp_path_factory.mktemp("zoo") / "art")


def assert_nothing_was_written(folder: Path) -> None:
    assert list(folder.iterdir()) == []


def test_the_new_artifact_says_how_it_was_made(parent: Artifact, tmp_path: Path) -> None:
    seen: list[Event] = []
    plan = Plan(target="openvino", axes={"batch": AxisRange(min=1, opt=2, max=4)}, threads=2)
    child = optimize(parent, plan, tmp_path / "child", seen.append)
    manifest = child.manifest
    assert manifest.parent == parent.digest
    assert [step.stage for step in manifest.steps] == ["optimize"]
    (step,) = manifest.steps
    assert step.options["target"] == "openvino"
    assert {"onnx", "onnx-ir", "openvino"} <= set(step.tools)
    assert [(parity.graph, parity.batch_sizes) for parity in step.parity] == [
        ("generator", (1, 2, 3, 4)),
        ("generator_float", (1, 2, 3, 4)),
    ]
    assert {entry.backend for entry in manifest.graphs.values()} == {"openvino"}
    assert {entry.spec.axes["batch"].max for entry in manifest.graphs.values()} == {4}
    assert (child.folder / "goldens.npy").read_bytes() == (parent.folder / "goldens.npy").read_bytes()
    assert [event.done for event in seen if isinstance(event, Progress)] == [0, 1, 2]
    assert not [event for event in seen if isinstance(event, Note) and event.level == "warning"]


def test_metric_cards_of_the_parent_are_not_claimed(parent: Artifact, tmp_path: Path) -> None:
    card = MetricCard(
        name="kid", value=0, interval=(0, 0), confidence=0.95, method="", samples=1, references=1,
        extractor="", extractor_sha256="", data="", data_sha256="", seeds="0",
    )  # fmt: skip
    scored = Artifact(parent.path, parent.manifest.model_copy(update={"quality": (card,)}), parent.digest)
    assert optimize(scored, Plan(target="onnxruntime"), tmp_path / "child").manifest.quality == ()


@needs_bf16
def test_bf16_on_openvino_is_proved_and_samples(parent: Artifact, tmp_path: Path) -> None:
    child = optimize(parent, Plan(target="openvino", precision="bf16"), tmp_path / "child")
    with open_artifact(child.path, threads=2) as fast, open_artifact(parent.path, threads=2) as exact:
        difference = np.abs(fast.sample(range(20)).astype(int) - exact.sample(range(20)))
        assert {layer.precision for layer in fast.session.layers() if layer.is_arithmetic} == {"bf16"}
    assert 0 < difference.max() <= 24
    lone = load_artifact(child.path / "generator.onnx")
    assert lone.manifest.graphs["generator"].precision == "bf16"


@needs_bf16
def test_an_optimized_artifact_can_be_compiled_for_another_target(parent: Artifact, tmp_path: Path) -> None:
    """The same precision needs no pass; another one would stack two roundings and is refused."""
    middle = optimize(parent, Plan(target="openvino", precision="bf16"), tmp_path / "middle")
    again = optimize(middle, Plan(target="openvino", precision="bf16"), tmp_path / "again")
    assert len(again.manifest.steps) == 2
    assert [parity.max_abs for parity in again.manifest.steps[-1].parity] == [0.0, 0.0]
    with pytest.raises(ArtifactError, match="is bf16 onnx, optimize starts from fp32 onnx"):
        optimize(middle, Plan(target="tensorrt-rtx", precision="fp16"), tmp_path / "bad")


def test_fp16_that_the_cpu_does_not_compute_is_refused(parent: Artifact, tmp_path: Path) -> None:
    with pytest.raises(PrecisionError, match="asked for fp16, computed 100% fp32") as caught:
        optimize(parent, Plan(target="onnxruntime", precision="fp16"), tmp_path / "child")
    assert caught.value.exit_code == 4
    assert caught.value.hint == "use --target openvino --precision bf16 for this CPU, or --device cuda"
    assert_nothing_was_written(tmp_path)


def test_a_precision_that_was_only_a_first_choice_falls_back_and_says_so(parent: Artifact, tmp_path: Path) -> None:
    said: list[str] = []
    plan = Plan(target="onnxruntime", precision="fp16", threads=2)
    child = optimize_or_fall_back(
        parent, plan, tmp_path / "a", lambda event: said.append(event.text) if isinstance(event, Note) else None
    )
    assert child.manifest.graphs["generator"].precision == "fp32"
    (note,) = child.manifest.steps[-1].notes
    assert note.startswith(
        "fp16 was the first choice, and is out: graph 'generator': asked for fp16, computed 100% fp32"
    )
    assert note in said
    assert optimize_or_fall_back(parent, Plan(target="onnxruntime"), tmp_path / "b").manifest.steps[-1].notes == ()


def test_a_pass_that_breaks_the_generator_leaves_no_artifact(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typed graph for an engine is judged before anything is compiled."""
    right = casting._Casting._tensor

    def wrong(self: casting._Casting, value: np.ndarray, what: str) -> object:
        return right(self, value * np.float32(1.5 if value.ndim == 4 else 1), what)

    monkeypatch.setattr(casting._Casting, "_tensor", wrong)
    with pytest.raises(ParityError, match=r"differs from 'zoo-deconv' \w+ \(typed graph on onnxruntime\)"):
        optimize(parent, Plan(target="tensorrt-rtx", precision="fp16"), tmp_path / "child")
    assert_nothing_was_written(tmp_path)


def test_a_weight_that_does_not_fit_leaves_no_artifact(tmp_path: Path) -> None:
    parent = make_artifact(tmp_path / "art")
    path = parent.folder / "generator.onnx"
    model = onnx.load(path)
    tensor = model.graph.initializer[1]
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1e6), tensor.name))
    onnx.save(model, path)
    (tmp_path / "out").mkdir()
    with pytest.raises(PrecisionError, match="every layer is an island, whose values fp16 may not hold"):
        optimize(parent, Plan(target="tensorrt-rtx", precision="fp16"), tmp_path / "out" / "child")
    assert_nothing_was_written(tmp_path / "out")


def test_a_gpu_elsewhere_is_said_and_not_guessed(parent: Artifact, tmp_path: Path) -> None:
    seen: list[Event] = []
    child = optimize(
        parent, Plan(target="onnxruntime", precision="fp16", device="cuda"), tmp_path / "child", seen.append
    )
    (note,) = [event for event in seen if isinstance(event, Note)]
    assert note.level == "warning"
    assert "compiled for device 'cuda' and not run" in note.text
    assert "compared with the parent on the CPU" in note.text
    (step,) = child.manifest.steps
    assert step.notes == (note.text,)
    assert all("typed graph on onnxruntime" in parity.source and parity.max_abs > 0 for parity in step.parity)
    assert {entry.device for entry in child.manifest.graphs.values()} == {"cuda"}
    with pytest.raises(BackendError, match="asked for device 'cuda'"):
        open_artifact(child.path)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(target="onnxruntime", precision="bf16"), "ONNX Runtime has no bf16 convolutions on a CPU"),
        (Plan(target="openvino", device="cuda"), "target 'openvino' runs on device 'cpu', got 'cuda'"),
        (Plan(target="tensorrt-rtx", device="cpu"), "target 'tensorrt-rtx' compiles for device 'cuda', got 'cpu'"),
        (Plan(target="tensorrt", device="cpu"), "target 'tensorrt' compiles for device 'cuda', got 'cpu'"),
        (Plan(target="tensorrt", compute_capabilities=("8.9",)), "not for a list of compute capabilities"),
        (Plan(target="tensorrt-rtx", compute_capabilities=("9.0",)), "cannot compile for compute capability 9.0"),
    ],
)
def test_a_plan_that_cannot_work_is_one_sentence(parent: Artifact, tmp_path: Path, plan: Plan, message: str) -> None:
    with pytest.raises(BackendError, match=message) as caught:
        optimize(parent, plan, tmp_path / "child")
    assert caught.value.hint
    assert_nothing_was_written(tmp_path)


def test_an_artifact_is_never_optimized_in_place(tmp_path: Path) -> None:
    parent = make_artifact(tmp_path / "art")
    alone = load_artifact(parent.folder / "generator.onnx")
    for source, out in ((parent, tmp_path / "art"), (parent, tmp_path / "x/../art"), (alone, tmp_path / "art")):
        with pytest.raises(RecipeError, match=r"is or holds the source '.*', which is never changed"):
            optimize(source, Plan(target="onnxruntime"), out)
        with pytest.raises(RecipeError, match="which is never changed"):
            search(source, Plan(target="onnxruntime"), out)
    assert load_artifact(parent.folder).digest == parent.digest
    assert [entry.name for entry in tmp_path.iterdir()] == ["art"]


def test_unknown_targets_and_axes_are_named(parent: Artifact, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no target is called 'openvin'; did you mean 'openvino'"):
        optimize(parent, Plan(target="openvin"), tmp_path / "child")
    axes = {"batsh": AxisRange(min=1, opt=1, max=1)}
    with pytest.raises(UnknownNameError, match="no axis of this graph is called 'batsh'; did you mean 'batch'"):
        optimize(parent, Plan(target="openvino", axes=axes), tmp_path / "child")
    assert_nothing_was_written(tmp_path)


def test_a_compiler_that_is_not_installed_is_named(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingDependencyError, match="'tensorrt' is needed to compile TensorRT engines"):
        optimize(parent, Plan(target="tensorrt", precision="fp16"), tmp_path / "child")
    assert_nothing_was_written(tmp_path)


def test_what_the_compiler_complains_of_is_one_short_sentence(parent: Artifact, tmp_path: Path) -> None:
    """TensorRT-RTX 1.7 has no bf16 deconvolution."""
    with pytest.raises(
        BackendError, match=r"TensorRT-RTX .* cannot compile graph 'generator' in bf16: .*Myelin"
    ) as caught:
        optimize(parent, Plan(target="tensorrt-rtx", precision="bf16"), tmp_path / "child")
    assert len(caught.value.message) < 400
    assert caught.value.hint == "try another --precision than bf16"
    assert_nothing_was_written(tmp_path)


def test_tensorrt_itself_compiles_only_where_a_gpu_is(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT is not on the public index; its sister library stands in for it up to the check of the GPU."""
    monkeypatch.setitem(sys.modules, "tensorrt", importlib.import_module("tensorrt_rtx"))
    if device_problem("cuda", "tensorrt") is None:
        pytest.skip("a GPU is here")
    with pytest.raises(
        BackendError, match="TensorRT compiles on the GPU that runs the engine: no NVIDIA driver"
    ) as caught:
        optimize(parent, Plan(target="tensorrt", precision="fp16"), tmp_path / "child")
    assert caught.value.hint == "use --target tensorrt-rtx"
    assert_nothing_was_written(tmp_path)


def test_an_operation_that_the_parser_does_not_know_is_named(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx")
    model = onnx.load(tmp_path / "g.onnx")
    model.graph.node[2].op_type, model.graph.node[2].domain = "Sparkle", "com.example"
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    onnx.save(model, tmp_path / "g.onnx")
    entry = GraphFile(file="g.onnx", format="onnx", precision="fp32", spec=spec)
    with pytest.raises(BackendError, match=r"TensorRT-RTX cannot parse graph 'g': .*Sparkle"):
        compile_engine(importlib.import_module("tensorrt_rtx"), "TensorRT-RTX", tmp_path / "g.onnx", entry)
    assert [path.name for path in tmp_path.iterdir()] == ["g.onnx"]


def test_the_step_can_be_read_as_json(parent: Artifact, tmp_path: Path) -> None:
    child = optimize(parent, Plan(target="tensorrt-rtx", compute_capabilities=("8.9", "12.0")), tmp_path / "child")
    raw = json.loads((child.path / "manifest.json").read_text())
    assert raw["steps"][-1]["options"]["compute_capabilities"] == ["8.9", "12.0"]
    assert raw["graphs"]["generator"]["requires"]["compute_capabilities"] == ["8.9", "12.0"]
