"""fp16: IEEE binary16, 1 + 5 + 10 bits: 11 bits of significand, largest value 65504, least positive one 6e-8.

Twice as small as fp32 and several times as fast on GPUs. Values that do not fit are refused by name; see ``casting``.
"""

from __future__ import annotations

import onnx_ir as ir

from gantools.optimize.passes.casting import cast_model


def apply(model: ir.Model) -> ir.Model:
    """Round every weight and every intermediate value: x -> round_to_nearest_even(x, 11 bits).

    The conversion of the output, such as to uint8, stays in float32.

    Raises:
        PrecisionError: A value does not fit, or an operation of this opset has no fp16.
    """
    return cast_model(model, ir.DataType.FLOAT16)
