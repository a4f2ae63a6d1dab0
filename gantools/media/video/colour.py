"""Frames to arrays that networks take, and what networks make to frames an encoder takes.

A network of RGB sees RGB. A network of grey sees the brightness, and the colours are enlarged by bicubic interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core import swscale
from gantools.core.optional import require
from gantools.core.swscale import BT470BG, BT601, FULL, KNOWN, LIMITED, RGB, UNSPECIFIED, converted, guessed_matrix
from gantools.media.video.edges import fitted
from gantools.media.video.headroom import lost_in_rgb, put_back
from gantools.media.video.source import Colours, TimedFrame, Video

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def colours_of(video: Video, size: tuple[int, int], *, rgb: bool) -> Colours:
    """The tags of the video in another size.

    They are those of the video. Where it has no matrix, and players would guess another one for the new size, the one
    that they guess for the video is written down.

    Args:
        video: The source.
        size: Width and height to come.
        rgb: Whether the new video is stored as RGB.
    """
    tags = video.colours
    if video.pixels.startswith("yuvj"):  # full range by their name, whatever the tag says
        tags = replace(tags, range=FULL)
    if rgb:
        return replace(tags, matrix=RGB)
    ours = guessed_matrix(video.width, video.height)
    if tags.matrix == UNSPECIFIED and guessed_matrix(*size) == ours:
        return tags
    return tags if tags.matrix in KNOWN else replace(tags, matrix=ours)


def stored_code(video: Video) -> tuple[int, int] | None:
    """Matrix and range that say what a stored brightness means; None: it is not stored in 8 bits by itself.

    Two videos of the same code store the same brightness as the same number.
    """
    if video.bits != 8 or not video.pixels.startswith(("yuv4", "yuvj4", "nv12", "gray")):
        return None
    matrix = video.colours.matrix if video.colours.matrix != UNSPECIFIED else guessed_matrix(video.width, video.height)
    full = video.pixels.startswith("yuvj") or video.pixels == "gray"
    return BT601 if matrix == BT470BG else matrix, FULL if full else video.colours.range or LIMITED


@dataclass(frozen=True)
class Converter:
    """Between the frames of one video and arrays.

    Attributes:
        video: Whose frames they are.
        colours: Of the frames that come out.
        pixels: Format of the frames that come out.
        channels: Of the arrays: 3 for RGB, 1 for brightness.
        scale: By how much frames come out larger.
        size: Width and height of what comes out, the rest is cut off below and on the right; none: all of it.
    """

    video: Video
    colours: Colours
    pixels: str
    channels: int
    scale: int
    size: tuple[int, int] | None = None

    def array(self, frame: TimedFrame) -> npt.NDArray[np.uint8]:
        """(height, width, channels) uint8, 0..255 whatever the range of the video is."""
        kind = "rgb24" if self.channels == 3 else "gray"
        pixels = swscale.seen(frame.picture, kind, *given(self.video, frame.picture))
        return pixels if self.channels == 3 else pixels[..., None]

    def frame(self, made: Pixels, source: TimedFrame) -> Any:
        """What a network made of a frame, as a frame for the encoder at the same time.

        Args:
            made: (scale * height, scale * width, channels), uint8 or uint16 over the whole range.
            source: The frame it is made of.
        """
        av: Any = require("av", extra="video", why="to write videos")
        matrix = swscale_matrix(self.video, self.colours.matrix)
        range_ = self.colours.range or LIMITED
        deep = made.dtype == np.uint16
        if self.channels == 3:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(made), "rgb48le" if deep else "rgb24")
            picture = converted(picture, self.pixels, UNSPECIFIED, FULL, matrix, range_)
            self._with_headroom(picture, source.picture, range_)
        else:
            picture = self._with_brightness(made[..., 0], source, matrix, range_)
        if self.size is not None:
            picture = fitted(picture, *self.size)
        return tagged(picture, self.colours, source.pts, self.video.time_base)

    def _with_headroom(self, made: Any, source: Any, own: int) -> None:
        """Put back what RGB has no room for in the source, in a frame of the same range."""
        av: Any = require("av", extra="video", why="to write videos")
        matrix, range_ = given(self.video, source)
        if range_ != own:
            return

        def back() -> Any:
            seen = converted(source, "rgb24", matrix, range_, UNSPECIFIED, FULL)
            return converted(seen, source.format.name, UNSPECIFIED, FULL, matrix, range_)

        def enlarge(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
            size = {"width": made.width, "height": made.height}
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey), "gray")
            large: npt.NDArray[np.uint8] = converted(
                picture, "gray", UNSPECIFIED, FULL, UNSPECIFIED, FULL, **size
            ).to_ndarray()
            return large

        if (found := lost_in_rgb(source, back)) is not None:
            put_back(made, *found, enlarge)

    def _with_brightness(self, made: Pixels, source: TimedFrame, matrix: int, range_: int) -> Any:
        """The source enlarged, with another brightness: in 4:4:4 over the full range, where it is all of it."""
        size = {"width": self.scale * self.video.width, "height": self.scale * self.video.height}
        kind = "yuv444p16le" if made.dtype == np.uint16 else "yuv444p"
        picture = converted(source.picture, kind, *given(self.video, source.picture), matrix, FULL, **size)
        plane = picture.planes[0]
        rows = np.frombuffer(plane, made.dtype).reshape(plane.height, -1)
        rows[:, : plane.width] = made
        return converted(picture, self.pixels, matrix, FULL, matrix, range_)


def given(video: Video, picture: Any) -> tuple[int, int]:
    """Matrix and range of a decoded frame, for ``converted``. Tags that are missing are those of the first frame."""
    tags = video.colours
    matrix = picture.colorspace if tags.matrix != UNSPECIFIED else UNSPECIFIED
    return swscale_matrix(video, matrix), swscale.meant_range(picture, tags.range)


def swscale_matrix(video: Video, matrix: int) -> int:
    """A matrix as libswscale counts; the one that is guessed for the video where there is none that it knows."""
    return swscale.swscale_matrix(matrix, video.width, video.height)


def tagged(picture: Any, colours: Colours, pts: int, time_base: Fraction) -> Any:
    """The frame, ready for an encoder."""
    picture.colorspace, picture.color_range = colours.matrix, colours.range
    picture.color_primaries, picture.color_trc = colours.primaries, colours.transfer
    picture.pts, picture.time_base = pts, time_base
    picture.pict_type = 0  # the encoder decides
    return picture
