"""Take out of each bias what rounding adds to its channel on the average of real inputs.

    b' = b - E[Q(W) Q(x) - W x]

(Nagel et al. 2019, Data-Free Quantization, equation 12, with real x.) Every quantized product is run beside the one
that it stands for, on the same values, which are exact. Only where outputs have pixels: a mean over the pixels of some
inputs is sure, a mean over some inputs alone is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from gantools.optimize.observation import observed
from gantools.optimize.passes.constants import put_constant
from gantools.optimize.passes.products import products, unrounded
from gantools.optimize.race import copied
from gantools.optimize.rewrites.reading import constant, is_op
from gantools.runtime.backends.base import Arrays

_CORRECTED = ("Conv", "ConvTranspose")


def correct_biases(made: ir.Model, exact: ir.Model, inputs: Sequence[Arrays]) -> None:
    """Correct the biases of a quantized model, in place.

    Args:
        made: With products between QuantizeLinear and DequantizeLinear.
        exact: The same in fp32, with nodes of the same names.
        inputs: Real ones; at least one.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    wanted = {str(node.name): node for node in products(exact) if is_op(node, *_CORRECTED)}
    both = copied(made)
    shifts: dict[str, str] = {}
    for node in list(both.graph):
        before = wanted.get(str(node.name))
        if before is None:
            continue
        beside = ir.node(
            node.op_type, [unrounded(node.inputs[0])], attributes=dict(node.attributes), name=f"{node.name}_exact"
        )
        beside.outputs[0].name = f"{node.name}_exact"
        both.graph.insert_after(node, beside)
        for place, value in enumerate(before.inputs[1:], 1):
            known = constant(value)
            if known is not None:
                put_constant(beside, place, known)
        node.outputs[0].replace_all_uses_with(beside.outputs[0], replace_graph_outputs=True)
        difference = ir.node("Sub", [node.outputs[0], beside.outputs[0]], name=f"{node.name}_shift")
        difference.outputs[0].name = shifts[str(node.name)] = f"{node.name}_shift"
        both.graph.insert_after(beside, difference)
    sums: dict[str, Any] = {}
    for values in observed(both, inputs, list(shifts.values())):
        for name, shift in zip(shifts, values, strict=True):
            sums[name] = sums.get(name, 0.0) + shift.mean((0, *range(2, shift.ndim)), dtype=np.float64) / len(inputs)
    for node in list(made.graph):
        if node.name in sums:
            bias = constant(node.inputs[2]) if len(node.inputs) > 2 else None
            put_constant(node, 2, ((0.0 if bias is None else bias) - sums[node.name]).astype(np.float32))
