"""ONNX files as others write them: no manifest, ranges of their own, any opset, sizes fixed or free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Size = int | str


def _write(
    path: Path,
    nodes: list[onnx.NodeProto],
    weights: dict[str, np.ndarray],
    ins: list[onnx.ValueInfoProto],
    outs: list[onnx.ValueInfoProto],
    opset: int,
) -> Path:
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    if opset < 11:  # as exporters of that time did: constants are inputs too
        ins = ins + [helper.make_tensor_value_info(one.name, one.data_type, one.dims) for one in initializers]
    graph = helper.make_graph(nodes, "foreign", ins, outs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4 if opset < 11 else 8)
    onnx.save(model, path)
    return path


def _float(name: str, shape: Sequence[Size], dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, list(shape))


def enlarger(path: Path, *, opset: int = 17, shape: Sequence[Size] = ("n", 3, "h", "w"), gain: float = 1.0) -> Path:
    """Convolution and DepthToSpace: images in and out, in the same range, twice as large."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(0, 0.05, (12, 3, 3, 3)).astype(np.float32)
    for place in range(12):
        kernel[place, place % 3, 1, 1] += 1  # DCR: channel of colour c and place p is 3 p + c
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["wide"], pads=[1, 1, 1, 1]),
        helper.make_node("DepthToSpace", ["wide"], ["y"], blocksize=2),
    ]
    n, c, h, w = shape
    larger = [2 * size if isinstance(size, int) else f"2{size}" for size in (h, w)]
    return _write(
        path, nodes, {"kernel": kernel * np.float32(gain)}, [_float("x", shape)], [_float("y", [n, c, *larger])], opset
    )


def generator(path: Path, *, opset: int = 9, batch: Size = 1) -> Path:
    """A latent of (batch, 6, 1, 1), a transposed convolution, tanh: as DCGANs are shipped."""
    kernel = np.random.default_rng(1).normal(0, 0.5, (6, 1, 8, 8)).astype(np.float32)
    nodes = [
        helper.make_node("ConvTranspose", ["0", "kernel"], ["deep"]),
        helper.make_node("Tanh", ["deep"], ["image"]),
    ]
    return _write(
        path, nodes, {"kernel": kernel}, [_float("0", [batch, 6, 1, 1])], [_float("image", [batch, 1, 8, 8])], opset
    )


def styled(path: Path) -> Path:
    """An image NHWC in 0..255, weights of styles that all rows share, and a second output that is no image."""
    kernel = np.eye(3, dtype=np.float32)
    nodes = [
        helper.make_node("MatMul", ["image", "colours"], ["mixed"]),
        helper.make_node("ReduceMean", ["styles"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Mul", ["mixed", "mean"], ["output"]),
        helper.make_node("Relu", ["styles"], ["used"]),
    ]
    ins = [_float("image", [1, "h", "w", 3]), _float("styles", [4])]
    outs = [_float("used", [4]), _float("output", [1, "h", "w", 3])]
    return _write(path, nodes, {"colours": kernel}, ins, outs, 13)


def halving(path: Path) -> Path:
    """Halves an image four times and doubles it again: only multiples of 16 come back in their own size."""
    kernel = np.full((3, 3, 16, 16), 1 / 256, np.float32) * np.eye(3, dtype=np.float32)[:, :, None, None]
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["small"], strides=[16, 16]),
        helper.make_node("ConvTranspose", ["small", "back"], ["y"], strides=[16, 16]),
    ]
    weights = {"kernel": kernel, "back": np.ascontiguousarray(kernel * 256)}
    return _write(path, nodes, weights, [_float("x", ["n", 3, "h", "w"])], [_float("y", ["n", 3, "H", "W"])], 18)


def detailed(path: Path) -> Path:
    """Features of 6 channels and of 3, as large as the input, before the image, which is twice as large."""
    model = onnx.load(enlarger(path))
    model.graph.node.insert(0, helper.make_node("Relu", ["x"], ["colours"]))
    model.graph.node.append(helper.make_node("Concat", ["x", "colours"], ["features"], axis=1))
    model.graph.output.insert(0, _float("colours", ["n", 3, "h", "w"]))
    model.graph.output.insert(0, _float("features", ["n", 6, "h", "w"]))
    onnx.save(model, path)
    return path


def blended(path: Path) -> Path:
    """Two images of one size."""
    nodes = [helper.make_node("Add", ["a", "b"], ["y"])]
    ins = [_float(name, ["n", 3, "h", "w"]) for name in "ab"]
    return _write(path, nodes, {}, ins, [_float("y", ["n", 3, "h", "w"])], 17)


def shrinking(path: Path) -> Path:
    """Images that come out half as large."""
    nodes = [helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])]
    return _write(path, nodes, {}, [_float("x", ["n", 3, "h", "w"])], [_float("y", ["n", 3, "H", "W"])], 17)


def spoken(path: Path) -> Path:
    """Noise of a length that is free."""
    nodes = [
        helper.make_node("ReduceMean", ["z"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "flat"], ["y"]),
    ]
    flat = np.ones((1, 3, 8, 8), np.float32)
    return _write(path, nodes, {"flat": flat}, [_float("z", ["n", "t", 1, 1])], [_float("y", ["n", 3, 8, 8])], 13)


def of_bytes(path: Path) -> Path:
    """Bytes in and out, whose range needs no word."""
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    x, y = (_float(name, [1, "h", "w", 3], TensorProto.UINT8) for name in "xy")
    return _write(path, nodes, {}, [x], [y], 17)


def write_photos(folder: Path, count: int = 6, size: tuple[int, int] = (40, 56)) -> Path:
    """Smooth pictures with an edge each."""
    from PIL import Image

    folder.mkdir()
    y, x = np.mgrid[: size[0], : size[1]]
    for number in range(count):
        shade = 120 + 60 * np.sin((x + 3 * number) / 9) + 50 * np.cos(y / (5 + number)) + 15 * (x > 20 + number)
        pixels = np.stack([shade, 255 - shade, shade / 2], axis=-1).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder
