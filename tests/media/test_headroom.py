"""What lies beyond black and white in a video and RGB has no room for."""

from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from gantools.core.swscale import UNSPECIFIED, converted
from gantools.media.video.colour import Converter
from gantools.media.video.headroom import brightness, lost_in_rgb
from gantools.media.video.source import Colours, TimedFrame
from tests.media.test_colour import video

Av: Any = av
LIMITED, FULL = Colours(matrix=1, range=1), Colours(matrix=1, range=2)
Levels = npt.NDArray[np.int64]


def grey(levels: Levels, pixels: str = "yuv420p") -> Any:
    """A frame without colours of such brightness, in levels of 8 bits."""
    frame = Av.VideoFrame.from_ndarray(np.full((*levels.shape, 3), 128, np.uint8), "rgb24").reformat(
        format=pixels, dst_colorspace=1, dst_color_range=1
    )
    frame.color_range = 1
    stored = brightness(frame)
    assert stored is not None
    np.copyto(stored, (levels * (1 if pixels == "yuv420p" else 4)).astype(stored.dtype))
    return frame


def steps() -> Levels:
    """Columns of 8 pixels: below black, black, between, white, above white."""
    return np.tile(np.repeat([0, 9, 16, 120, 235, 240, 254], 8), (16, 1))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_a_network_that_changes_nothing_gives_back_what_was_stored(pixels: str) -> None:
    converter = Converter(video(LIMITED, size=(56, 16), pixels=pixels), LIMITED, pixels, 3, 1)
    source = TimedFrame(grey(steps(), pixels), 0, 1)
    seen = converter.array(source)
    assert (seen.min(), seen.max()) == (0, 255)
    found = brightness(converter.frame(seen, source))
    assert found is not None
    unit = 1 if pixels == "yuv420p" else 4
    assert np.abs(found.astype(int) - unit * steps()).max() <= unit
    assert (found[:, :8].max(), found[:, 48:].min()) == (0, 254 * unit)


def test_it_grows_with_the_picture_and_stays_where_the_network_left_black_and_white() -> None:
    converter = Converter(video(LIMITED, size=(56, 16)), LIMITED, "yuv420p", 3, 2)
    source = TimedFrame(grey(steps()), 0, 1)
    large = converter.array(source).repeat(2, axis=0).repeat(2, axis=1)
    found = brightness(converter.frame(large, source))
    assert found is not None
    assert found.shape == (32, 112)
    assert (int(found[16, 6]), int(found[16, 104])) == (0, 254)
    painted = np.full_like(large, 128)
    of_paint = brightness(converter.frame(painted, source))
    assert of_paint is not None
    assert len(np.unique(of_paint)) == 1, "a network that paints over it is let be"


def test_colours_that_no_screen_shows_keep_their_brightness() -> None:
    """The red of a lamp that is nearly white: more red than RGB has room for."""
    source = TimedFrame(grey(np.full((16, 56), 225)), 0, 1)
    np.frombuffer(source.picture.planes[2], np.uint8)[:] = 190
    for tags in (LIMITED, FULL):
        source.picture.color_range = tags.range
        one = Converter(video(tags, size=(56, 16)), tags, "yuv420p", 3, 1)
        seen = one.array(source)
        assert seen.max() == 255
        found, cut = (brightness(made) for made in (one.frame(seen, source), _plain(one, seen, tags)))
        assert found is not None
        assert cut is not None
        assert np.abs(found.astype(int) - 225).max() <= 1
        assert np.abs(cut.astype(int) - 225).min() > 5, "of what RGB holds alone"


def _plain(converter: Converter, seen: Any, tags: Colours) -> Any:
    """The same frame by libswscale alone."""
    frame = Av.VideoFrame.from_ndarray(seen, "rgb24")
    return converted(frame, converter.pixels, UNSPECIFIED, 2, tags.matrix, tags.range)


def test_nothing_is_lost_where_all_is_between_black_and_white() -> None:
    between = grey(np.clip(steps(), 16, 235))
    assert lost_in_rgb(between, lambda: between) is None
    off = grey(np.clip(steps(), 16, 235) + 1)
    assert lost_in_rgb(between, lambda: off) is None, "a level is rounding"
    far = grey(np.clip(steps(), 16, 235) + 3)
    found = lost_in_rgb(between, lambda: far)
    assert found is not None
    assert (found[0] == -3).all()
    spot = np.full((240, 320), 120)
    spot[100, 100:108] = 112
    assert lost_in_rgb(grey(spot), lambda: grey(np.full((240, 320), 120))) is not None
    spot[100, 101:] = 120
    assert lost_in_rgb(grey(spot), lambda: grey(np.full((240, 320), 120))) is None, "one pixel is let be"
    packed = Av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
    assert brightness(packed) is None
    converter = Converter(video(FULL, size=(56, 16)), FULL, "yuv420p", 3, 1)
    source = TimedFrame(grey(steps()), 0, 1)
    source.picture.color_range = 2
    made = brightness(converter.frame(converter.array(source), source))
    assert made is not None
    assert np.abs(made.astype(int) - steps()).max() <= 1, "full range has room for all of it"
