"""Lines and points over two axes: SVG for what may be stretched, HTML for text and marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from gantools.bench.figures import digits
from gantools.bench.plots.scale import Scale

Point = tuple[float, float]
COLOURS = 6
DASHES = ("", "7 4", "2 4", "10 3 2 3", "14 5")
# Of the same visual weight, within a circle of radius 5.
SHAPES = (
    "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0-4 0Z",
    "M-3.6-3.6H3.6V3.6H-3.6Z",
    "M0-4.8 4.6 3.6H-4.6Z",
    "M0-5 5 0 0 5-5 0Z",
    "M0 4.8 4.6-3.6H-4.6Z",
    "M-1.5-4.6H1.5V-1.5H4.6V1.5H1.5V4.6H-1.5V1.5H-4.6V-1.5H-1.5Z",
    "M-4.6-2.5-2.5-4.6 0-2.1 2.5-4.6 4.6-2.5 2.1 0 4.6 2.5 2.5 4.6 0 2.1-2.5 4.6-4.6 2.5-2.1 0Z",
)


@dataclass(frozen=True)
class Axis:
    """One of two axes.

    Attributes:
        label: What it measures, with the unit.
        scale: Of the values.
        ticks: Values with texts; none: round values.
    """

    label: str
    scale: Scale
    ticks: tuple[tuple[float, str], ...] | None = None

    def marked(self) -> list[tuple[float, str]]:
        """The values at which it is marked, with their texts."""
        return self.scale.ticks() if self.ticks is None else list(self.ticks)


@dataclass(frozen=True)
class Series:
    """What belongs together.

    Attributes:
        name: For the legend.
        points: (x, y) in the axes' units.
        style: Number of its colour, dashes and shape.
        line: Whether the points are joined.
        marks: Which points are marked; None: all.
        hollow: Which of the marks are drawn as outlines.
        texts: Point -> what stands beside it.
        bars: Point -> from and to on the upright axis.
    """

    name: str
    points: tuple[Point, ...]
    style: int
    line: bool = True
    marks: frozenset[int] | None = None
    hollow: frozenset[int] = frozenset()
    texts: tuple[tuple[int, str], ...] = ()
    bars: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True)
class Guide:
    """A straight line behind what is drawn: upright at ``x``, level at ``y``, or between ``ends``."""

    text: str
    x: float | None = None
    y: float | None = None
    ends: tuple[Point, Point] | None = None


def chart(
    title: str,
    said: str,
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    *,
    guides: Sequence[Guide] = (),
    read: str = "",
    legend: bool = True,
) -> str:
    """A figure with its title, its legend in words and a sentence on how to read it.

    Args:
        title: Above it.
        said: What it shows, for those who do not see it.
        series: What is drawn; the last lies on top.
        x: The level axis.
        y: The upright axis.
        guides: Lines behind.
        read: How to read it.
        legend: Whether the names are needed.
    """
    drawn = _grid(x, y) + "".join(_guide(one, x, y) for one in guides) + "".join(_line(one, x, y) for one in series)
    marks = "".join(_marks(one, x, y) for one in series)
    words = "".join(_guide_text(one, x, y) for one in guides)
    level = "".join(f'<span style="left:{x.scale(value):.2f}%">{escape(text)}</span>' for value, text in x.marked())
    upright = "".join(
        f'<span style="top:{100 - y.scale(value):.2f}%">{escape(text)}</span>' for value, text in y.marked()
    )
    names = "".join(f"<li>{_sample(one)}<span>{escape(one.name)}</span></li>" for one in series) if legend else ""
    return (
        f'<figure class="chart"><h4>{escape(title)}</h4>'
        + (f'<ul class="legend">{names}</ul>' if names else "")
        + f'<p class="axis-name">↑ {escape(y.label)}</p><div class="frame"><div class="upright">{upright}</div>'
        f'<div class="area"><svg class="drawing" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(said)}">{drawn}</svg>{words}{marks}</div><div class="axis level">{level}</div></div>'
        f'<p class="axis-name right">{escape(x.label)} →</p>'
        + (f"<figcaption>{escape(read)}</figcaption>" if read else "")
        + "</figure>"
    )


def mark(style: int, place: str = "", *, hollow: bool = False) -> str:
    """The shape of a style as a drawing of its own, which nothing stretches."""
    kind = f"mark c{style % COLOURS}" + (" hollow" if hollow else "")
    return (
        f'<svg class="{kind}" viewBox="-6 -6 12 12" aria-hidden="true"{place}>'
        f'<path d="{SHAPES[style % len(SHAPES)]}"/></svg>'
    )


def _sample(one: Series) -> str:
    line = _path("M0 6H34", one.style) if one.line else ""
    shape = SHAPES[one.style % len(SHAPES)]
    dot = "" if one.marks == frozenset() else f'<path class="dot" transform="translate(17 6)" d="{shape}"/>'
    return f'<svg class="sample c{one.style % COLOURS}" viewBox="0 0 34 12" aria-hidden="true">{line}{dot}</svg>'


def _path(path: str, style: int) -> str:
    dashes = DASHES[style % len(DASHES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path class="line" vector-effect="non-scaling-stroke"{dashed} d="{path}"/>'


def _grid(x: Axis, y: Axis) -> str:
    path = "".join(f"M{x.scale(value):.2f} 0V100" for value, _ in x.marked())
    path += "".join(f"M0 {100 - y.scale(value):.2f}H100" for value, _ in y.marked())
    return f'<path class="grid" vector-effect="non-scaling-stroke" d="{path}"/>'


def _place(point: Point, x: Axis, y: Axis) -> Point:
    return x.scale(point[0]), 100 - y.scale(point[1])


def _line(one: Series, x: Axis, y: Axis) -> str:
    places = [_place(point, x, y) for point in one.points]
    drawn = ""
    if one.line and len(places) > 1:
        drawn = _path("M" + "L".join(f"{left:.2f} {top:.2f}" for left, top in places), one.style)
    for index, low, high in one.bars:
        left = places[index][0]
        drawn += (
            f'<path class="line thin" vector-effect="non-scaling-stroke" '
            f'd="M{left:.2f} {100 - y.scale(low):.2f}V{100 - y.scale(high):.2f}"/>'
        )
    return f'<g class="c{one.style % COLOURS}">{drawn}</g>' if drawn else ""


def _marks(one: Series, x: Axis, y: Axis) -> str:
    drawn = []
    for index, point in enumerate(one.points):
        left, top = _place(point, x, y)
        if one.marks is None or index in one.marks:
            drawn.append(mark(one.style, f' style="left:{left:.2f}%;top:{top:.2f}%"', hollow=index in one.hollow))
    for index, text in one.texts:
        left, top = _place(one.points[index], x, y)
        # On the left, because lines rise to the right; at the edge there is no room.
        side = f"right:{100 - left:.2f}%" if left > 10 else f"left:{left:.2f}%"
        kind = "beside" if left > 10 else "beside edge"
        drawn.append(f'<span class="{kind}" style="{side};top:{top:.2f}%">{escape(text)}</span>')
    return "".join(drawn)


def _ends(one: Guide, x: Axis, y: Axis) -> tuple[Point, Point]:
    if one.ends is not None:
        return _place(one.ends[0], x, y), _place(one.ends[1], x, y)
    if one.x is not None:
        return (x.scale(one.x), 0.0), (x.scale(one.x), 100.0)
    return (0.0, 100 - y.scale(one.y or 0.0)), (100.0, 100 - y.scale(one.y or 0.0))


def _guide(one: Guide, x: Axis, y: Axis) -> str:
    (left, top), (right, bottom) = _ends(one, x, y)
    path = f"M{left:.2f} {top:.2f}L{right:.2f} {bottom:.2f}"
    return f'<path class="guide" vector-effect="non-scaling-stroke" d="{path}"/>'


def _guide_text(one: Guide, x: Axis, y: Axis) -> str:
    if not one.text:
        return ""
    (left, top), (right, bottom) = _ends(one, x, y)
    if one.x is not None:
        side = f"right:{100 - left:.2f}%" if left > 65 else f"left:{left:.2f}%"
        return f'<span class="guide-text" style="{side};top:0">{escape(one.text)}</span>'
    if top == bottom:
        return f'<span class="guide-text end" style="right:0;top:{top:.2f}%">{escape(one.text)}</span>'
    share = 0.42
    place = f"left:{left + share * (right - left):.2f}%;top:{top + share * (bottom - top):.2f}%"
    return f'<span class="guide-text slanted" style="{place}">{escape(one.text)}</span>'


def span_text(values: Sequence[float], unit: str) -> str:
    """``from 0.500 to 20.0 ms``, for descriptions."""
    low, high = min(values), max(values)
    if low == high:
        return f"{digits(low)} {unit}"
    return f"from {digits(low)} to {digits(high)} {unit}"
