"""How far pixels lie from those they should be."""

from __future__ import annotations

from typing import Literal

from torch import Tensor


def pixel_distance(
    made: Tensor, wanted: Tensor, kind: Literal["charbonnier", "l1", "mse"], epsilon: float = 1e-3
) -> Tensor:
    """Mean distance over all pixels, a scalar float32.

    Args:
        made: Of any shape, in [-1, 1].
        wanted: Of the same shape.
        kind: ``charbonnier``: sqrt(d^2 + epsilon^2) of each difference d; ``l1``: |d|; ``mse``: d^2.
        epsilon: See there.
    """
    difference = made.float() - wanted
    if kind == "mse":
        return difference.square().mean()
    if kind == "l1":
        return difference.abs().mean()
    return (difference.square() + epsilon**2).sqrt().mean()
