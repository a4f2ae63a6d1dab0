"""Distributions of latency, and latency and rate against the batch size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from gantools.bench.figures import digits
from gantools.bench.plots.chart import Axis, Guide, Point, Series, chart, span_text
from gantools.bench.plots.scale import Scale, number
from gantools.bench.results import BenchRow, ScenarioResult
from gantools.bench.tables import label
from gantools.timing.stats import needed

_SHARES = (50, 90, 99, 99.9, 99.99)
_TAIL = 60  # slowest calls that are drawn one by one
_BODY = 120


def ecdf_plot(title: str, values_ms: Mapping[str, Sequence[float]], styles: Mapping[str, int]) -> str:
    """Which share of calls took at most how long, to the slowest call.

    Args:
        title: Above it.
        values_ms: Name -> every call.
        styles: Name -> number of its colour, dashes and shape.
    """
    shown = {name: np.sort(np.asarray(values)) for name, values in values_ms.items() if len(values)}
    if not shown:
        return ""
    series = [_distribution(name, values, styles[name]) for name, values in shown.items()]
    highest = max(point[1] for one in series for point in one.points)
    ticks = tuple((_rarity(share / 100), f"{share:g} %") for share in _SHARES if _rarity(share / 100) <= highest)
    x = Axis(
        "latency, ms", Scale.over((float(v) for each in shown.values() for v in (each[0], each[-1])), logarithmic=True)
    )
    y = Axis("share of calls that took at most so long", Scale(0.0, highest * 1.06), ((0.0, "0 %"), *ticks))
    said = "; ".join(
        f"{name}: {len(each)} calls {span_text((float(each[0]), float(each[-1])), 'ms')}"
        for name, each in shown.items()
    )
    guides = [
        Guide(f"p{percent}", y=_rarity(percent / 100)) for percent in (50, 90, 99) if _rarity(percent / 100) <= highest
    ]
    read = (
        "At each height, how long that share of calls took at most: further left is faster. The scale stretches the "
        "slowest calls, to the very last; a line that turns right near its top has a slow tail. Marks are percentiles "
        "that the count supports."
    )
    return chart(title, said, series, x, y, guides=guides, read=read)


def scenario_ecdf(results: Sequence[ScenarioResult], styles: Mapping[str, int]) -> str:
    """The same of the queries of each scenario that asks more than once."""
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for one in results:
        if one.mode == "performance" and one.scenario != "offline" and len(one.latencies_ms) > 1:
            found.setdefault(one.scenario, {})[one.name] = one.latencies_ms
    return "".join(ecdf_plot(f"Queries of {name}", values, styles) for name, values in found.items())


def sweep_plots(rows: Sequence[BenchRow], styles: Mapping[str, int]) -> str:
    """Latency and samples a second against the batch size, and the one against the other."""
    known = [row for row in rows if row.p50_ms and row.samples_per_s]
    lines: dict[str, list[BenchRow]] = {}
    for row in sorted(known, key=lambda row: row.batch):
        lines.setdefault(label(row), []).append(row)
    batches = sorted({row.batch for row in known})
    if len(batches) < 2:
        return ""
    level = Axis(
        "batch size", Scale.over(batches, logarithmic=True), tuple((float(one), number(one)) for one in batches)
    )

    def plot(title: str, unit: str, of: Mapping[str, list[float]], read: str) -> str:
        series = [
            Series(name, tuple(zip((float(row.batch) for row in each), of[name], strict=True)), styles[each[0].name])
            for name, each in lines.items()
        ]
        said = "; ".join(
            f"{name}: " + ", ".join(f"{digits(y)} at batch {x:g}" for x, y in one.points)
            for name, one in zip(lines, series, strict=True)
        )
        upright = Axis(unit, Scale.over((y for each in of.values() for y in each), logarithmic=True))
        return chart(title, said, series, level, upright, read=read)

    latency = {name: [row.p50_ms or 0.0 for row in each] for name, each in lines.items()}
    rate = {name: [row.samples_per_s or 0.0 for row in each] for name, each in lines.items()}
    first = plot(
        "Latency against batch size",
        "median latency of a call, ms",
        latency,
        "Lower is faster. A level line means that larger batches cost nothing more.",
    )
    second = plot(
        "Rate against batch size",
        "samples/s",
        rate,
        "Higher is faster. Where a line stops to rise, larger batches only make callers wait longer.",
    )
    return first + second + _closed_loop(lines, styles)


def _closed_loop(lines: Mapping[str, list[BenchRow]], styles: Mapping[str, int]) -> str:
    series = []
    for name, each in lines.items():
        points = tuple((row.samples_per_s or 0.0, row.p50_ms or 0.0) for row in each)
        series.append(
            Series(name, points, styles[each[0].name], texts=tuple((i, str(row.batch)) for i, row in enumerate(each)))
        )
    x = Axis("samples/s", Scale.over((p[0] for one in series for p in one.points), logarithmic=True))
    y = Axis("median latency, ms", Scale.over((p[1] for one in series for p in one.points), logarithmic=True))
    said = "; ".join(
        f"{one.name}: " + ", ".join(f"{digits(rate)} samples/s at {digits(ms)} ms" for rate, ms in one.points)
        for one in series
    )
    read = (
        "One caller that waits for each batch; the number beside a mark is the batch size. Right and low is best: many "
        "samples a second after a short wait."
    )
    return chart("Latency against rate, closed loop", said, series, x, y, read=read)


def _distribution(name: str, values: np.ndarray, style: int) -> Series:
    """A line of at most some two hundred points that keeps every one of the slowest calls."""
    count = len(values)
    picked = set(range(max(0, count - _TAIL), count)) | set(np.linspace(0, count - 1, _BODY).astype(int).tolist())
    points: list[Point] = []
    marked = set()
    at = {_index(count, percent) for percent in (50, 90, 99) if count >= needed(percent)}
    for index in sorted(picked | at):
        if index in at:
            marked.add(len(points))
        points.append((float(values[index]), _rarity((index + 1) / (count + 1))))
    return Series(name, tuple(points), style, marks=frozenset(marked))


def _index(count: int, percent: int) -> int:
    return math.ceil(percent * count / 100) - 1


def _rarity(share: float) -> float:
    """0 at the fastest call, 1 where a tenth of the calls is slower, 2 where a hundredth is."""
    return -math.log10(1 - share)
