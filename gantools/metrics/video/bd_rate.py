"""Bjøntegaard's delta: how many percent more or fewer bits one encoder needs for the quality of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gantools.core.errors import DataError
from gantools.core.optional import require

Point = tuple[float, float]
"""(bits a second, quality)."""


@dataclass(frozen=True)
class BdRate:
    """What is said of two curves.

    Attributes:
        percent: Bits that the tested one needs beyond the anchor at equal quality, on average; below 0: it saves.
        low: Lowest quality that both curves have.
        high: Highest quality that both curves have: the average is over what lies between.
    """

    percent: float
    low: float
    high: float


def bd_rate(anchor: Sequence[Point], tested: Sequence[Point], *, method: str = "akima") -> BdRate | None:
    """Mean difference of log rate over the range of qualities that both curves reach.

    Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001; between points by Akima's
    interpolation (Herglotz et al., "Beyond Bjøntegaard: Limits of Video Compression Performance Comparisons", 2022), or
    by piecewise cubic Hermite polynomials as in the sheets of JCT-VC and JVET.

    Args:
        anchor: Points of the curve that is compared with, in any order.
        tested: Points of the other.
        method: ``akima`` or ``pchip``.

    Returns:
        None where no quality is reached by both.

    Raises:
        DataError: Fewer than four points in a curve, or its quality does not grow with its rate.
    """
    polynomials: Any = require("scipy.interpolate", extra="data", why="to compare curves of rate and quality")
    made = {"akima": polynomials.Akima1DInterpolator, "pchip": polynomials.PchipInterpolator}[method]
    curves, ends = [], []
    for name, points in (("anchor", anchor), ("tested curve", tested)):
        rates, qualities = np.array(sorted(points), np.float64).reshape(-1, 2).T
        if len(rates) < 4:
            raise DataError(f"a BD-rate takes four points or more of each curve, and the {name} has {len(rates)}.")
        if rates[0] <= 0 or (np.diff(qualities) <= 0).any():
            raise DataError(
                f"a BD-rate takes quality that grows with the rate, and that of the {name} does not: "
                f"{', '.join(f'{quality:.4g}' for quality in qualities)}.",
                hint="choose other points, farther apart",
            )
        curves.append(made(qualities, np.log10(rates)))
        ends.append((qualities[0], qualities[-1]))
    low, high = max(low for low, _ in ends), min(high for _, high in ends)
    if high <= low:
        return None
    base, other = (float(curve.integrate(low, high)) / (high - low) for curve in curves)
    return BdRate(100 * float(10 ** (other - base) - 1), float(low), float(high))
