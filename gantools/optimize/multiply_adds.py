"""How many products a graph sums: the work of its convolutions and matrix products, at the sizes its values have."""

from __future__ import annotations

from math import prod

import onnx_ir as ir

from gantools.optimize.rewrites.reading import integer, is_op


def multiply_adds(graph: ir.Graph) -> int:
    """Multiply-adds of Conv, ConvTranspose, Gemm and MatMul; the products with padding count as well.

    Args:
        graph: Its values have known shapes. Nodes of subgraphs count once.

    Raises:
        ValueError: The shape of a value that matters is not known.
    """
    return sum(of_node(node) for node in graph.all_nodes())


def of_node(node: ir.Node) -> int:
    """Those of one node; 0 for all other operations."""
    if is_op(node, "Conv"):
        return prod(_shape(node.outputs[0])) * prod(_shape(node.inputs[1])[1:])
    if is_op(node, "ConvTranspose"):
        return prod(_shape(node.inputs[0])) * prod(_shape(node.inputs[1])[1:])
    if is_op(node, "Gemm"):
        return prod(_shape(node.outputs[0])) * _shape(node.inputs[0])[0 if integer(node, "transA", 0) else 1]
    if is_op(node, "MatMul"):
        return prod(_shape(node.outputs[0])) * _shape(node.inputs[0])[-1]
    return 0


def _shape(value: ir.Value | None) -> tuple[int, ...]:
    sizes = () if value is None or value.shape is None else tuple(value.shape)
    if value is None or value.shape is None or not all(isinstance(size, int) for size in sizes):
        raise ValueError(f"the shape of value '{value.name if value is not None else ''}' is not known")
    return tuple(int(size) for size in sizes)  # type: ignore[arg-type]
