"""Frames with more or less at their edges, in every kind of format."""

from typing import Any

import av
import numpy as np
import pytest

from gantools.media.video.edges import fitted

Av: Any = av
FORMATS = ("yuv420p", "yuv444p", "yuv420p10le", "gray", "rgb24", "bgr0", "nv12", "gbrp")


def frame(kind: str) -> Any:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 14, 3), np.uint8)
    return Av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=kind)


def rows(picture: Any) -> list[np.ndarray]:
    """The bytes of each plane without what fills its lines up, (height, bytes of a line)."""
    found = []
    for number, plane in enumerate(picture.planes):
        whole = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        bits = picture.format.padded_bits_per_pixel if len(picture.planes) == 1 else 8
        bits = 16 if "10" in picture.format.name else bits
        bits = 16 if picture.format.name == "nv12" and number == 1 else bits
        found.append(whole[:, : plane.width * bits // 8])
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_added_is_cut_off_again(kind: str) -> None:
    given = frame(kind)
    larger = fitted(given, 20, 12)
    assert (larger.width, larger.height, larger.format.name) == (20, 12, kind)
    back = fitted(larger, 14, 10)
    assert len(rows(back)) == len(given.planes)
    for one, other in zip(rows(given), rows(back), strict=True):
        assert one.shape == other.shape
        assert (one == other).all()


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_added_is_the_last_row_and_column(kind: str) -> None:
    shown = fitted(frame(kind), 20, 12).reformat(format="rgb24").to_ndarray()
    assert len(shown) == 12
    for place in range(10, 12):
        assert (shown[place, 4:10] == shown[9, 4:10]).all() or kind in ("yuv420p", "yuv420p10le", "nv12")
    assert (shown[:, 15:] == shown[:, 19:]).all()


def test_odd_sizes_keep_the_colour_of_their_last_column() -> None:
    cut = fitted(frame("yuv420p"), 13, 9)
    assert [(plane.width, plane.height) for plane in cut.planes] == [(13, 9), (7, 5), (7, 5)]
    for one, other in zip(rows(frame("yuv420p"))[1:], rows(cut)[1:], strict=True):
        assert (one == other).all()


def test_a_frame_of_that_size_is_the_frame_itself() -> None:
    given = frame("yuv420p")
    assert fitted(given, 14, 10) is given
