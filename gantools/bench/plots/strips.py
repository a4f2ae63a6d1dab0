"""A strip of marks for each variant, and the curves of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from gantools.bench.figures import digits
from gantools.bench.results import BenchRow
from gantools.bench.tables import label
from gantools.timing.stats import nearest_rank

_MOST_MARKS = 400
_WIDE = 3.0  # a wider range than this is drawn with a logarithmic axis


def latency_plot(rows: Sequence[BenchRow]) -> str:
    """A strip for each variant: every call a thin mark, the middle half shaded, the median a thick line.

    The axis ends at the largest 99th percentile; what lies beyond is counted in words beside its strip.
    """
    measured = [row for row in rows if row.ok and row.values_ms]
    if not measured:
        return '<p class="soft">Nothing was measured.</p>'
    values = {label(row): np.array(row.values_ms) for row in measured}
    low = min(float(each.min()) for each in values.values())
    high = max(max(nearest_rank(each, 99) for each in values.values()), low * 1.05)
    scale = _Scale(low, high)
    axis = "".join(f'<span style="left:{scale(tick):.2f}%">{digits(tick)} ms</span>' for tick in scale.ticks())
    strips = "".join(_strip(label(row), values[label(row)], scale) for row in measured)
    end = f'<div class="strip axis-row"><span class="name"></span><div class="plot axis">{axis}</div>'
    return f'{strips}{end}<span class="value"></span></div>'


class _Scale:
    """Milliseconds to percent of the width."""

    def __init__(self, low: float, high: float) -> None:
        self.logarithmic = high / low > _WIDE
        self.low, self.high = low, high

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return min(100.0, max(0.0, (value - low) / (high - low) * 98 + 1))

    def ticks(self) -> list[float]:
        """Both ends and three between them."""
        if self.logarithmic:
            return [self.low * (self.high / self.low) ** (step / 4) for step in range(5)]
        return [self.low + (self.high - self.low) * step / 4 for step in range(5)]


def _strip(name: str, values: np.ndarray, scale: _Scale) -> str:
    inside = np.sort(values[values <= scale.high])
    picked = inside if len(inside) <= _MOST_MARKS else inside[np.linspace(0, len(inside) - 1, _MOST_MARKS).astype(int)]
    marks = "".join(f"M{scale(float(value)):.2f} 3V22" for value in picked)
    left, middle, right = (scale(nearest_rank(values, percent)) for percent in (25, 50, 75))
    beyond = len(values) - len(inside)
    note = f"{beyond} of {len(values)} calls lie beyond, the slowest at {digits(values.max())} ms" if beyond else ""
    said = (
        f"{name}: median {digits(nearest_rank(values, 50))} ms, middle half "
        f"{digits(nearest_rank(values, 25))} to {digits(nearest_rank(values, 75))} ms, {len(values)} calls"
    )
    return (
        f'<div class="strip"><span class="name">{escape(name)}</span><div class="plot">'
        f'<svg viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="{escape(said)}">'
        f'<rect class="box" x="{left:.2f}" y="26" width="{max(right - left, 0.3):.2f}" height="11"/>'
        f'<path class="marks" vector-effect="non-scaling-stroke" d="{marks}"/>'
        f'<path class="median" vector-effect="non-scaling-stroke" d="M{middle:.2f} 23V40"/></svg></div>'
        f'<span class="value">{digits(nearest_rank(values, 50))} ms</span>'
        + (f'<span class="note soft small">{note}</span>' if note else "")
        + "</div>"
    )


def curve_plot(name: str, points: Sequence[tuple[float, float]]) -> str:
    """A curve over training steps, with its first, lowest, highest and last value in words."""
    known = [(x, y) for x, y in points if math.isfinite(y)]
    if len(known) < 2:
        return ""
    steps, values = zip(*known, strict=True)
    left, right, low, high = min(steps), max(steps), min(values), max(values)
    width, height = max(right - left, 1e-12), max(high - low, 1e-12)
    line = " ".join(f"{(x - left) / width * 98 + 1:.2f},{37 - (y - low) / height * 34:.2f}" for x, y in known)
    said = f"{name}: {values[0]:.4g} at step {left:g}, {values[-1]:.4g} at step {right:g}, from {low:.4g} to {high:.4g}"
    return (
        f'<figure><svg viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="{escape(said)}">'
        f'<polyline class="curve" vector-effect="non-scaling-stroke" points="{line}"/></svg>'
        f"<figcaption>{escape(said)}</figcaption></figure>"
    )
