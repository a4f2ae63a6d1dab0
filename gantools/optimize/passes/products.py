"""What can be quantized: products with constant weights, in the main graph and in loops."""

from __future__ import annotations

import onnx_ir as ir

from gantools.optimize.rewrites.reading import constant, integer, is_op
from gantools.runtime.backends.base import is_arithmetic

PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def products(model: ir.Model) -> list[ir.Node]:
    """The nodes that can be quantized, those of loops included, in order.

    These are products with constant weights, except transposed convolutions of groups, for which runtimes have no
    kernels of whole numbers (OpenVINO 2026.4 computes them in fp32).
    """
    return [node for node in model.graph.all_nodes() if is_op(node, *PRODUCTS) and _fits(node)]


def others(model: ir.Model) -> tuple[str, ...]:
    """Names of the nodes that multiply and add and cannot be quantized, those of loops included."""
    nodes = model.graph.all_nodes()
    return tuple(str(node.name) for node in nodes if is_arithmetic(node.op_type) and not _fits(node))


def _fits(node: ir.Node) -> bool:
    if not is_op(node, *PRODUCTS) or constant(node.inputs[1]) is None:
        return False
    return node.op_type != "ConvTranspose" or integer(node, "group", 1) == 1


def ends(model: ir.Model) -> tuple[str, ...]:
    """Names of the first products, which no other feeds, and of the last ones, which feed no other."""
    found = products(model)
    ahead = {node: _reached(node) & set(found) - {node} for node in found}
    fed = set().union(*ahead.values()) if ahead else set()
    return tuple(str(node.name) for node in found if node not in fed or not ahead[node])


def _reached(node: ir.Node) -> set[ir.Node]:
    """All nodes that depend on this one."""
    seen: set[ir.Node] = set()
    waiting = [node]
    while waiting:
        for follower in waiting.pop().successors():
            if follower not in seen:
                seen.add(follower)
                waiting.append(follower)
    return seen


def unrounded(value: ir.Value | None) -> ir.Value | None:
    """What a value was before it was quantized and dequantized."""
    for kind in ("DequantizeLinear", "QuantizeLinear"):
        node = value.producer() if value is not None else None
        if not is_op(node, kind):
            return value
        value = node.inputs[0]  # type: ignore[union-attr]
    return value
