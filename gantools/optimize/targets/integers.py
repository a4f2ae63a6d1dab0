"""Quantized matrix products as ONNX Runtime multiplies them on a CPU: MatMulInteger, the same numbers in its own words.

It has no kernel for a product between QuantizeLinear and DequantizeLinear that gives a float, and computes such a one
in fp32 (1.32). MatMulInteger is several times faster, in loops too, where the activation is unsigned; so its zero point
becomes 128:

    y = (q_x - 128) W_q * s_x s_w + b,   q_x = clip(round(x / s_x) + 128, 0, 255)
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnx_ir as ir

from gantools.optimize.passes.constants import forget, put_constant
from gantools.optimize.rewrites.reading import constant, integer, is_op

_ZERO = 128


def in_integers(path: Path) -> None:
    """Rewrite the quantized matrix products of a file, in place. A file without any stays as it is.

    Args:
        path: Typed ONNX.
    """
    model = ir.load(path)
    changed = [_in_integers(node) for node in list(model.graph.all_nodes()) if is_op(node, "Gemm", "MatMul")]
    if any(changed):
        ir.save(model, path)


def _in_integers(node: ir.Node) -> bool:
    """Replace a product; whether it was quantized."""
    given, weights = (value.producer() if value is not None else None for value in node.inputs[:2])
    if not (is_op(given, "DequantizeLinear") and is_op(weights, "DequantizeLinear")):
        return False
    assert given is not None
    assert weights is not None
    quantize = given.inputs[0].producer() if given.inputs[0] is not None else None
    scale, scales, whole = constant(given.inputs[1]), constant(weights.inputs[1]), constant(weights.inputs[0])
    graph = node.graph
    if not is_op(quantize, "QuantizeLinear") or scale is None or scales is None or whole is None or graph is None:
        return False
    assert quantize is not None
    if is_op(node, "Gemm") and integer(node, "transB", 0):
        whole = np.ascontiguousarray(whole.T)
    result = node.outputs[0]
    made = [
        ir.node("QuantizeLinear", [quantize.inputs[0], None, None], name=f"{node.name}_unsigned"),
        ir.node("MatMulInteger", [None, None, None], name=f"{node.name}_integers"),
        ir.node("Cast", [None], attributes={"to": int(ir.DataType.FLOAT)}, name=f"{node.name}_sums"),
        ir.node("Mul", [None, None], name=f"{node.name}_scaled"),
    ]
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    if bias is not None:
        made.append(ir.node("Add", [None, bias], name=f"{node.name}_shifted"))
    types = (ir.DataType.UINT8, ir.DataType.INT32, *[ir.DataType.FLOAT] * 3)
    for one, dtype in zip(made, types, strict=False):
        graph.insert_before(node, one)
        one.outputs[0].name, one.outputs[0].dtype, one.outputs[0].shape = one.name, dtype, result.shape
    made[0].outputs[0].shape = quantize.outputs[0].shape
    for before, after in itertools.pairwise(made):
        after.replace_input_with(0, before.outputs[0])
    zero = np.array(_ZERO, np.uint8)
    constants = ((0, 1, scale), (0, 2, zero), (1, 1, whole), (1, 2, zero), (3, 1, (scale * scales).astype(np.float32)))
    for which, place, values in constants:
        put_constant(made[which], place, values)
    result.replace_all_uses_with(made[-1].outputs[0], replace_graph_outputs=True)
    graph.remove(node, safe=True)
    for unused in (weights, given, quantize):
        _drop(unused)
    name, result.name = result.name, None
    made[-1].outputs[0].name = name
    return True


def _drop(node: ir.Node) -> None:
    """Take a node whose result nobody uses out of its graph, with its constants."""
    if node.graph is None or node.outputs[0].uses() or node.outputs[0].is_graph_output():
        return
    constants = list(node.inputs)
    node.graph.remove(node, safe=True)
    for value in constants:
        forget(value)
