"""Where a value lies along an axis, and at which values the axis is marked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gantools.bench.figures import digits
from gantools.media.plots import ticks

_EDGE = 1.0  # percent of the width that stays free at both ends


@dataclass(frozen=True)
class Scale:
    """Values to percent of the width or height.

    Attributes:
        low: The value at the beginning.
        high: The value at the end; above ``low``.
        logarithmic: Equal ratios are equally far apart.
    """

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def over(cls, values: Iterable[float], *, logarithmic: bool = False, zero: bool = False) -> Scale:
        """A scale on which all of them have room, from zero if wished."""
        known = [value for value in values if math.isfinite(value) and (value > 0 or not logarithmic)]
        if not known:
            return cls(1.0, 10.0, logarithmic)
        low, high = min(known), max(known)
        if logarithmic:
            room = max((high / low) ** 0.06, 1.06)
            return cls(low / room, high * room, logarithmic=True)
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
        return cls(low if zero and low == 0 else low - room, high + room)

    def __call__(self, value: float) -> float:
        """0..100; what lies outside is put at the end."""
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
        return min(100.0, max(0.0, (value - low) / (high - low) * (100 - 2 * _EDGE) + _EDGE))

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Round values on the axis with their texts."""
        if not self.logarithmic:
            return [(value, number(value)) for value in ticks(self.low, self.high, most)]
        for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
            found = self._round(factors)
            if len(found) >= 3:
                every = math.ceil(len(found) / (most + 1))
                return [(value, number(value)) for value in found[::every]]
        return [(value, digits(value)) for value in ticks(self.low, self.high, most)]

    def _round(self, factors: Iterable[float]) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        # A negative power of ten as a divisor, because 3 * 0.1 is not 0.3.
        values = [f * 10**p if p >= 0 else f / 10**-p for p in powers for f in factors]
        return [float(value) for value in values if self.low <= value <= self.high]


def number(value: float) -> str:
    """As short as an axis wants it: 0.05, 1.5, 20, 3,000, 2 M."""
    for size, unit in ((1e9, " G"), (1e6, " M")):
        if abs(value) >= size:
            return f"{value / size:,.6g}{unit}"
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
