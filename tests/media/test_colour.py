"""Frames to arrays and back, in every matrix and range."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gantools.media.video.colour import Converter, colours_of
from gantools.media.video.source import Colours, TimedFrame, Video

Av: Any = av
RED = np.full((16, 16, 3), (255, 0, 0), np.uint8)
GREY = Av.VideoFrame.from_ndarray(np.full((16, 16, 3), 128, np.uint8), "rgb24").reformat(format="yuv444p")
# BT.601 and BT.709, limited and full range: Y, Cb, Cr of pure red, by their equations.
EXPECTED = {
    (6, 1): (81, 90, 240),
    (1, 1): (63, 102, 240),
    (6, 2): (76, 85, 255),
    (1, 2): (54, 99, 255),
}


def video(colours: Colours, pixels: str = "yuv444p", size: tuple[int, int] = (16, 16)) -> Video:
    unit = Fraction(1, 25)
    return Video(
        path=Path("clip.mkv"),
        stream=0,
        width=size[0],
        height=size[1],
        pixels=pixels,
        bits=8,
        time_base=unit,
        rate=Fraction(25),
        aspect=None,
        colours=colours,
        matrix=None,
        frames=1,
        counted=True,
        seconds=0.04,
        transparent=False,
        interlaced=False,
        left_behind=(),
    )


@pytest.mark.parametrize(("tags", "expected"), EXPECTED.items())
def test_red_is_written_and_read_by_the_matrix_of_its_video(
    tags: tuple[int, int], expected: tuple[int, int, int]
) -> None:
    colours = Colours(matrix=tags[0], range=tags[1])
    converter = Converter(video(colours), colours, "yuv444p", 3, 1)
    frame = converter.frame(RED, TimedFrame(GREY, 7, 1))
    found = [int(np.frombuffer(plane, np.uint8)[0]) for plane in frame.planes]
    assert np.abs(np.array(found) - expected).max() <= 1
    assert (frame.pts, frame.colorspace, frame.color_range) == (7, *tags)
    assert np.abs(converter.array(TimedFrame(frame, 7, 1)).astype(int) - RED).max() <= 2


def test_an_untagged_frame_is_of_the_matrix_that_players_guess() -> None:
    for size, matrix in (((720, 576), 6), ((1280, 720), 1)):
        converter = Converter(video(Colours(), size=size), Colours(), "yuv444p", 3, 1)
        found = [
            int(np.frombuffer(plane, np.uint8)[0]) for plane in converter.frame(RED, TimedFrame(GREY, 0, 1)).planes
        ]
        assert np.abs(np.array(found) - EXPECTED[matrix, 1]).max() <= 1


def test_tags_are_written_down_only_where_the_guess_would_change() -> None:
    small, large = (720, 400), (1280, 720)
    assert colours_of(video(Colours(), size=small), small, rgb=False) == Colours()
    assert colours_of(video(Colours(), size=small), (1440, 800), rgb=False) == Colours(matrix=6)
    assert colours_of(video(Colours(), size=large), (5120, 2880), rgb=False) == Colours()
    kept = Colours(9, 1, 9, 16)
    assert colours_of(video(kept, size=small), (2880, 1600), rgb=False) == kept
    assert colours_of(video(Colours(matrix=8), size=small), small, rgb=False).matrix == 6, "YCgCo is not converted back"
    assert colours_of(video(Colours(matrix=0)), (16, 16), rgb=True).matrix == 0
    assert colours_of(video(Colours(), pixels="yuvj420p"), (16, 16), rgb=False).range == 2


@pytest.mark.parametrize(("tags", "expected"), EXPECTED.items())
def test_brightness_of_a_colour_is_that_of_its_matrix(tags: tuple[int, int], expected: tuple[int, int, int]) -> None:
    colours = Colours(matrix=tags[0], range=tags[1])
    red = Converter(video(colours), colours, "yuv444p", 3, 1).frame(RED, TimedFrame(GREY, 0, 1))
    converter = Converter(video(colours), colours, "yuv444p", 1, 1)
    seen = converter.array(TimedFrame(red, 0, 1))
    full = expected[0] if tags[1] == 2 else round((expected[0] - 16) * 255 / 219)
    assert abs(int(seen[0, 0, 0]) - full) <= 1
    back = converter.frame(seen, TimedFrame(red, 0, 1))
    assert abs(int(np.frombuffer(back.planes[0], np.uint8)[0]) - expected[0]) <= 1


def test_brightness_is_of_the_full_range_whatever_the_video_has() -> None:
    for range_ in (1, 2):
        colours = Colours(matrix=1, range=range_)
        converter = Converter(video(colours), colours, "yuv444p", 1, 1)
        for level in (0, 255):
            source = Av.VideoFrame.from_ndarray(np.full((16, 16, 3), level, np.uint8), "rgb24").reformat(
                format="yuv444p", dst_colorspace=1, dst_color_range=range_
            )
            seen = converter.array(TimedFrame(source, 0, 1))
            assert seen.shape == (16, 16, 1)
            assert (np.abs(seen.astype(int) - level) <= 1).all()
            back = converter.frame(seen, TimedFrame(source, 0, 1))
            assert (
                abs(int(np.frombuffer(back.planes[0], np.uint8)[0]) - np.frombuffer(source.planes[0], np.uint8)[0]) <= 1
            )
