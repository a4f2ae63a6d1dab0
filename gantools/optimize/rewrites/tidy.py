"""Clear away what exporters leave behind. The work is that of onnxscript's optimizer.

Functions are inlined; what depends on constants alone is computed once (shape arithmetic; weights that another weight
scales, such as StyleGAN2's demodulation where the style is constant); casts to the same type, expansions and
transpositions that change nothing go, as do nodes that nobody asks for, and nodes that compute the same have one copy.
A graph with sequences or optional values stays as it is: types inferred for them can be wrong (onnx 1.23).
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import optimizer

LARGEST = 2**26  # values of a constant that is computed once; weights of generators are smaller


def tidy(model: ir.Model) -> ir.Model:
    """Clear away, in place, and infer shapes, which rewrites ask for."""
    if any("Sequence" in node.op_type or "Optional" in node.op_type for node in model.graph.all_nodes()):
        return model
    optimizer.optimize_ir(model, input_size_limit=LARGEST, output_size_limit=LARGEST)
    common.ShapeInferencePass()(model)
    return model
