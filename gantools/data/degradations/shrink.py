"""Smaller by a whole number, which super-resolution undoes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

from gantools.core.spec import Frozen
from gantools.data.degradations.degradation import DegradationRow
from gantools.data.sources import Pixels

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
}


class ShrinkConfig(Frozen):
    """Options of ``shrink``.

    Attributes:
        scale: How much smaller.
        filter: All widen with the scale, so that nothing aliases. ``bicubic`` is Keys' with a = -0.5, as in MATLAB's
            ``imresize``, which published figures of super-resolution are made with.
    """

    scale: Literal[2, 3, 4] = 2
    filter: Literal["bicubic", "lanczos", "bilinear", "area"] = "bicubic"


class Shrink:
    """See the module."""

    context = 0
    margin = 6  # of the filter's support, before anything is enlarged
    between = False
    unlocked = False

    def __init__(self, config: ShrinkConfig) -> None:
        self.scale: int = config.scale
        self._filter = _FILTERS[config.filter]

    def apply(self, clip: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG002 - nothing is drawn
        """See ``Degradation``."""
        return np.stack([smaller(frame, self.scale, self._filter) for frame in clip])


def smaller(frame: Pixels, scale: int, how: Image.Resampling = Image.Resampling.BICUBIC) -> Pixels:
    """(scale * height, scale * width, channels) uint8 -> (height, width, channels) uint8."""
    height, width = frame.shape[0] // scale, frame.shape[1] // scale
    whole = Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame)
    return np.asarray(whole.resize((width, height), how), np.uint8).reshape(height, width, -1)


def larger(frame: Pixels, scale: int) -> Pixels:
    """A frame by bicubic interpolation: what networks that enlarge are compared with."""
    if scale == 1:
        return frame
    whole = Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame)
    size = (frame.shape[1] * scale, frame.shape[0] * scale)
    return np.asarray(whole.resize(size, Image.Resampling.BICUBIC), np.uint8).reshape(*size[::-1], -1)


shrink = DegradationRow(ShrinkConfig, Shrink)
