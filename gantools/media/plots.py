"""Line plots as pictures, for what a training or a measurement leaves behind. Not a plotting library.

Drawn with Pillow at three times the size and then reduced, which smooths the lines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.optional import require

_SCALE = 3
_MARGIN = (62, 28, 16, 26)  # pixels left, above, right and below of the plotted area, without the legend
_ASIDE = 0.04  # of the width, left free beside single points
_ROW = 17  # height of a row of the legend
_INK, _GRID, _PAPER = (60, 60, 60), (228, 228, 228), (255, 255, 255)
# Okabe and Ito's colours, which people with colour blindness can tell apart, and a grey and a brown.
COLOURS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (230, 159, 0),
    (90, 90, 90),
    (150, 110, 60),
)

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name: In the legend; empty: not there.
        x: Where x falls back, a new piece of the curve begins, and what was drawn before turns pale.
        y: Values that are not finite are left out.
        low: Lower ends of intervals, to be shaded, and drawn as a stroke where there is one point; none: no intervals.
        high: Upper ends.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def line_plot(
    lines: Sequence[Line],
    *,
    title: str,
    marks: Sequence[float] = (),
    width: int = 640,
    height: int = 240,
    logarithmic: bool = False,
) -> npt.NDArray[np.uint8]:
    """Draw curves over a common axis.

    Args:
        lines: The curves; the colours repeat after eight.
        title: Above the plot.
        marks: Places on the x axis to be marked by an upright line.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        logarithmic: Whether the y axis is; values that are not positive are then left out.

    Returns:
        (height, width, 3) uint8.
    """
    pillow: Any = require("PIL.Image", extra="media", why="to draw plots")
    drawing: Any = require("PIL.ImageDraw", extra="media", why="to draw plots")
    canvas = pillow.new("RGB", (width * _SCALE, height * _SCALE), _PAPER)
    pen = _Pen(drawing.Draw(canvas))
    kept = [[piece for piece in _pieces(line, logarithmic) if piece] for line in lines]
    points = [point for pieces in kept for piece in pieces for point in piece]
    alone = [line for line in lines if len(line.x) == 1]
    ends = [(line.x[0], end) for line in alone for end in _interval(line, logarithmic)]
    pen.text((_MARGIN[0], 4), title, size=13)
    legend = _legend(pen, [line.name for line in lines], width)
    if points:
        top = _MARGIN[1] + _ROW * len(legend)
        frame = _Frame([*points, *ends], width, height, logarithmic, top=top, aside=_ASIDE if alone else 0.0)
        _draw_axes(pen, frame)
        for mark in marks:
            pen.line([frame.place(mark, frame.bottom), frame.place(mark, frame.top)], (190, 120, 120), 1)
        for number, (line, pieces) in enumerate(zip(lines, kept, strict=True)):
            colour = COLOURS[number % len(COLOURS)]
            _shade(pen, frame, line, colour)
            for order, piece in enumerate(pieces):
                last = order == len(pieces) - 1
                pen.line([frame.place(*point) for point in piece], colour if last else _pale(colour, 0.6), 1.6)
        _draw_legend(pen, legend)
    else:
        pen.text((_MARGIN[0], height / 2), "nothing to show yet", size=12)
    reduced = canvas.resize((width, height), pillow.Resampling.LANCZOS)
    pixels: npt.NDArray[np.uint8] = np.asarray(reduced)
    return pixels


class _Pen:
    """Draws in pixels of the finished picture."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw
        self._fonts: Any = require("PIL.ImageFont", extra="media", why="to draw plots")

    def line(self, points: Sequence[Point], colour: tuple[int, int, int], width: float) -> None:
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        if len(scaled) == 1:
            (x, y), radius = scaled[0], 2.5 * _SCALE
            self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
        else:
            self._draw.line(scaled, fill=colour, width=round(width * _SCALE), joint="curve")

    def area(self, points: Sequence[Point], colour: tuple[int, int, int]) -> None:
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill=colour)

    def text(self, place: Point, text: str, *, size: int = 11, anchor: str = "la") -> None:
        font = self._fonts.load_default(size * _SCALE)
        self._draw.text((place[0] * _SCALE, place[1] * _SCALE), text, fill=_INK, font=font, anchor=anchor)

    def width(self, text: str) -> float:
        """Of a text in the usual size."""
        return float(self._fonts.load_default(11 * _SCALE).getlength(text)) / _SCALE


class _Frame:
    """Values to places in the picture."""

    def __init__(
        self, points: Sequence[Point], width: int, height: int, logarithmic: bool, *, top: int, aside: float = 0.0
    ) -> None:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        self.logarithmic = logarithmic
        span = max(max(xs) - min(xs), 1.0 if not aside else 1e-9)
        self.left, self.right = min(xs) - aside * span, min(xs) + (1 + aside) * span
        lowest, highest = min(ys), max(ys)
        # A quiet curve in the middle, not along an edge.
        room = 0.05 * (highest - lowest) or abs(highest) * 0.05 or 1.0
        limits = (lowest / 1.1, highest * 1.1) if logarithmic else (lowest - room, highest + room)
        self.bottom, self.top = limits
        self._x0, self._y0 = _MARGIN[0], height - _MARGIN[3]
        self._width, self._height = width - _MARGIN[0] - _MARGIN[2], height - top - _MARGIN[3]

    def place(self, x: float, y: float) -> Point:
        low, high, value = self.bottom, self.top, min(max(y, self.bottom), self.top)
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        across = (x - self.left) / (self.right - self.left)
        return self._x0 + across * self._width, self._y0 - (value - low) / (high - low) * self._height


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers within [low, high]: multiples of 1, 2 or 5 times a power of ten, at most ``most`` + 1 of them."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _draw_axes(pen: _Pen, frame: _Frame) -> None:
    upright = ticks(frame.bottom, frame.top)
    if frame.logarithmic and frame.top > 20 * frame.bottom:
        powers = range(math.ceil(math.log10(frame.bottom)), math.floor(math.log10(frame.top)) + 1)
        upright = [10.0**power for power in powers[:: max(1, math.ceil(len(powers) / 6))]]
    for value in upright:
        start, end = frame.place(frame.left, value), frame.place(frame.right, value)
        pen.line([start, end], _GRID, 1)
        pen.text((start[0] - 6, start[1]), f"{value:.4g}", anchor="rm")
    for value in ticks(frame.left, frame.right, 8):
        x, y = frame.place(value, frame.bottom)
        pen.text((x, y + 5), f"{value:,.4g}" if abs(value) < 1e6 else f"{value:.2g}", anchor="ma")


def _legend(pen: _Pen, names: Sequence[str], width: int) -> list[list[tuple[int, str, float]]]:
    """Rows of (number of the curve, its name, where it begins) that fit into the picture."""
    rows: list[list[tuple[int, str, float]]] = []
    x = float(width)
    for number, name in enumerate(names):
        if name:
            wide = pen.width(name) + 34
            if x + wide > width - _MARGIN[2]:
                rows.append([])
                x = _MARGIN[0]
            rows[-1].append((number, name, x))
            x += wide
    return rows


def _draw_legend(pen: _Pen, rows: Sequence[Sequence[tuple[int, str, float]]]) -> None:
    for depth, row in enumerate(rows):
        y = _MARGIN[1] - 4 + depth * _ROW
        for number, name, x in row:
            pen.line([(x, y + 6), (x + 14, y + 6)], COLOURS[number % len(COLOURS)], 2.5)
            pen.text((x + 18, y), name)


def _shade(pen: _Pen, frame: _Frame, line: Line, colour: tuple[int, int, int]) -> None:
    if line.low is None or line.high is None:
        return
    known = [i for i in range(len(line.x)) if math.isfinite(line.low[i]) and math.isfinite(line.high[i])]
    if len(line.x) == 1 and (ends := _interval(line, frame.logarithmic)):
        pen.line([frame.place(line.x[0], end) for end in ends], _pale(colour, 0.4), 1.2)
    for i, j in pairwise(known):
        if line.x[j] > line.x[i] and not (frame.logarithmic and min(line.low[i], line.low[j]) <= 0):
            corners = ((i, line.low), (j, line.low), (j, line.high), (i, line.high))
            pen.area([frame.place(line.x[k], side[k]) for k, side in corners], _pale(colour, 0.8))


def _interval(line: Line, logarithmic: bool) -> tuple[float, ...]:
    """Both ends of the first interval; empty where there is none that can be drawn."""
    if line.low is None or line.high is None or not math.isfinite(line.low[0] + line.high[0]):
        return ()
    return () if logarithmic and line.low[0] <= 0 else (line.low[0], line.high[0])


def _pieces(line: Line, logarithmic: bool) -> list[list[Point]]:
    pieces: list[list[Point]] = [[]]
    for x, y in zip(line.x, line.y, strict=True):
        if not math.isfinite(y) or (logarithmic and y <= 0):
            continue
        if pieces[-1] and x <= pieces[-1][-1][0]:
            pieces.append([])
        pieces[-1].append((x, y))
    return pieces


def _pale(colour: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    red, green, blue = (round(part + (255 - part) * share) for part in colour)
    return red, green, blue
