import math

import numpy as np
import numpy.typing as npt
import pytest

from gantools.media.plots import COLOURS, Line, line_plot, ticks


def share_of(picture: npt.NDArray[np.uint8], colour: tuple[int, ...]) -> float:
    """How much of a picture is of a colour, or nearly."""
    return float((np.abs(picture.astype(int) - colour).max(2) < 40).mean())


def test_every_curve_is_drawn_in_its_colour() -> None:
    lines = [Line("a", range(10), range(10)), Line("b", range(10), range(10, 0, -1))]
    picture = line_plot(lines, title="two", width=320, height=200)
    assert picture.shape == (200, 320, 3)
    assert picture.dtype == np.uint8
    assert all(share_of(picture, colour) > 0.001 for colour in COLOURS[:2])
    assert share_of(picture, COLOURS[2]) < 0.0005


def test_a_rising_curve_rises() -> None:
    picture = line_plot([Line("", range(100), range(100))], title="", width=320, height=200)
    rows, columns = np.nonzero(np.abs(picture.astype(int) - COLOURS[0]).max(2) < 40)
    assert np.corrcoef(rows, columns)[0, 1] < -0.99
    assert columns.max() - columns.min() > 200


def test_a_long_legend_takes_rows_of_its_own_and_leaves_the_title_alone() -> None:
    names = [f"a term with a name {number}" for number in range(8)]
    pictures = [line_plot([Line(name, [], []) for name in given], title="x") for given in (names, names[:1])]
    assert all(picture.shape == (240, 640, 3) for picture in pictures)
    full = line_plot([Line(name, [0, 1], [0, 1]) for name in names], title="x")
    first, last = (np.nonzero(np.abs(full.astype(int) - COLOURS[k]).max(2) < 40)[0].min() for k in (0, 7))
    assert 24 < first < last - 15, "below the title, and the last name below the first"


def test_on_a_logarithmic_axis_powers_lie_on_a_line() -> None:
    line = Line("", range(50), [10 ** (k / 10) for k in range(50)])
    corners = {}
    for logarithmic in (True, False):
        picture = line_plot([line], title="", width=320, height=200, logarithmic=logarithmic)
        rows, columns = np.nonzero(np.abs(picture.astype(int) - COLOURS[0]).max(2) < 40)
        corners[logarithmic] = np.corrcoef(rows, columns)[0, 1]
    assert corners[True] < -0.99 < corners[False]


def test_what_was_undone_is_pale_and_the_place_is_marked() -> None:
    back = Line("", [0, 10, 20, 10, 20, 30], [1.0, 2.0, 9.0, 2.0, 3.0, 4.0])
    straight = Line("", [0, 10, 20, 30], [1.0, 2.0, 3.0, 4.0])
    pale = tuple(round(part + (255 - part) * 0.6) for part in COLOURS[0])
    pictures = [line_plot([line], title="", marks=marks) for line, marks in ((back, [20]), (straight, []))]
    assert share_of(pictures[0], pale) > 2 * share_of(pictures[1], pale)
    assert [share_of(picture, (190, 120, 120)) > 0.0005 for picture in pictures] == [True, False]


def test_intervals_are_shaded() -> None:
    x, y = list(range(10)), [1.0] * 10
    shaded = line_plot([Line("", x, y, [0.5] * 10, [1.5] * 10)], title="")
    shade = tuple(round(part + (255 - part) * 0.8) for part in COLOURS[0])
    assert share_of(shaded, shade) > 0.3


def test_a_single_point_has_its_interval_as_a_stroke_that_is_seen_whole() -> None:
    lines = [Line("", [1.0], [1.0], [0.5], [3.0]), Line("", [2.0], [1.0])]
    picture = line_plot(lines, title="", width=320, height=200)
    stroke = tuple(round(part + (255 - part) * 0.4) for part in COLOURS[0])
    rows, columns = np.nonzero(np.abs(picture.astype(int) - stroke).max(2) < 30)
    assert 110 < rows.max() - rows.min() < 160
    assert columns.min() > 64, "not on the axis"
    alone = line_plot([Line("", [1.0], [1.0], [-1.0], [3.0])], title="", width=320, height=200, logarithmic=True)
    assert share_of(alone, stroke) < 0.002, "an end below 0 is nowhere on a logarithmic axis"


@pytest.mark.parametrize(
    "line",
    [Line("", [], []), Line("", [1], [math.nan]), Line("", [1], [2.0]), Line("", [1, 2], [3.0, 3.0])],
    ids=["nothing", "not a number", "one point", "a constant"],
)
@pytest.mark.parametrize("logarithmic", [True, False])
def test_little_to_show_is_no_error(line: Line, logarithmic: bool) -> None:
    assert line_plot([line], title="little", logarithmic=logarithmic).shape == (240, 640, 3)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0, 50, [0, 10, 20, 30, 40, 50]), (-0.3, 0.31, [-0.2, 0.0, 0.2])],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)
