"""bf16: the upper half of an fp32 number, 1 + 8 + 7 bits: 8 bits of significand and the whole range of fp32.

What recent CPUs (AVX-512 BF16, AMX) and GPUs multiply fastest. Nothing overflows; eight bits are all that is left.
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
    """Round every weight and every intermediate value: x -> round_to_nearest_even(x, 8 bits).

    The conversion of the output, such as to uint8, stays in float32.

    Args:
        model: Fp32; changed in place.
        islands: Names of nodes that stay float32.
        inputs: Not looked at.
        products_alone: See ``cast_model``.

    Raises:
        PrecisionError: An operation of this opset has no bf16; convolutions have it from opset 22 on.
    """
    return cast_model(model, ir.DataType.BFLOAT16, islands, products_alone=products_alone)
