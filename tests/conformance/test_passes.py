"""What every pass must keep: the interface, the outputs within the precision, and what ONNX says of each operation."""

import importlib
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest

from gantools.optimize.passes import PASSES
from gantools.runtime.backends.base import is_arithmetic
from gantools.verify.parity import check
from gantools.verify.tolerances import TOLERANCES
from tests.zoo import LATENT, NETS, SAMPLER, Net, needs_bf16, open_graph, save, spec_of, write_onnx

LOW = {"fp16": "FLOAT16", "bf16": "BFLOAT16"}
RUNTIME = {"fp16": "onnxruntime", "bf16": "openvino", "int8": "onnxruntime"}
INPUTS = [{"latent": np.random.default_rng(seed).standard_normal((4, LATENT)).astype(np.float32)} for seed in range(8)]
CASES = [
    pytest.param(name, kind, output, marks=[needs_bf16] if name == "bf16" else [])
    for name in PASSES
    for kind in NETS
    for output in ("uint8", "float32")
]


def test_every_pass_is_tried_on_every_net() -> None:
    assert set(PASSES) == {*LOW, "int8"} == set(RUNTIME)
    assert len(CASES) == 3 * len(NETS) * 2 >= 12


@pytest.mark.parametrize(("name", "kind", "output"), CASES)
def test_the_interface_and_the_outputs_are_kept(tmp_path: Path, name: str, kind: str, output: str) -> None:
    spec = write_onnx(tmp_path / "source.onnx", kind, output)
    before = ir.load(tmp_path / "source.onnx")
    after = PASSES.load(name)(ir.load(tmp_path / "source.onnx"), (), INPUTS)
    for values in ("inputs", "outputs"):
        described = [
            [(value.name, value.dtype, str(value.shape)) for value in getattr(model.graph, values)]
            for model in (before, after)
        ]
        assert described[0] == described[1]
    ir.save(after, tmp_path / "typed.onnx")
    onnx.checker.check_model(tmp_path / "typed.onnx", full_check=True)
    with (
        open_graph(tmp_path / "typed.onnx", spec, name, RUNTIME[name]) as typed,
        open_graph(tmp_path / "source.onnx", spec) as source,
    ):
        parity = check(typed, source, SAMPLER, tolerance=TOLERANCES[name])  # type: ignore[index]
    assert parity.max_abs > 0


@pytest.mark.parametrize(("name", "kind", "output"), CASES)
def test_the_graph_holds_the_type_and_a_second_run_changes_nothing(
    tmp_path: Path, name: str, kind: str, output: str
) -> None:
    write_onnx(tmp_path / "g.onnx", kind, output)
    once = PASSES.load(name)(ir.load(tmp_path / "g.onnx"), (), INPUTS)
    arithmetic = [node for node in once.graph if is_arithmetic(node.op_type)]
    assert len(arithmetic) == 3
    if name == "int8":
        feeders = [value.producer() for node in arithmetic for value in node.inputs[:2]]
        assert [feeder and feeder.op_type for feeder in feeders] == ["DequantizeLinear"] * 6
        weights = [feeder.inputs[0] for feeder in feeders[1::2] if feeder]
        assert {weight.dtype.name for weight in weights if weight and weight.dtype} == {"INT8"}
    else:
        assert {value.dtype.name for node in arithmetic for value in (*node.inputs, *node.outputs)} == {LOW[name]}
    first = ir.to_proto(once).SerializeToString()
    twice = PASSES.load(name)(ir.from_proto(onnx.load_from_string(first)), (), INPUTS)
    assert ir.to_proto(twice).SerializeToString() == first


@pytest.mark.parametrize("name", PASSES)
def test_a_graph_without_anything_to_retype_is_unchanged(tmp_path: Path, name: str) -> None:
    """All of this graph is tail: there is no network before it."""
    net = Net()
    net.then("Mul", net.constant(np.array(2, np.float32)))
    net.then("Reshape", net.constant(np.array([-1, 1, 4, 4], np.int64)))
    net.then("Cast", output="image", to=onnx.TensorProto.UINT8)
    shape = spec_of("deconv").outputs[0].model_copy(update={"shape": ("batch", 1, 4, 4)})
    save(net, spec_of("deconv").model_copy(update={"outputs": (shape,)}), tmp_path / "g.onnx")
    before = ir.to_proto(ir.load(tmp_path / "g.onnx")).SerializeToString()
    after = ir.to_proto(PASSES.load(name)(ir.load(tmp_path / "g.onnx"))).SerializeToString()
    assert after == before


NODE_TESTS = (
    "averagepool",
    "batch_normalization",
    "clip",
    "concat",
    "conv",
    "convtranspose",
    "depthtospace",
    "expand",
    "gemm",
    "instance_normalization",
    "leakyrelu",
    "lstm",
    "matmul",
    "pad",
    "prelu",
    "resize",
    "softmax",
    "where",
)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # some of ONNX's reference code divides by zero on purpose
def test_onnx_backend_tests_hold_after_fp16() -> None:
    """Each node test of these operations that ONNX Runtime passes in fp32, it passes after the pass, within fp16."""
    from onnx.backend.test.case import node as cases

    for op_type in NODE_TESTS:
        importlib.import_module(f"onnx.backend.test.case.node.{op_type}")
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.intra_op_num_threads = 1
    tried = 0
    for case in cases._NodeTestCases:
        typed = ir.to_proto(PASSES.load("fp16")(ir.from_proto(case.model)))
        if not any(node.op_type == "Cast" for node in typed.graph.node):
            continue  # integers, or already in fp16
        onnx.checker.check_model(typed, full_check=True)
        try:
            exact = onnxruntime.InferenceSession(case.model.SerializeToString(), settings, ["CPUExecutionProvider"])
        except onnxruntime.capi.onnxruntime_pybind11_state.Fail:
            continue  # an operation this runtime lacks
        rounded = onnxruntime.InferenceSession(typed.SerializeToString(), settings, ["CPUExecutionProvider"])
        for inputs, expected in case.data_sets:
            names = [one.name for one in exact.get_inputs()]
            given = dict(zip(names, map(np.asarray, inputs), strict=True))
            outputs = exact.run(None, given), rounded.run(None, given), expected
            for in_fp32, in_fp16, right in zip(*outputs, strict=True):
                if not np.allclose(in_fp32, right, rtol=1e-3, atol=1e-5):
                    continue  # a known fault of the runtime, not of the pass
                scale = max(1.0, float(np.abs(in_fp32).max(initial=0)))
                np.testing.assert_allclose(in_fp16, in_fp32, rtol=4e-3, atol=4e-3 * scale, err_msg=case.name)
                tried += 1
    assert tried >= 150
