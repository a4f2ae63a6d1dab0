"""int8 of matrix products in main graphs and in loops, by the largest value that each was seen to take.

For texts. A loop's body is out of reach for ``onnxruntime.quantization``, and what ``int8`` does beside is for pixels.
The numbers mean the same: x -> s round(clip(x / s, -128, 127)) with one s for all of x, and weights in [-127, 127] with
a scale for each output. One scale for all rows of a batch, and one that is known before: were it that of the values at
hand (DynamicQuantizeLinear), a text would depend on the company it is written in.

A product is known by its weights, so that what was seen of it in one graph of a network holds in the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gantools.optimize.observation import observed
from gantools.optimize.passes.constants import forget, put_constant
from gantools.optimize.passes.products import products
from gantools.optimize.rewrites.reading import constant, integer, is_op
from gantools.runtime.backends.base import Arrays

_LARGEST = 127
_LEAST = 1e-8  # a scale is never 0


def largest_inputs(model: ir.Model, inputs: Iterable[Arrays]) -> dict[str, float]:
    """How large what each product takes becomes, by a digest of its weights.

    Args:
        model: Fp32; not changed.
        inputs: Real ones; at least one.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    found = products(model)
    largest = {_digest(node): 0.0 for node in found}
    for values in observed(model, inputs, [str(node.inputs[0].name) for node in found]):  # type: ignore[union-attr]
        for node, value in zip(found, values, strict=True):
            key = _digest(node)
            largest[key] = max(largest[key], float(np.abs(value).max(initial=0.0)))
    return largest


def put_scales(model: ir.Model, largest: Mapping[str, float]) -> ir.Model:
    """Put every product between QuantizeLinear and DequantizeLinear, in place.

    Args:
        model: Fp32; its products are matrix products.
        largest: What ``largest_inputs`` found, of this graph or of another one of the same network.
    """
    for node in products(model):
        scale = np.array(max(largest[_digest(node)], _LEAST) / _LARGEST, np.float32)
        weight, axis = _by_output(node)
        scales = np.maximum(np.abs(weight).max(1), _LEAST).astype(np.float32) / np.float32(_LARGEST)
        rounded = np.clip(np.rint(weight / scales[:, None]), -_LARGEST, _LARGEST).astype(np.int8)
        whole = rounded if axis == 0 else np.ascontiguousarray(rounded.T)
        given, zero = node.inputs[0], np.array(0, np.int8)
        quantize = _inserted(node, "QuantizeLinear", [given, None, None], "quantized")
        dequantize = _inserted(node, "DequantizeLinear", [quantize.outputs[0], None, None], "dequantized")
        for one in (quantize, dequantize):
            put_constant(one, 1, scale)
            put_constant(one, 2, zero)
        weights = _inserted(node, "DequantizeLinear", [None, None, None], "weights", axis=axis)
        for place, values in enumerate((whole, scales, np.zeros(scales.shape, np.int8))):
            put_constant(weights, place, values)
        before = node.inputs[1]
        node.replace_input_with(0, dequantize.outputs[0])
        node.replace_input_with(1, weights.outputs[0])
        forget(before)
    return model


def _inserted(before: ir.Node, kind: str, inputs: list[ir.Value | None], what: str, **attributes: int) -> ir.Node:
    node = ir.node(kind, inputs, attributes=attributes, name=f"{before.name}_{what}")
    node.outputs[0].name, node.outputs[0].dtype = node.name, ir.DataType.FLOAT
    if kind == "QuantizeLinear":
        node.outputs[0].dtype = ir.DataType.INT8
    graph = before.graph
    assert graph is not None
    graph.insert_before(before, node)
    return node


def _by_output(node: ir.Node) -> tuple[npt.NDArray[Any], int]:
    """The weights of a product, (outputs, inputs), and the axis of outputs as the node has it."""
    weight = constant(node.inputs[1])
    assert weight is not None, "products have constant weights"
    assert weight.ndim == 2, "those of texts are of matrices"
    axis = 0 if is_op(node, "Gemm") and integer(node, "transB", 0) else 1
    return (weight if axis == 0 else weight.T), axis


def _digest(node: ir.Node) -> str:
    weight, _ = _by_output(node)
    return hashlib.sha256(np.ascontiguousarray(weight).tobytes()).hexdigest()
