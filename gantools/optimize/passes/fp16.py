"""fp16: IEEE binary16, 1 + 5 + 10 bits: 11 bits of significand, largest value 65504, least positive one 6e-8.

Twice as small as fp32 and several times as fast on GPUs. Constants that do not fit are refused by name; see
``casting``. Which nodes it is too small for, ``ranges`` measures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import onnx_ir as ir

from gantools.optimize.passes.casting import cast_model
from gantools.runtime.backends.base import Arrays


def apply(
    model: ir.Model,
    islands: Collection[str] = (),
    inputs: Iterable[Arrays] = (),  # noqa: ARG001 - rounding looks at no values
    *,
    products_alone: bool = False,
) -> ir.Model:
    """Round every weight and every intermediate value: x -> round_to_nearest_even(x, 11 bits).

    The conversion of the output, such as to uint8, stays in float32.

    Args:
        model: Fp32; changed in place.
        islands: Names of nodes that stay float32.
        inputs: Not looked at.
        products_alone: See ``cast_model``.

    Raises:
        PrecisionError: A value does not fit, or an operation of this opset has no fp16.
    """
    return cast_model(model, ir.DataType.FLOAT16, islands, products_alone=products_alone)
