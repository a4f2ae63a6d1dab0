"""What is given for what: quality for latency, latency for rate, and how near the machine's limits a variant comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from gantools.bench.figures import digits
from gantools.bench.plots.chart import Axis, Guide, Series, chart
from gantools.bench.plots.scale import Scale
from gantools.bench.quality import higher_is_better, quality_of
from gantools.bench.results import BenchRow, ScenarioResult
from gantools.bench.tables import label

_GIGA = 1e9


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which points no other beats in one of both without being worse in the other, where less of both is better."""
    return [
        index
        for index, (x, y) in enumerate(points)
        if not any(ox <= x and oy <= y and (ox, oy) != (x, y) for ox, oy in points)
    ]


def pareto_plot(batch: int, rows: Sequence[BenchRow], styles: Mapping[str, int]) -> str:
    """Quality against latency at one batch size, with the variants that no other beats in both."""
    judged = [(row, found) for row in rows if row.p50_ms and (found := quality_of(row)) is not None]
    if len(judged) < 2 or len({found.name for _, found in judged}) > 1:
        return ""
    name = judged[0][1].name
    up = higher_is_better(name)
    points = [(row.p50_ms or 0.0, found.value) for row, found in judged]
    best = front([(x, -y if up else y) for x, y in points])
    series = [
        Series(
            label(row) + (" (on the front)" if index in best else ""),
            (points[index],),
            styles[row.name],
            line=False,
            hollow=frozenset() if index in best else frozenset({0}),
            bars=((0, *found.interval),),
        )
        for index, (row, found) in enumerate(judged)
    ]
    joined = sorted(points[index] for index in best)
    edge = []
    for before, after in pairwise(joined):
        corner = (after[0], before[1])
        edge += [Guide("", ends=(before, corner)), Guide("", ends=(corner, after))]
    x = Axis("median latency, ms", Scale.over((x for x, _ in points), logarithmic=True))
    values = [value for _, found in judged for value in (found.value, *found.interval)]
    y = Axis(f"{name}, {'higher' if up else 'lower'} is better", Scale.over(values))
    said = "; ".join(f"{one.name}: {digits(one.points[0][0])} ms, {name} {one.points[0][1]:.4g}" for one in series)
    read = (
        "Full marks are on the front, the dashed line: no other variant is both faster and better. An upright line is "
        "the interval of the metric; where such lines overlap, the difference in quality is within what the samples "
        "can tell."
    )
    return chart(f"Quality against latency at batch {batch}", said, series, x, y, guides=edge, read=read)


def server_plot(results: Sequence[ScenarioResult], styles: Mapping[str, int]) -> str:
    """Latency against the rate of a server, one mark for each rate that was tried."""
    tried = [one for one in results if one.tried and one.scenario == "server"]
    if not tried:
        return ""
    series = []
    for one in tried:
        tries = sorted(one.tried, key=lambda each: each.asked_per_s)
        missed = frozenset(index for index, each in enumerate(tries) if not each.held)
        points = tuple((each.asked_per_s, each.latency_ms) for each in tries)
        series.append(Series(one.name, points, styles[one.name], hollow=missed))
    bounds = {(one.bound_percent, one.bound_ms) for one in tried if one.bound_ms is not None}
    guides = [Guide(f"p{percent} within {bound:g} ms", y=bound) for percent, bound in sorted(bounds) if bound]
    percents = " or ".join(sorted({f"p{one.bound_percent}" for one in tried}))
    heights = [p[1] for one in series for p in one.points] + [guide.y for guide in guides if guide.y]
    x = Axis("queries/s that arrive", Scale.over((p[0] for one in series for p in one.points), logarithmic=True))
    y = Axis(f"{percents} latency, ms", Scale.over(heights, logarithmic=True))
    said = "; ".join(
        f"{one.name}: " + ", ".join(f"{digits(rate)} queries/s at {digits(ms)} ms" for rate, ms in one.points)
        for one in series
    )
    read = (
        "Queries arrive at random moments, whether or not earlier ones are answered. A full mark kept the bound for "
        "certain, an outline did not. Where a line turns upwards, queries wait for one another."
    )
    return chart("Server: latency against rate", said, series, x, y, guides=guides, read=read)


def roofline_plot(rows: Sequence[BenchRow], ceilings: Mapping[str, Any] | None, styles: Mapping[str, int]) -> str:
    """How near each row is to what the machine was measured to reach."""
    counted = [row for row in rows if row.roofline and row.p50_ms and row.roofline.least_bytes]
    roofs, slopes = _roofs(ceilings or {})
    if not counted or not roofs or not slopes:
        return ""
    places: dict[str, list[tuple[float, float, BenchRow]]] = {}
    for row in counted:
        assert row.roofline is not None
        products = sum(row.roofline.multiply_adds.values())
        rate = products / (row.p50_ms or 1.0) * 1000 / _GIGA
        places.setdefault(label(row), []).append((products / row.roofline.least_bytes, rate, row))
    every = [(x, y) for each in places.values() for x, y, _ in each]
    top = max(roofs.values())
    knees = [roof / slope for roof in roofs.values() for slope in slopes.values()]
    across = Scale.over([x for x, _ in every] + knees, logarithmic=True)
    upright = Scale.over([y for _, y in every] + list(roofs.values()), logarithmic=True)
    series = [
        Series(
            name,
            tuple((x, y) for x, y, _ in each),
            styles[each[0][2].name],
            line=False,
            texts=tuple((i, str(row.batch)) for i, (_, _, row) in enumerate(each)),
        )
        for name, each in places.items()
    ]
    steepest = max(slopes.values())
    guides = [
        Guide(f"{name}: {digits(rate)}", ends=((rate / steepest, rate), (across.high, rate)))
        for name, rate in roofs.items()
    ]
    for name, slope in slopes.items():
        left = max(across.low, upright.low / slope)
        guides.append(Guide(name, ends=((left, left * slope), (top / slope, top))))
    said = "; ".join(
        f"{name} at batch {row.batch}: {digits(y)} billion multiply-adds/s, {digits(x)} a byte"
        for name, each in places.items()
        for x, y, row in each
    )
    read = (
        "Level lines are the arithmetic that this machine was measured to reach in each precision, slanted ones what "
        "its memory was measured to deliver. How far a mark lies below its own is what is left to gain; above it lies "
        "only what saves products, or a machine that was slow when its rates were measured. Numbers beside marks are "
        "batch sizes."
    )
    x = Axis("multiply-adds for each byte that has to be moved", across)
    y = Axis("billion multiply-adds/s", upright)
    return chart("Roofline", said, series, x, y, guides=guides, read=read)


def _roofs(ceilings: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Arithmetic in billions a second by precision; memory in billions of bytes a second, smallest and largest size.

    What does not look as expected is left out: the plot then has a line less.
    """
    arithmetic, memory = ceilings.get("multiply_adds_per_s"), ceilings.get("bytes_per_s")
    roofs = {}
    for name, found in (arithmetic if isinstance(arithmetic, Mapping) else {}).items():
        rate = found.get("rate") if isinstance(found, Mapping) else found
        if isinstance(rate, int | float) and rate > 0:
            roofs[str(name)] = rate / _GIGA
    sizes = {
        int(size): rate / _GIGA
        for size, rate in (memory if isinstance(memory, Mapping) else {}).items()
        if str(size).isdigit() and isinstance(rate, int | float) and rate > 0
    }
    ends = dict.fromkeys((min(sizes), max(sizes))) if sizes else {}
    return roofs, {f"{_size_text(size)}: {digits(sizes[size])} GB/s": sizes[size] for size in ends}


def _size_text(size: int) -> str:
    for limit, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= limit:
            return f"{size / limit:.3g} {unit}"
    return f"{size} bytes"
