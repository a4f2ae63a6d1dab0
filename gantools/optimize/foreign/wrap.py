"""A foreign graph with the interface of an artifact: bytes in where it takes images, and bytes or [-1, 1] out."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from gantools.core.spec import TensorSpec
from gantools.optimize.foreign.interface import Adoption, Interface, Port
from gantools.optimize.race import copied

LEVELS = 255.0
_DTYPES = {
    "uint8": ir.DataType.UINT8,
    "float32": ir.DataType.FLOAT,
    "int64": ir.DataType.INT64,
}


def wrapped(model: ir.Model, interface: Interface, image: Port, options: Adoption, output: TensorSpec) -> ir.Model:
    """A copy of a foreign model in the interface of an artifact.

    With black b and white w: x = u (w - b) / 255 + b of a byte u that goes in, and
    u = clip(round(255 (y - b) / (w - b)), 0, 255) or 2 (y - b) / (w - b) - 1 of a value y that comes out.

    Args:
        model: The foreign one, of opset 13 or later; its graph's inputs are no initializers. Not changed.
        interface: Its inputs.
        image: The output that is an image. The others are dropped, and what only they need.
        options: With the ranges.
        output: What the image becomes: uint8 NHWC, or float32 NCHW.
    """
    made = copied(model)
    graph = made.graph
    source = next(value for value in graph.outputs if value.name == image.name)
    front, back = _Chain(graph, "interface_in"), _Chain(graph, "interface_out")
    for given, tensor in zip(list(graph.inputs), interface.inputs, strict=True):
        _take(graph, given, tensor, interface.image, options, front)
    _free_name(graph, output.name)
    graph.outputs.clear()
    graph.outputs.append(_give(source, image, options, output, back))
    graph.insert_before(graph[0], front.nodes)
    graph.extend(back.nodes)
    common.RemoveUnusedNodesPass()(made)
    graph.sort()
    for node in graph.all_nodes():
        for value in node.outputs:
            value.shape = None
    graph.outputs[0].shape = ir.Shape(output.shape)
    common.ShapeInferencePass()(made)
    return made


class _Chain:
    """Nodes one after another."""

    def __init__(self, graph: ir.Graph, name: str) -> None:
        self.graph, self.name = graph, name
        self.nodes: list[ir.Node] = []

    def add(
        self, kind: str, *inputs: ir.Value, perm: list[int] | None = None, to: ir.DataType | None = None
    ) -> ir.Value:
        attributes: dict[str, int | list[int]] = {"perm": perm} if perm else {"to": int(to)} if to else {}
        name = f"{self.name}_{len(self.nodes)}"
        node = ir.node(kind, list(inputs), attributes, name=name)
        node.outputs[0].name = name
        node.outputs[0].type = ir.TensorType(to) if to else inputs[0].type
        self.nodes.append(node)
        return node.outputs[0]

    def cast(self, value: ir.Value, to: ir.DataType) -> ir.Value:
        """The value itself where it has the type."""
        return value if value.dtype == to else self.add("Cast", value, to=to)

    def number(self, value: float, name: str) -> ir.Value:
        """A constant, the same one for the same name."""
        if name not in self.graph.initializers:
            tensor = ir.tensor(np.array(value, np.float32), name=name)
            constant = ir.Value(name=name, const_value=tensor, type=ir.TensorType(tensor.dtype), shape=ir.Shape(()))
            self.graph.register_initializer(constant)
        return self.graph.initializers[name]


def _take(
    graph: ir.Graph, given: ir.Value, tensor: TensorSpec, image: Port | None, options: Adoption, chain: _Chain
) -> None:
    """Put an input of the artifact's type in the place of one of the foreign graph."""
    wanted = given.dtype
    is_image = image is not None and given.name == image.name
    if _DTYPES[tensor.dtype] == wanted and not is_image:
        given.shape = ir.Shape(tensor.shape)
        return
    fresh = ir.Value(name=given.name, type=ir.TensorType(_DTYPES[tensor.dtype]), shape=ir.Shape(tensor.shape))
    graph.inputs[graph.inputs.index(given)] = fresh
    value = fresh
    given.name = f"{given.name}_inside"
    if is_image:
        assert image is not None
        if wanted != ir.DataType.UINT8:
            assert options.input_range is not None
            black, white = options.input_range
            value = chain.cast(value, ir.DataType.FLOAT)
            value = chain.add("Mul", value, chain.number((white - black) / LEVELS, "interface_in_scale"))
            if black:
                value = chain.add("Add", value, chain.number(black, "interface_in_black"))
        if not image.channels_last:
            value = chain.add("Transpose", value, perm=[0, 3, 1, 2])
    assert wanted is not None
    value = chain.cast(value, wanted)
    given.replace_all_uses_with(value)


def _give(value: ir.Value, image: Port, options: Adoption, output: TensorSpec, chain: _Chain) -> ir.Value:
    """What the foreign graph makes as the artifact's output. The cast comes last: TensorRT knows bytes nowhere else."""
    pixels = output.dtype == "uint8"
    low, high = (0.0, LEVELS) if pixels else (-1.0, 1.0)
    black, white = (0.0, LEVELS) if image.dtype == ir.DataType.UINT8 else options.range_out
    scale = (high - low) / (white - black)
    shift = low - black * scale
    value = chain.cast(value, ir.DataType.FLOAT)
    if scale != 1:
        value = chain.add("Mul", value, chain.number(scale, f"interface_out_scale_{output.dtype}"))
    if shift:
        value = chain.add("Add", value, chain.number(shift, f"interface_out_shift_{output.dtype}"))
    if pixels:
        value = chain.add("Round", value)
        zero, most = (chain.number(one, f"interface_{one:g}") for one in (0.0, LEVELS))
        value = chain.add("Clip", value, zero, most)
    if pixels != image.channels_last:
        value = chain.add("Transpose", value, perm=[0, 2, 3, 1] if pixels else [0, 3, 1, 2])
    value = chain.add("Cast", value, to=ir.DataType.UINT8) if pixels else chain.add("Identity", value)
    value.name = output.name
    return value


def _free_name(graph: ir.Graph, name: str) -> None:
    """Rename whatever in the foreign graph has the name of the artifact's output; inputs keep theirs."""
    for node in graph.all_nodes():
        for value in node.outputs:
            if value.name == name:
                value.name = f"{name}_inside"
