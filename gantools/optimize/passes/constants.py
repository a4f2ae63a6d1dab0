"""Constants of one node alone, and of none."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import onnx_ir as ir


def put_constant(node: ir.Node, place: int, values: npt.NDArray[Any]) -> None:
    """Give a node a constant input that no other node shares.

    Args:
        node: In the main graph or in a loop, where the constant will be.
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
    forget(before)


def forget(value: ir.Value | None) -> None:
    """Take a constant out of its graph if nobody uses it any more.

    Args:
        value: Anything; what is no such constant stays.
    """
    if value is None or not value.is_initializer() or value.uses() or value.is_graph_input():
        return
    if isinstance(value.graph, ir.Graph) and not value.is_graph_output():
        del value.graph.initializers[str(value.name)]
