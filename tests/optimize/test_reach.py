"""How far networks look, counted on their operations, beside how far they are seen to look."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from gantools.core.spec import GraphSpec
from gantools.optimize.reach import Reach, reach_of
from tests.enhance.networks import begun, conv, ended, enlarger, spec_of
from tests.zoo import Net, open_graph, save


def _constant(net: Net, values: list[Any], kind: Any = np.int64) -> str:
    return net.constant(np.array(values, kind))


def _deep() -> Net:
    net = begun()
    conv(net, (3, 6))
    conv(net, (6, 6), 3, dilations=[2, 2], pads=[2] * 4)
    conv(net, (6, 3), 5)
    return net


def _pooled() -> Net:
    """Halved, looked at, and doubled again: twice over different ways."""
    net = begun()
    first = net.last
    net.then("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    conv(net, (3, 3))
    net.then("ConvTranspose", net.weight(3, 3, 4, 4, fan_in=12), kernel_shape=[4, 4], strides=[2, 2], pads=[1] * 4)
    net.then("Add", first)
    return net


def _phases() -> Net:
    net = begun()
    net.then("SpaceToDepth", blocksize=2)
    conv(net, (12, 12))
    net.then("DepthToSpace", blocksize=2)
    return net


def _cubic() -> Net:
    net = begun()
    net.then("Resize", "", _constant(net, [1, 1, 2, 2], np.float32), mode="cubic")
    conv(net, (3, 3))
    return net


def _reflected() -> Net:
    net = begun()
    net.then("Pad", _constant(net, [0, 0, 2, 2, 0, 0, 2, 2]), mode="reflect")
    conv(net, (3, 3), 5, pads=[0] * 4)
    return net


def _cropped() -> Net:
    net = begun()
    net.then("Pad", _constant(net, [0, 0, 3, 3, 0, 0, 3, 3]))
    net.then("Slice", *(_constant(net, values) for values in ([3, 3], [-3, -3], [2, 3])))
    return net


def _channelwise() -> Net:
    net = begun()
    net.then("Softmax", axis=1)
    net.then("Concat", net.last, axis=1)
    net.then("Gather", _constant(net, [0, 4, 2]), axis=1)
    return net


LOCAL: dict[str, tuple[Callable[[], Net], int, Reach]] = {
    "enlarger": (enlarger, 2, Reach(4, 1)),
    "dilated": (_deep, 1, Reach(5, 1)),
    "pooled": (_pooled, 1, Reach(4, 2)),
    "phases": (_phases, 1, Reach(3, 2)),
    "cubic": (_cubic, 2, Reach(3, 1)),
    "reflected": (_reflected, 1, Reach(4, 1)),  # a bound: the padding and what uses it up are counted apart
    "cropped": (_cropped, 1, Reach(3, 1)),
    "channels": (_channelwise, 1, Reach(0, 1)),
}


def _written(path: Path, net: Net, scale: int) -> GraphSpec:
    spec = spec_of(scale=scale)
    save(ended(net, floats=False), spec, path)
    return spec


@pytest.mark.parametrize("name", LOCAL)
def test_no_pixel_is_moved_by_one_beyond_the_reach(name: str, tmp_path: Path) -> None:
    make, scale, expected = LOCAL[name]
    spec = _written(tmp_path / "net.onnx", make(), scale)
    reach = reach_of(tmp_path / "net.onnx", "frame", "image")
    assert isinstance(reach, Reach)
    assert reach == expected
    rng = np.random.default_rng(0)
    farthest = 0
    with open_graph(tmp_path / "net.onnx", spec) as session:
        image = rng.integers(60, 190, (1, 48, 48, 3), np.uint8)
        before = session.run({"frame": image})["image"].astype(int)
        for row, column in ((24, 24), (25, 24), (24, 25), (25, 25)):
            changed = image.copy()
            changed[0, row, column] = 255 - changed[0, row, column] // 2
            after = session.run({"frame": changed})["image"].astype(int)
            rows, columns = np.nonzero(np.abs(after - before).sum(axis=(0, 3)))
            assert len(rows), "a pixel that nothing depends on proves nothing"
            distance = [np.abs(rows // scale - row).max(), np.abs(columns // scale - column).max()]
            farthest = max(farthest, *map(int, distance))
    assert farthest <= reach.halo


def test_convolutions_are_counted_exactly(tmp_path: Path) -> None:
    """All weights are alike, so whoever looks is moved."""
    net = begun()
    for _ in range(3):
        net.then("Conv", net.constant(np.full((3, 3, 3, 3), 0.03, np.float32)), kernel_shape=[3, 3], pads=[1] * 4)
    spec = _written(tmp_path / "net.onnx", net, 1)
    with open_graph(tmp_path / "net.onnx", spec) as session:
        image = np.zeros((1, 32, 32, 3), np.uint8)
        image[0, 16, 16] = 255
        # The corners are 1/27 of the middle at each step: enough for the middle row only.
        _, columns = np.nonzero(session.run({"frame": image})["image"].sum(axis=(0, 3)))
    assert reach_of(tmp_path / "net.onnx", "frame", "image") == Reach(3, 1)
    assert np.abs(columns - 16).max() == 3


def _global_pool(net: Net) -> None:
    net.then("GlobalAveragePool")


def _instance_norm(net: Net) -> None:
    net.then("InstanceNormalization", *(net.constant(np.ones(3, np.float32)) for _ in range(2)))


def _mean_of_rows(net: Net) -> None:
    net.then("ReduceMean", _constant(net, [2]), keepdims=1)


def _softmax_along(net: Net) -> None:
    net.then("Softmax", axis=3)


def _ruler(net: Net) -> None:
    net.then("Mul", net.constant(np.linspace(0, 1, 64, dtype=np.float32)))


def _corners(net: Net) -> None:
    scales = _constant(net, [1, 1, 2, 2], np.float32)
    net.then("Resize", "", scales, mode="linear", coordinate_transformation_mode="align_corners")


def _computed(net: Net) -> None:
    first = net.last
    net.nodes.append(helper.make_node("Shape", [first], ["sizes"], name="sizes"))
    net.nodes.append(helper.make_node("Resize", [first, "", "", "sizes"], ["resized"], name="resized"))
    net.last = "resized"


def _taken_apart(net: Net) -> None:
    net.then("Reshape", _constant(net, [0, 3, -1, 16]))


def _cut_at(net: Net) -> None:
    net.then("Slice", *(_constant(net, values) for values in ([0], [20], [2])))


def _attention(net: Net) -> None:
    first = net.last
    net.then("Transpose", perm=[0, 1, 3, 2])
    net.then("MatMul", first)


def _rounded_up(net: Net) -> None:
    net.then("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)


def _padded_by_size(net: Net) -> None:
    net.then("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")


def _fixed(net: Net) -> None:
    weight = net.weight(3, 3, 2, 2, fan_in=3)
    net.then("ConvTranspose", weight, kernel_shape=[2, 2], strides=[2, 2], output_shape=[64, 64])


def _channels_last(net: Net) -> None:
    net.then("Transpose", perm=[0, 2, 3, 1])
    net.then("DepthToSpace", blocksize=2)


def _odd_ratio(net: Net) -> None:
    net.then("Resize", "", _constant(net, [1, 1, 1.2345, 1.2345], np.float32), mode="linear")


def _chosen_pixels(net: Net) -> None:
    net.then("Gather", net.constant(np.zeros((1, 2), np.int64)), axis=1)


def _mixed(net: Net) -> None:
    net.then("MatMul", net.constant(np.eye(16, dtype=np.float32)))


def _wrapped(net: Net) -> None:
    net.then("Pad", _constant(net, [0, 0, 1, 1, 0, 0, 1, 1]), mode="wrap")


def _unknown_kernel(net: Net) -> None:
    net.then("Conv", net.last)


def _dropped_axes(net: Net) -> None:
    net.then("ReduceMean", _constant(net, [1]), keepdims=0)


EVERYWHERE: dict[str, tuple[Callable[[Net], None], str]] = {
    "global pooling": (_global_pool, "(GlobalAveragePool) takes the mean of the whole image"),
    "instance norm": (_instance_norm, "(InstanceNormalization) takes the mean of the whole image"),
    "mean of rows": (_mean_of_rows, "(ReduceMean) looks along a whole side of the image"),
    "softmax": (_softmax_along, "(Softmax) looks along a whole side of the image"),
    "ruler": (_ruler, "(Mul) takes other constants at other places"),
    "corners": (_corners, "(Resize) places pixels by the size of the image"),
    "computed": (_computed, "(Shape) may look at the whole image"),
    "reshape": (_taken_apart, "(Reshape) may look at the whole image"),
    "cut": (_cut_at, "(Slice) cuts by the size of the image"),
    "attention": (_attention, "(MatMul) joins images of different sizes"),
    "padded by size": (_padded_by_size, "(MaxPool) pads by the size of the image"),
    "fixed": (_fixed, "(ConvTranspose) has an output of fixed size"),
    "channels last": (_channels_last, "(DepthToSpace) works along the channels"),
    "odd ratio": (_odd_ratio, "(Resize) enlarges by no simple ratio"),
    "chosen pixels": (_chosen_pixels, "(Gather) takes the image apart"),
    "mixed": (_mixed, "(MatMul) multiplies whole images"),
    "wrapped": (_wrapped, "(Pad) pads by the size of the image"),
    "unknown kernel": (_unknown_kernel, "(Conv) has a kernel of unknown size"),
    "dropped axes": (_dropped_axes, "(ReduceMean) looks at the whole image"),
    "rounded up": (_rounded_up, "(AveragePool) rounds sizes up"),
}


@pytest.mark.parametrize("name", EVERYWHERE)
def test_what_looks_everywhere_is_named(name: str, tmp_path: Path) -> None:
    add, reason = EVERYWHERE[name]
    net = begun()
    add(net)
    nodes = ended(net, floats=False).nodes
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("frame", 2, ["batch", "height", "width", 3])],
        [helper.make_tensor_value_info("image", 2, None)],
        net.initializers,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)]), tmp_path / "net.onnx")
    found = reach_of(tmp_path / "net.onnx", "frame", "image")
    assert isinstance(found, str)
    assert reason in found


def test_interpolation_by_three_is_known_to_round(tmp_path: Path) -> None:
    net = begun()
    net.then("Resize", "", _constant(net, [1, 1, 3, 3], np.float32), mode="linear")
    _written(tmp_path / "net.onnx", net, 3)
    found = reach_of(tmp_path / "net.onnx", "frame", "image")
    assert isinstance(found, Reach)
    assert len(found.rounded) == 1


def test_an_output_that_no_image_decides_is_named(tmp_path: Path) -> None:
    _written(tmp_path / "net.onnx", begun(), 1)
    assert reach_of(tmp_path / "net.onnx", "frame", "nothing") == "'nothing' does not depend on the image"


def test_another_input_with_a_value_for_each_pixel_is_named(tmp_path: Path) -> None:
    net = begun()
    net.nodes.append(helper.make_node("Mul", [net.last, "mask"], ["masked"], name="masked"))
    net.last = "masked"
    spec = spec_of(scale=1)
    mask = spec.inputs[0].model_copy(update={"name": "mask", "dtype": "float32"})
    mask = mask.model_copy(update={"shape": ("batch", 1, "height", "width")})
    save(ended(net, floats=False), spec.model_copy(update={"inputs": (*spec.inputs, mask)}), tmp_path / "net.onnx")
    found = reach_of(tmp_path / "net.onnx", "frame", "image")
    assert found == "input 'mask' has a value for each pixel of the whole"
