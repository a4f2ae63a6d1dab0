"""Frames made smaller, in the colours and the format that an encoder is to have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gantools.core.swscale import LIMITED, converted
from gantools.media.video.colour import given, swscale_matrix, tagged
from gantools.media.video.edges import fitted
from gantools.media.video.source import Colours, TimedFrame, Video


@dataclass(frozen=True)
class Shrinker:
    """Makes the frames of a video smaller by a whole number.

    Where the size is no multiple, the last row and column are repeated first, so that each pixel stands for the same
    number of pixels and enlarging brings all of them back to their places.

    Attributes:
        video: Whose frames they are.
        colours: Of the frames that come out.
        pixels: Format of the frames that come out.
        scale: By how much they come out smaller.
    """

    video: Video
    colours: Colours
    pixels: str
    scale: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what comes out: both are even, as encoders of 4:2:0 want them."""
        return smaller(self.video.width, self.scale), smaller(self.video.height, self.scale)

    def frame(self, source: TimedFrame) -> Any:
        """A frame for the encoder, at the same time.

        Bicubic interpolation by libswscale (B = 0, C = 0.6), its window widened by the scale, so nothing aliases.
        """
        given_matrix, given_range = given(self.video, source.picture)
        matrix, range_ = swscale_matrix(self.video, self.colours.matrix), self.colours.range or LIMITED
        width, height = self.size
        whole = converted(source.picture, self.pixels, given_matrix, given_range, matrix, range_)
        whole = fitted(whole, self.scale * width, self.scale * height)
        if self.scale > 1:
            whole = converted(whole, self.pixels, matrix, range_, matrix, range_, width=width, height=height)
        return tagged(whole, self.colours, source.pts, self.video.time_base)


def smaller(length: int, scale: int) -> int:
    """The least even length that is not below ``length`` when it is enlarged by ``scale``."""
    return -(-length // (2 * scale)) * 2
