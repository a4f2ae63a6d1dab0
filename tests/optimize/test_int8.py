"""int8: what is quantized, what is not, that every kind of runtime takes it, and that a budget judges it."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from gantools.core.artifact import Artifact, GraphFile
from gantools.core.errors import QualityError, RecipeError
from gantools.optimize.optimize import optimize
from gantools.optimize.passes.int8 import apply, ends, products
from gantools.optimize.plan import Plan
from gantools.optimize.targets.engine import compile_engine
from gantools.runtime.backends.openvino import cpu_capabilities
from tests.optimize.rewrites.chains import Chain
from tests.zoo import LATENT, NETS, make_artifact, spec_of, write_onnx

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
    assert len(entry.islands) == 2
    (loss,) = made.manifest.steps[-1].losses
    assert 0 < loss.loss < 10
    narrow = plan.model_copy(update={"max_loss": {"levels": 0.001}})
    with pytest.raises(QualityError, match="the precision int8 on openvino costs too much"):
        optimize(parents[kind], narrow, tmp_path / "other")


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
