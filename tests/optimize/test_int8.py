"""int8: what is quantized, what is not, that every kind of runtime takes it, and that a budget judges it."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from gantools.core.artifact import Artifact, GraphFile
from gantools.core.errors import QualityError, RecipeError
from gantools.core.events import Event, Note
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.optimize.observation import observed
from gantools.optimize.optimize import optimize
from gantools.optimize.passes.int8 import apply, quantize, rest_in_bf16
from gantools.optimize.passes.products import ends, others, products
from gantools.optimize.plan import Plan
from gantools.optimize.targets.engine import compile_engine
from gantools.runtime.backends.openvino import cpu_capabilities
from gantools.runtime.session import Session
from gantools.verify.attest import attest
from tests.optimize.rewrites.chains import Chain
from tests.zoo import LATENT, NETS, make_artifact, needs_bf16, spec_of, write_onnx

X = {"x": np.random.default_rng(1).standard_normal((2, 4, 6, 6)).astype(np.float32)}
FILES = ("generator.onnx", "generator_float.onnx")
AS_FOUND: dict[str, dict[str, dict[str, str]]] = {
    "generator": {},
    "generator_float": {},
}  # another form has other nodes
ONE_ISLAND: dict[str, tuple[str, ...]] = dict.fromkeys(AS_FOUND, ("node_conv_3",))
INPUTS = [{"latent": np.random.default_rng(seed).standard_normal((4, LATENT)).astype(np.float32)} for seed in range(8)]
needs_int8 = pytest.mark.skipif("INT8" not in cpu_capabilities(), reason="OpenVINO has no int8 on this CPU")


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return {kind: make_artifact(tmp_path_factory.mktemp("zoo") / kind, kind) for kind in NETS}


def test_the_ends_feed_from_no_product_or_into_none() -> None:
    chain = Chain((2, 4, 6, 6))
    chain.then("Conv", chain.draw(4, 4, 3, 3), pads=[1] * 4).then("Relu")  # first
    branch = chain.last
    chain.then("Conv", chain.draw(4, 4, 3, 3), pads=[1] * 4).then("Conv", chain.draw(4, 4, 1, 1)).then("Add", branch)
    chain.then("Mul", chain.draw(4, 1, 1)).then("Conv", chain.draw(3, 4, 3, 3)).then("Tanh")  # last
    model = ir.from_proto(chain.model())
    assert [node.name for node in products(model)] == ["n0", "n2", "n3", "n6"]
    assert ends(model) == ("n0", "n6")


def test_a_product_of_two_inputs_is_no_place_for_weights() -> None:
    chain = Chain((2, 4, 4))
    model = ir.from_proto(chain.then("MatMul", "x").model())
    assert products(model) == []
    assert ends(model) == ()
    assert [node.op_type for node in apply(model, (), [{"x": np.zeros((2, 4, 4), np.float32)}]).graph] == ["MatMul"]


@pytest.mark.parametrize("kind", NETS)
def test_biases_stay_float_and_nothing_is_rounded_after_a_product(tmp_path: Path, kind: str) -> None:
    write_onnx(tmp_path / "g.onnx", kind)
    model = ir.load(tmp_path / "g.onnx")
    kept = ends(model)
    made = apply(model, kept, INPUTS)
    quantized = [node for node in products(model) if node.name not in kept]
    assert len(quantized) == 1
    (node,) = [one for one in made.graph if one.name == quantized[0].name]
    assert [value.producer().op_type for value in node.inputs[:2]] == ["DequantizeLinear"] * 2  # type: ignore[union-attr]
    if len(node.inputs) > 2:
        assert node.inputs[2] is not None
        assert node.inputs[2].producer() is None
    assert "QuantizeLinear" not in [user.op_type for user, _ in node.outputs[0].uses()]
    weight = node.inputs[1].producer() if node.inputs[1] is not None else None
    assert weight is not None
    assert weight.inputs[1] is not None
    assert weight.inputs[1].shape == ir.Shape([8])  # one scale for each output channel
    zero_points = [one.inputs[2] for one in made.graph if one.op_type == "QuantizeLinear" and len(one.inputs) > 2]
    for value in zero_points:
        assert value is not None
        assert value.const_value is not None
        assert not value.const_value.numpy().any()


def test_int8_without_a_budget_is_refused(parents: dict[str, Artifact], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no element-wise limit knows it") as caught:
        optimize(parents["deconv"], Plan(target="openvino", precision="int8"), tmp_path / "child")
    assert caught.value.hint == "give a budget, such as --max-loss levels=1 or --max-loss kid=0.001 --data SOURCE"
    assert list(tmp_path.iterdir()) == []


@needs_int8
@pytest.mark.parametrize("kind", NETS)
def test_openvino_computes_it_and_the_budget_judges_it(parents: dict[str, Artifact], tmp_path: Path, kind: str) -> None:
    plan = Plan(target="openvino", precision="int8", max_loss={"levels": 10.0}, samples=100, threads=2)
    made = optimize(parents[kind], plan, tmp_path / "child")
    entry = made.graph()[1]
    assert entry.precision == "int8"
    assert entry.islands == ()  # as much is allowed as nothing loses
    (loss,) = made.manifest.steps[-1].losses
    assert 0 < loss.loss < 10
    narrow = plan.model_copy(update={"max_loss": {"levels": 0.001}})
    with pytest.raises(QualityError, match="the precision int8 on openvino costs too much"):
        optimize(parents[kind], narrow, tmp_path / "other")


@needs_int8
def test_as_few_products_are_spared_as_the_budget_needs(parents: dict[str, Artifact], tmp_path: Path) -> None:
    plan = Plan(target="openvino", precision="int8", max_loss={"levels": 10.0}, samples=100, threads=2)
    whole = optimize(parents["resize"], plan, tmp_path / "whole").manifest.steps[-1].losses[0]
    budget = whole.loss * 0.7
    events: list[Event] = []
    narrow = plan.model_copy(update={"max_loss": {"levels": budget}})
    made = optimize(parents["resize"], narrow, tmp_path / "narrow", events.append)
    (loss,) = made.manifest.steps[-1].losses
    assert loss.ok
    islands = made.graph()[1].islands
    assert 1 <= len(islands) < 3
    found = {name: list(entry.islands) for name, entry in made.manifest.graphs.items()}
    assert {len(names) for names in found.values()} == {len(islands)}  # both graphs are one network
    tried = [event.text for event in events if isinstance(event, Note) and "products spared" in event.text]
    assert tried[0].startswith("int8 with 0 of 3 products spared: levels lost")
    assert len(tried) >= 2
    options = made.manifest.steps[-1].options
    assert options["islands"] == found
    again = optimize(parents["resize"], Plan.model_validate(options), tmp_path / "again")
    for name in FILES:
        assert (again.folder / name).read_bytes() == (made.folder / name).read_bytes()


@needs_int8
@needs_bf16
def test_what_is_spared_is_computed_in_bf16_where_the_cpu_has_it(parents: dict[str, Artifact], tmp_path: Path) -> None:
    plan = Plan(target="openvino", precision="int8", max_loss={"levels": 10.0}, samples=100, threads=2, forms=AS_FOUND)
    made = optimize(parents["resize"], plan.model_copy(update={"islands": ONE_ISLAND}), tmp_path / "child")
    assert made.manifest.steps[-1].options["rest"] == "bf16"
    with Session.of(made) as session:
        found = attest(session)
    assert found.ok
    assert found.computed == {"int8": pytest.approx(2 / 3), "bf16": pytest.approx(1 / 3)}
    exact = plan.model_copy(update={"islands": ONE_ISLAND, "rest": "fp32"})
    with Session.of(optimize(parents["resize"], exact, tmp_path / "exact")) as session:
        assert attest(session).computed == {"int8": pytest.approx(2 / 3), "fp32": pytest.approx(1 / 3)}


@needs_int8
def test_islands_of_other_forms_are_refused(parents: dict[str, Artifact], tmp_path: Path) -> None:
    plan = Plan(target="openvino", precision="int8", max_loss={"levels": 10.0}, islands=ONE_ISLAND)
    other = {name: {"upsampling": {"conv_3": "transposed"}} for name in AS_FOUND}
    plan = plan.model_copy(update={"forms": other})
    with pytest.raises(RecipeError, match="names 'node_conv_3' as an island, and no node of the rewritten graph"):
        optimize(parents["resize"], plan, tmp_path / "child")
    assert list(tmp_path.iterdir()) == []


def test_a_spared_product_and_what_follows_it_alone_are_retyped() -> None:
    chain = Chain((2, 4, 6, 6))
    chain.then("Conv", chain.draw(4, 4, 3, 3), chain.draw(4), pads=[1] * 4).then("Relu")
    chain.then("Mul", chain.draw(4, 1, 1))
    chain.then("Conv", chain.draw(4, 4, 3, 3), pads=[1] * 4).then("Tanh")
    model = ir.from_proto(chain.model())
    made = rest_in_bf16(quantize(model, [X]).sparing(["n0"]), ["n0"])
    low = [node.name for node in made.graph if node.outputs[0].dtype == ir.DataType.BFLOAT16 and node.op_type != "Cast"]
    assert low == ["n0", "n1", "n2"]


@needs_int8
def test_what_has_no_kernel_of_whole_numbers_is_an_island(tmp_path: Path) -> None:
    chain = Chain((1, 4, 6, 6))
    chain.then("Conv", chain.draw(4, 4, 3, 3), pads=[1] * 4).then("Relu")
    chain.then("ConvTranspose", chain.draw(4, 1, 4, 4), group=4, strides=[2, 2], pads=[1] * 4)
    chain.then("Conv", chain.draw(3, 4, 3, 3), pads=[1] * 4)
    model = ir.from_proto(chain.model())
    assert [node.name for node in products(model)] == ["n0", "n3"]
    assert others(model) == ("n2",)
    x = {"x": X["x"][:1]}
    ir.save(quantize(model, [x]).sparing(others(model)), tmp_path / "g.onnx")
    spec = GraphSpec(
        inputs=(TensorSpec(name="x", dtype="float32", shape=(1, 4, 6, 6)),),
        outputs=(TensorSpec(name="v3", dtype="float32", shape=(1, 3, 12, 12)),),
    )
    entry = GraphFile(file="g.onnx", format="onnx", precision="int8", spec=spec, backend="openvino", islands=("n2",))
    with Session(tmp_path / "g.onnx", entry) as session:
        found = attest(session)
    assert found.ok
    assert found.computed == {"int8": pytest.approx(2 / 3), "fp32": pytest.approx(1 / 3)}


def test_whoever_takes_a_rounded_value_and_multiplies_nothing_gets_it_as_it_was() -> None:
    chain = Chain((2, 4, 6, 6))
    chain.then("Conv", chain.draw(4, 4, 3, 3), pads=[1] * 4).then("Relu")
    shortcut = chain.last
    chain.then("Conv", chain.draw(4, 4, 3, 3), pads=[1] * 4).then("Add", shortcut)
    made = apply(ir.from_proto(chain.model()), (), [X])
    (add,) = [node for node in made.graph if node.op_type == "Add"]
    (conv,) = [node for node in made.graph if node.name == "n2"]
    assert add.inputs[1].producer().op_type == "Relu"  # type: ignore[union-attr]
    assert conv.inputs[0].producer().op_type == "DequantizeLinear"  # type: ignore[union-attr]


def test_sparing_all_gives_the_function_back_and_harm_is_what_one_alone_does() -> None:
    chain = Chain((2, 4, 6, 6))
    chain.then("Conv", chain.draw(4, 4, 3, 3), chain.draw(4), pads=[1] * 4).then("Relu")
    chain.then("Conv", chain.constant(np.float32(1e-3) * np.ones((4, 4, 1, 1), np.float32))).then("Add", "v1")
    model = ir.from_proto(chain.model())
    found = quantize(model, [X])
    (exact,), (whole,) = observed(model, [X]), observed(found.sparing(["n0", "n2"]), [X])
    np.testing.assert_allclose(whole[0], exact[0], rtol=1e-5, atol=1e-5 * np.abs(exact[0]).max())
    harms = found.harms([X])
    assert list(harms) == ["n0", "n2"]
    assert harms["n0"] > 1000 * harms["n2"] > 0  # the second adds a thousandth


@pytest.mark.parametrize("kind", NETS)
def test_tensorrt_compiles_the_same_graph(tmp_path: Path, kind: str) -> None:
    library = pytest.importorskip("tensorrt_rtx")
    spec = write_onnx(tmp_path / "source.onnx", kind, "float32")
    model = ir.load(tmp_path / "source.onnx")
    ir.save(apply(model, ends(model), INPUTS), tmp_path / "g.onnx")
    onnx.checker.check_model(tmp_path / "g.onnx", full_check=True)
    entry = GraphFile(file="g.onnx", format="onnx", precision="int8", spec=spec, device="cuda")
    built = compile_engine(library, "TensorRT-RTX", tmp_path / "g.onnx", entry)
    assert built.arithmetic_layers == {"int8": 1, "fp32": 2}
    assert (tmp_path / built.file).stat().st_size > 0
    assert spec == spec_of(kind, "float32")
