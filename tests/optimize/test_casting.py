from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from gantools.core.artifact import METADATA_KEY
from gantools.core.errors import PrecisionError
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.optimize.passes import PASSES
from gantools.verify.parity import compare_arrays
from gantools.verify.tolerances import TOLERANCES
from tests.enhance.networks import begun, conv, ended, spec_of
from tests.zoo import LATENT, Net, open_graph, save, write_onnx

LATENTS = np.random.default_rng(0).standard_normal((3, LATENT)).astype(np.float32)


def flat_spec(*shape: int | str) -> GraphSpec:
    return GraphSpec(
        inputs=(TensorSpec(name="latent", dtype="float32", shape=("batch", LATENT)),),
        outputs=(TensorSpec(name="image", dtype="float32", shape=shape or ("batch", LATENT)),),
        axes={"batch": AxisRange(min=1, opt=2, max=8)},
    )


def cast(path: Path, precision: str) -> ir.Model:
    """Apply a pass to a file, check the outcome as ONNX does, and return it."""
    model = PASSES.load(precision)(ir.load(path))
    ir.save(model, path)
    onnx.checker.check_model(path, full_check=True)
    return ir.load(path)


def types_of(model: ir.Model, op_type: str) -> list[str]:
    return [node.inputs[0].dtype.name for node in model.graph.all_nodes() if node.op_type == op_type and node.inputs[0]]  # type: ignore[union-attr]


def matmul_after(build: Callable[[Net], Any]) -> Net:
    """A net that does something and then multiplies, so that there is a network before the tail."""
    net = Net()
    build(net)
    net.then("MatMul", net.weight(LATENT, LATENT, fan_in=LATENT), output="image")
    return net


def test_the_tail_keeps_its_constants_and_types(tmp_path: Path) -> None:
    write_onnx(tmp_path / "g.onnx")
    model = cast(tmp_path / "g.onnx", "bf16")
    assert types_of(model, "ConvTranspose") == ["BFLOAT16"] * 3
    for op_type in ("Mul", "Add", "Round", "Clip", "Transpose"):
        assert types_of(model, op_type) == ["FLOAT"], op_type
    assert [node.op_type for node in model.graph].count("Cast") == 3  # in, out, uint8


def test_resize_keeps_its_scales_and_loses_its_input_type(tmp_path: Path) -> None:
    write_onnx(tmp_path / "g.onnx", "resize")
    model = cast(tmp_path / "g.onnx", "fp16")
    resizes = [node for node in model.graph if node.op_type == "Resize"]
    assert [(node.inputs[0].dtype.name, node.inputs[2].dtype.name) for node in resizes] == [("FLOAT16", "FLOAT")] * 2  # type: ignore[union-attr]


def test_sizes_are_computed_exactly(tmp_path: Path) -> None:
    """4097 is no bf16 number, 4096 is: sizes that pass through floats must not be rounded."""

    def build(net: Net) -> None:
        net.then("Shape")
        net.then("Cast", to=TensorProto.FLOAT)
        net.then("Mul", net.constant(np.array([1, 256.0625], np.float32)))  # 16 * 256.0625 = 4097
        net.then("Cast", to=TensorProto.INT64)
        sizes, net.last = net.last, "latent"
        net.then("Tile", net.constant(np.array([1, 257], np.int64)))
        net.then("Slice", net.constant(np.array([0, 0], np.int64)), sizes)
        net.then("ReduceMax", net.constant(np.array([1], np.int64)))
        net.then("Expand", net.constant(np.array([1, LATENT], np.int64)))

    save(matmul_after(build), flat_spec(), tmp_path / "g.onnx")
    model = cast(tmp_path / "g.onnx", "bf16")
    assert types_of(model, "Mul") == ["FLOAT"]
    assert types_of(model, "MatMul") == ["BFLOAT16"]


def test_an_operation_without_the_type_stays_fp32_between_casts(tmp_path: Path) -> None:
    def build(net: Net) -> None:
        steps = [net.constant(np.array(value, np.float32)) for value in (0, LATENT, 1)]
        net.nodes.append(helper.make_node("Range", steps, ["positions"], name="range"))
        net.then("Add", "positions")

    spec = flat_spec()
    save(matmul_after(build), spec, tmp_path / "g.onnx")
    with open_graph(tmp_path / "g.onnx", spec) as graph:
        expected = graph.run({"latent": LATENTS})["image"]
    model = cast(tmp_path / "g.onnx", "fp16")
    assert types_of(model, "Range") == ["FLOAT"]
    assert types_of(model, "Add") == ["FLOAT16"]
    with open_graph(tmp_path / "g.onnx", spec) as graph:
        np.testing.assert_allclose(graph.run({"latent": LATENTS})["image"], expected, atol=0.1, rtol=1e-2)
    assert_unchanged_by(tmp_path / "g.onnx", "fp16")


def assert_unchanged_by(path: Path, precision: str) -> None:
    before = ir.load(path)
    after = PASSES.load(precision)(ir.load(path))
    assert ir.to_proto(after).SerializeToString() == ir.to_proto(before).SerializeToString()


def test_constants_inside_nodes_are_retyped_too(tmp_path: Path) -> None:
    def build(net: Net) -> None:
        value = numpy_helper.from_array(np.full(LATENT, 0.5, np.float32))
        net.nodes.append(helper.make_node("Constant", [], ["half"], value=value))
        net.nodes.append(helper.make_node("Constant", [], ["two"], value_float=2.0))
        net.then("Add", "half")
        net.then("Mul", "two")

    save(matmul_after(build), flat_spec(), tmp_path / "g.onnx")
    model = cast(tmp_path / "g.onnx", "bf16")
    assert types_of(model, "Add") == types_of(model, "Mul") == ["BFLOAT16"]
    assert all(value.dtype is not ir.DataType.FLOAT for value in model.graph.initializers.values())


def test_a_filled_tensor_and_a_cast_to_float_are_retyped(tmp_path: Path) -> None:
    def build(net: Net) -> None:
        shape = net.constant(np.array([LATENT], np.int64))
        net.nodes.append(helper.make_node("ConstantOfShape", [shape], ["zeros"]))
        net.then("Greater", "zeros")
        net.then("Cast", to=TensorProto.FLOAT)

    save(matmul_after(build), flat_spec(), tmp_path / "g.onnx")
    model = cast(tmp_path / "g.onnx", "fp16")
    assert types_of(model, "Greater") == types_of(model, "MatMul") == ["FLOAT16"]


def scan_model(path: Path) -> GraphSpec:
    """image[t] = state = tanh(state + latent[t] * w) along the batch axis, with the weight captured from outside."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["row", "w"], ["product"]),
            helper.make_node("Add", ["state", "product"], ["sum"]),
            helper.make_node("Tanh", ["sum"], ["next"]),
            helper.make_node("Identity", ["next"], ["emitted"]),
        ],
        "step",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [LATENT]) for name in ("state", "row")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [LATENT]) for name in ("next", "emitted")],
    )
    net = Net()
    start = net.constant(np.zeros(LATENT, np.float32))
    net.initializers.append(numpy_helper.from_array(0.5 * np.eye(LATENT, dtype=np.float32), "w"))
    net.nodes.append(helper.make_node("Scan", [start, "latent"], ["last", "image"], body=body, num_scan_inputs=1))
    spec = flat_spec()
    save(net, spec, path)
    return spec


def test_loops_are_retyped_with_their_bodies(tmp_path: Path) -> None:
    spec = scan_model(tmp_path / "g.onnx")
    with open_graph(tmp_path / "g.onnx", spec) as graph:
        expected = graph.run({"latent": LATENTS})["image"]
    model = cast(tmp_path / "g.onnx", "fp16")
    assert types_of(model, "MatMul") == types_of(model, "Tanh") == types_of(model, "Scan") == ["FLOAT16"]
    with open_graph(tmp_path / "g.onnx", spec) as graph:
        np.testing.assert_allclose(graph.run({"latent": LATENTS})["image"], expected, atol=2e-3)
    assert_unchanged_by(tmp_path / "g.onnx", "fp16")


def test_branches_are_retyped_with_their_bodies(tmp_path: Path) -> None:
    def branch(op_type: str) -> onnx.GraphProto:
        output = helper.make_tensor_value_info(op_type, TensorProto.FLOAT, None)
        return helper.make_graph([helper.make_node(op_type, ["latent"], [op_type])], op_type, [], [output])

    def build(net: Net) -> None:
        net.initializers.append(numpy_helper.from_array(np.array(True), "yes"))
        node = helper.make_node("If", ["yes"], ["branched"], then_branch=branch("Tanh"), else_branch=branch("Relu"))
        net.nodes.append(node)
        net.last = "branched"

    save(matmul_after(build), flat_spec(), tmp_path / "g.onnx")
    model = cast(tmp_path / "g.onnx", "fp16")
    assert types_of(model, "Tanh") == types_of(model, "Relu") == types_of(model, "MatMul") == ["FLOAT16"]
    with open_graph(tmp_path / "g.onnx", flat_spec()) as graph:
        assert np.isfinite(graph.run({"latent": LATENTS})["image"]).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [(7e4, "holds 7e\\+04, and the largest fp16 is 65504"), (1e-9, "is 1e-09, which is 0 in fp16")],
)
def test_a_constant_that_does_not_fit_fp16_is_refused_by_name(tmp_path: Path, value: float, message: str) -> None:
    def build(net: Net) -> None:
        net.initializers.append(numpy_helper.from_array(np.array(value, np.float32), "epsilon"))
        net.then("Add", "epsilon")

    save(matmul_after(build), flat_spec(), tmp_path / "g.onnx")
    with pytest.raises(PrecisionError, match=f"constant 'epsilon' {message}") as caught:
        PASSES.load("fp16")(ir.load(tmp_path / "g.onnx"))
    assert caught.value.hint == "use --precision bf16, which has the range of fp32"
    cast(tmp_path / "g.onnx", "bf16")


def test_infinity_is_a_number_of_both_types(tmp_path: Path) -> None:
    def build(net: Net) -> None:
        net.then("Max", net.constant(np.array(-np.inf, np.float32)))

    save(matmul_after(build), flat_spec(), tmp_path / "g.onnx")
    assert types_of(cast(tmp_path / "g.onnx", "fp16"), "Max") == ["FLOAT16"]


def test_an_opset_without_bf16_convolutions_is_refused(tmp_path: Path) -> None:
    write_onnx(tmp_path / "g.onnx", opset=21)
    with pytest.raises(
        PrecisionError, match=r"node 'node_convtranspose_1': ConvTranspose of ONNX opset 21 has no bf16"
    ):
        PASSES.load("bf16")(ir.load(tmp_path / "g.onnx"))
    assert types_of(cast(tmp_path / "g.onnx", "fp16"), "ConvTranspose") == ["FLOAT16"] * 3


def test_the_manifest_of_the_source_does_not_travel_on(tmp_path: Path) -> None:
    write_onnx(tmp_path / "g.onnx")
    model = ir.load(tmp_path / "g.onnx")
    model.metadata_props[METADATA_KEY] = "{}"
    assert METADATA_KEY not in PASSES.load("fp16")(model).metadata_props


def test_weights_keep_their_names(tmp_path: Path) -> None:
    write_onnx(tmp_path / "g.onnx")
    before = set(ir.load(tmp_path / "g.onnx").graph.initializers)
    assert set(cast(tmp_path / "g.onnx", "bf16").graph.initializers) == before


def normalizing() -> Net:
    """Three convolutions of images with reflected edges, each followed by instance norm; the first ones are large."""
    net = begun()
    for channels, gain in (((3, 8), 1000.0), ((8, 8), 1.0), ((8, 3), 0.1)):
        net.then("Pad", net.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)), mode="reflect")
        conv(net, channels, noise=0.2, pads=[0] * 4)
        net.then("Mul", net.constant(np.array(gain, np.float32)))
        if gain != 0.1:
            scale, shift = (net.constant(np.full(channels[1], value, np.float32)) for value in (1, 0))
            net.then("InstanceNormalization", scale, shift)
            net.then("Relu")
    return net


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_statistics_of_a_large_bright_image_fit_fp16(tmp_path: Path, backend: str) -> None:
    """All its pixels add up to far more than 65504, and differ by a few levels."""
    spec = spec_of(3, 1)
    (floats,) = spec.outputs
    floats = floats.model_copy(update={"dtype": "float32", "shape": ("batch", 3, "height", "width")})
    spec = spec.model_copy(update={"outputs": (floats,)})
    path, low = tmp_path / "net.onnx", tmp_path / "low.onnx"
    save(ended(normalizing(), floats=True), spec, path)
    ir.save(ir.load(path), low)
    model = cast(low, "fp16")
    assert types_of(model, "Conv") == ["FLOAT16"] * 3
    assert types_of(model, "InstanceNormalization") == ["FLOAT"] * 2
    assert types_of(model, "Relu") == ["FLOAT16"] * 2, "what is normalized goes on in sixteen bits"
    waves = np.sin(np.arange(256) / 9)[:, None] * np.cos(np.arange(256) / 7)
    bright = np.rint(251 + 2 * waves + np.random.default_rng(0).normal(0, 0.7, (256, 256)))
    images = np.repeat(bright.clip(0, 255).astype(np.uint8)[None, ..., None], 3, axis=3)
    assert bright.sum() * 1000 / 255 > 65504, "of the first map alone"
    with open_graph(path, spec, backend=backend) as session, open_graph(low, spec, "fp16", backend) as other:
        expected, got = (one.run({"frame": images})["image"] for one in (session, other))
    assert expected.std() > 0.05
    difference = compare_arrays(floats, got, expected, TOLERANCES["fp16"])
    assert difference.ok, str(difference)


def adding(scale: int, *, luma: bool = False) -> Net:
    """Bytes to [-1, 1]; three products that find nothing; and what was given, enlarged, with that added.

    With ``luma`` no more than the brightness of what was given is added (``models.translate.luma``).
    """
    net = Net()
    net.last = "frame"
    net.then("Cast", to=TensorProto.FLOAT)
    net.then("Transpose", perm=[0, 3, 1, 2])
    net.then("Div", net.constant(np.array(127.5, np.float32)))
    net.then("Sub", net.constant(np.array(1, np.float32)))
    given = net.last
    conv(net, (3, 8))
    net.then("Relu")
    conv(net, (8, 3 * scale**2))
    net.then("Mul", net.constant(np.array(0, np.float32)))
    net.then("Conv", net.weight(3 * scale**2, 3 * scale**2, 1, 1, fan_in=12), kernel_shape=[1, 1])
    if scale > 1:
        net.then("DepthToSpace", blocksize=scale, mode="CRD")
    found, net.last = net.last, given
    if scale > 1:
        net.then("Resize", "", net.constant(np.array([1, 1, scale, scale], np.float32)), mode="nearest")
    if luma:
        net.then("Sub", found)
        net.then("Mul", net.constant(np.array([0.299, 0.587, 0.114], np.float32).reshape(1, 3, 1, 1)))
        net.then("ReduceSum", net.constant(np.array([1], np.int64)), keepdims=1)
    net.then("Add", found)
    net.then("Mul", net.constant(np.array(127.5, np.float32)))
    net.then("Add", net.constant(np.array(127.5, np.float32)))
    net.then("Round")
    net.then("Clip", *(net.constant(np.array(value, np.float32)) for value in (0, 255)))
    net.then("Transpose", perm=[0, 2, 3, 1])
    net.then("Cast", output="image", to=TensorProto.UINT8)
    return net


@pytest.mark.parametrize(("scale", "luma"), [(1, False), (2, False), (1, True), (2, True)])
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_what_is_given_and_added_to_keeps_every_level(precision: str, scale: int, luma: bool, tmp_path: Path) -> None:
    """Eight bits tell 128 levels of the brighter half apart; a restored picture was half a level darker for it."""
    spec, path = spec_of(3, scale), tmp_path / "net.onnx"
    save(adding(scale, luma=luma), spec, path)
    model = cast(path, precision)
    assert types_of(model, "Conv") == [{"fp16": "FLOAT16", "bf16": "BFLOAT16"}[precision]] * 3
    for op_type in ("Div", "Sub", "Resize", "ReduceSum", "Add", "Round"):
        assert set(types_of(model, op_type)) <= {"FLOAT"}, op_type
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    with open_graph(path, spec, precision, "openvino") as session:
        made = session.run({"frame": levels})["image"]
    np.testing.assert_array_equal(made, levels.repeat(scale, axis=1).repeat(scale, axis=2))


def test_a_picture_alone_is_what_a_head_is_of(tmp_path: Path) -> None:
    """A latent that is scaled before the first product goes there in the low type, as everything else does."""
    save(
        matmul_after(lambda net: net.then("Mul", net.constant(np.array(2, np.float32)))),
        flat_spec(),
        tmp_path / "g.onnx",
    )
    assert types_of(cast(tmp_path / "g.onnx", "bf16"), "Mul") == ["BFLOAT16"]
