"""Frames that were made one by one, made steady: where the source hardly changes, the result keeps what it showed.

A network that sees one frame at a time answers the noise of each with other strokes or colours, which flickers. Here
each frame that it makes is averaged with what was shown before, pixel by pixel, by a weight that falls with how far the
source is from what it was:

    d_t = blur(mean over channels of |x_t - r_{t-1}|)        w_t = s exp(-(d_t / tau)^2)
    y_t = w_t y_{t-1} + (1 - w_t) f(x_t)                     r_t = w_t r_{t-1} + (1 - w_t) x_t

with x the source, f(x) what the network makes of it, and y what is shown. r is the source averaged by the same weights:
the source that y was made of. Comparing with r instead of the frame before also lets go of what changes so slowly that
no two frames differ. Whatever moves, and every cut, is as the network made it. There is no flow: what moves steadily
under the camera is not steadied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.errors import RecipeError
from gantools.samplers.image_to_image import Enlarged, Images, ImageToImage

_TAU = 3.0  # levels of 255: about the noise of cameras and encoders; with twice as much, slow motion is blurred
_BLUR = 2  # pixels on each side: single pixels differ by noise

Floats = npt.NDArray[np.float32]


class Steady:
    """The average that runs along a film.

    Args:
        share: s: the weight of what was shown where nothing changes, in (0, 1). So many frames back, 1 / (1 - s), the
            average reaches.
        scale: By how much frames come out larger.

    Attributes:
        state: ``shown``, y, and ``seen``, r, float32, of the frame before; empty before the first one.
    """

    def __init__(self, share: float, scale: int) -> None:
        self.share, self.scale = np.float32(share), scale
        self.state: dict[str, npt.NDArray[Any]] = {}

    def run(self, frames: Images, made: Enlarged) -> Enlarged:
        """Steady the next frames, in their order.

        Args:
            frames: (n, height, width, channels) uint8: the source.
            made: (n, scale * height, scale * width, channels) uint8 or uint16: what the network made of each.

        Returns:
            As ``made``.
        """
        return np.stack([self._next(frame, image) for frame, image in zip(frames, made, strict=True)])

    def _next(self, frame: Images, image: Enlarged) -> Enlarged:
        source, fresh = frame.astype(np.float32), image.astype(np.float32)
        if self.state:
            weight = self.share * np.exp(-np.square(blurred(np.abs(source - self.state["seen"]).mean(-1)) / _TAU))
            source += weight[..., None] * (self.state["seen"] - source)
            large = weight.repeat(self.scale, 0).repeat(self.scale, 1)[..., None]
            fresh += large * (self.state["shown"] - fresh)
        self.state = {"seen": source, "shown": fresh}
        steady: Enlarged = np.rint(fresh).astype(image.dtype)
        return steady


def steady_of(net: ImageToImage, share: float) -> Steady | None:
    """What steadies the frames of a network; none: nobody asked for it.

    Args:
        net: The network.
        share: See ``Steady``; 0: none.

    Raises:
        RecipeError: It is no share, or the network's frames are not made one by one.
    """
    if not share:
        return None
    name = net.generator.artifact.manifest.name
    if not 0 < share < 1:
        raise RecipeError(f"--smooth {share:g}: it is a share, at least 0 and less than 1.", hint="try --smooth 0.8")
    if net.recurrent or net.between:
        why = "is recurrent, and carries along what it showed" if net.recurrent else "makes frames between frames"
        raise RecipeError(f"--smooth {share:g}: '{name}' {why}.", hint="leave out --smooth")
    return Steady(share, net.scale)


def blurred(values: Floats) -> Floats:
    """The mean over ``_BLUR`` pixels on each side of each; the edge goes on.

    Args:
        values: (height, width) float32.
    """
    (height, width), places = values.shape, range(2 * _BLUR + 1)
    wide = np.pad(values, _BLUR, mode="edge")
    rows = np.sum([wide[place : place + height] for place in places], axis=0)
    mean: Floats = np.sum([rows[:, place : place + width] for place in places], axis=0) / np.float32(len(places) ** 2)
    return mean
