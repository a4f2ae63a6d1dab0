"""Products inside a loop: what their values are, int8 by what was seen, and how ONNX Runtime multiplies that."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from gantools.core.artifact import GraphFile
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.optimize.observation import observed
from gantools.optimize.passes.casting import cast_model
from gantools.optimize.passes.matrices import largest_inputs, put_scales
from gantools.optimize.passes.products import others, products
from gantools.optimize.ranges import largest_values, overflowing
from gantools.optimize.targets.integers import in_integers
from gantools.runtime.session import Session, Where
from gantools.verify.attest import attest

BATCH, STEPS, UNITS, OUTPUTS = 3, 4, 8, 5
RNG = np.random.default_rng(0)
W = RNG.standard_normal((UNITS, UNITS)).astype(np.float32)
V, B = RNG.standard_normal((UNITS, OUTPUTS)).astype(np.float32), RNG.standard_normal(OUTPUTS).astype(np.float32)
X = RNG.standard_normal((STEPS, BATCH, UNITS)).astype(np.float32)
GIVEN = {"x": X, "state": np.zeros((BATCH, UNITS), np.float32)}
SPEC = GraphSpec(
    inputs=(
        TensorSpec(name="x", dtype="float32", shape=(STEPS, "batch", UNITS)),
        TensorSpec(name="state", dtype="float32", shape=("batch", UNITS)),
    ),
    outputs=(TensorSpec(name="y", dtype="float32", shape=(STEPS, "batch", OUTPUTS)),),
    axes={"batch": AxisRange(min=1, opt=BATCH, max=8)},
)


def looped(transposed: bool = True) -> ir.Model:
    """h' = tanh(h + x W), y = scale (h' V + b), the weights outside of the loop, one as Gemm and one as MatMul."""

    def told(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    nodes = [
        helper.make_node("Gemm", ["x_now", "w"], ["seen"], name="in", transB=int(transposed)),
        helper.make_node("Add", ["h", "seen"], ["sum"], name="add"),
        helper.make_node("Tanh", ["sum"], ["h_next"], name="tanh"),
        helper.make_node("MatMul", ["h_next", "v"], ["made"], name="out"),
        helper.make_node("Add", ["made", "b"], ["y_now"], name="shift"),
    ]
    inside = (
        [told("h", "batch", UNITS), told("x_now", "batch", UNITS)],
        [told("h_next", "batch", UNITS), told("y_now", "batch", OUTPUTS)],
    )
    body = helper.make_graph(nodes, "body", *inside)
    scan = helper.make_node("Scan", ["state", "x"], ["last", "y"], name="scan", body=body, num_scan_inputs=1)
    constants = {"w": W.T.copy() if transposed else W, "v": V, "b": B}
    graph = helper.make_graph(
        [scan],
        "g",
        [told("x", STEPS, "batch", UNITS), told("state", "batch", UNITS)],
        [told("y", STEPS, "batch", OUTPUTS)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return ir.from_proto(onnx.shape_inference.infer_shapes(model))


def states() -> np.ndarray:
    found, state = [], GIVEN["state"]
    for step in range(STEPS):
        state = np.tanh(state + X[step] @ W)
        found.append(state)
    return np.stack(found)


def opened(path: Path, backend: str = "onnxruntime", precision: str = "int8") -> Session:
    entry = GraphFile.model_validate({"file": path.name, "format": "onnx", "precision": precision, "spec": SPEC})
    return Session(path, entry, Where(backend, "cpu", 1))


def test_what_a_loop_computes_is_seen_at_every_step() -> None:
    model = looped()
    before = ir.to_proto(model).SerializeToString()
    ((seen, given, last),) = observed(model, [GIVEN], ["h_next", "x_now", "last"])
    np.testing.assert_allclose(seen, states(), atol=1e-6)
    np.testing.assert_array_equal(given, X)
    np.testing.assert_allclose(last, states()[-1], atol=1e-6)
    ((whole,),) = observed(model, [GIVEN], ["x"])  # an input of the graph too
    np.testing.assert_array_equal(whole, X)
    assert ir.to_proto(model).SerializeToString() == before


def test_what_overflows_in_a_loop_is_named() -> None:
    model = looped()
    found = largest_values(model, [GIVEN])
    assert found["h_next"] == pytest.approx(np.abs(states()).max(), abs=1e-6)
    assert overflowing(model, [GIVEN]) == ()
    large = {**GIVEN, "x": X * 1e5}
    assert overflowing(model, [large]) == ("in", "add", "tanh")
    typed = cast_model(model, ir.DataType.FLOAT16, ("in", "add", "tanh"), products_alone=True)
    types = {str(node.name): node.outputs[0].dtype for node in typed.graph.all_nodes()}
    assert (types["in"], types["out"]) == (ir.DataType.FLOAT, ir.DataType.FLOAT16)


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_int8_in_a_loop_is_close_and_computed(tmp_path: Path, transposed: bool, backend: str) -> None:
    model = looped(transposed)
    assert [node.name for node in products(model)] == ["in", "out"]
    assert others(model) == ()
    largest = largest_inputs(model, [GIVEN])
    assert sorted(largest.values()) == pytest.approx(sorted([np.abs(X).max(), np.abs(states()).max()]), abs=1e-6)
    assert largest_inputs(looped(not transposed), [GIVEN]) == pytest.approx(largest), "weights are known in either form"
    path = tmp_path / "g.onnx"
    ir.save(put_scales(model, largest), path)
    onnx.checker.check_model(path, full_check=True)
    with opened(path) as session:
        between = session.run(GIVEN)["y"]
        assert attest(session).computed == {"fp32": 1.0}, "which is why there are integers"
    if backend == "onnxruntime":
        in_integers(path)
        onnx.checker.check_model(path, full_check=True)
        kinds = [node.op_type for node in ir.load(path).graph.all_nodes()]
        assert (kinds.count("MatMulInteger"), kinds.count("DequantizeLinear")) == (2, 0)
    with opened(path, backend) as session:
        found = session.run(GIVEN)["y"]
        assert attest(session).computed == {"int8": 1.0}
        alone = session.run({"x": X[:, 1:2], "state": GIVEN["state"][1:2]})["y"]
    exact = states() @ V + B
    assert 0 < np.abs(found - exact).max() < 0.1
    np.testing.assert_allclose(found, between, atol=1e-5)
    np.testing.assert_allclose(alone, found[:, 1:2], atol=1e-5)


def test_a_file_without_quantized_products_stays_as_it_is(tmp_path: Path) -> None:
    ir.save(looped(), tmp_path / "g.onnx")
    before = (tmp_path / "g.onnx").read_bytes()
    in_integers(tmp_path / "g.onnx")
    assert (tmp_path / "g.onnx").read_bytes() == before
