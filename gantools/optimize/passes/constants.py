"""Constants of one node alone."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import onnx_ir as ir


def put_constant(node: ir.Node, place: int, values: npt.NDArray[Any]) -> None:
    """Give a node a constant input that no other node shares.

    Args:
        node: In the main graph.
        place: Of the input; the next one after the last adds it.
        values: Of the constant.
    """
    graph = node.graph
    assert isinstance(graph, ir.Graph), "only nodes of a graph get constants"
    name = f"{node.name}_input_{place}"
    while name in graph.initializers:
        name += "_"
    tensor = ir.tensor(values, name=name)
    value = ir.Value(name=name, shape=ir.Shape(values.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.register_initializer(value)
    node.resize_inputs(max(len(node.inputs), place + 1))
    before = node.inputs[place]
    node.replace_input_with(place, value)
    if before is not None and before.is_initializer() and not before.uses() and not before.is_graph_input():
        del graph.initializers[str(before.name)]
