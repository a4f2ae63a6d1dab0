"""Out of focus, or moved: what deblurring undoes."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from PIL import Image, ImageFilter
from pydantic import AfterValidator

from gantools.core.spec import Frozen
from gantools.data.degradations.degradation import DegradationRow, drawn, ordered
from gantools.data.sources import Pixels


class BlurConfig(Frozen):
    """Options of ``blur``.

    Attributes:
        kind: ``gaussian``; or ``motion``: along a straight line, the same for all frames of a clip.
        sigma: Range of the Gaussian's standard deviation, in pixels; of ``motion``, half of the line's length.
    """

    kind: Literal["gaussian", "motion"] = "gaussian"
    sigma: Annotated[tuple[float, float], AfterValidator(ordered)] = (0.5, 2.0)


class Blur:
    """See the module."""

    scale = 1
    context = 0
    between = False
    unlocked = False

    def __init__(self, config: BlurConfig) -> None:
        self._config = config
        self.margin = math.ceil(3 * config.sigma[1])

    def apply(self, clip: Pixels, rng: np.random.Generator) -> Pixels:
        """See ``Degradation``."""
        sigma = drawn(self._config.sigma, rng)
        if self._config.kind == "motion":
            return _along(clip, sigma, rng.uniform(0, math.pi))
        return np.stack([_soft(frame, sigma) for frame in clip])


def _soft(frame: Pixels, sigma: float) -> Pixels:
    image = Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(sigma)), np.uint8).reshape(frame.shape)


def _along(clip: Pixels, half: float, angle: float) -> Pixels:
    """The mean of a clip moved along a line, by fractions of pixels."""
    count = max(2, math.ceil(2 * half) + 1)
    total = np.zeros(clip.shape, np.float32)
    for step in np.linspace(-half, half, count):
        total += _moved(clip, step * math.sin(angle), step * math.cos(angle))
    return np.rint(total / count).astype(np.uint8)


def _moved(clip: Pixels, down: float, right: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A clip moved by fractions of pixels, bilinear, its edge repeated."""
    pad = math.ceil(max(abs(down), abs(right))) + 1
    wide = np.pad(clip, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="edge").astype(np.float32)
    height, width = clip.shape[1:3]
    top, left = math.floor(down), math.floor(right)
    result = np.zeros(clip.shape, np.float32)
    for row, tall in ((0, 1 - (down - top)), (1, down - top)):
        for column, broad in ((0, 1 - (right - left)), (1, right - left)):
            y, x = pad + top + row, pad + left + column
            result += np.float32(tall * broad) * wide[:, y : y + height, x : x + width]
    return result


blur = DegradationRow(BlurConfig, Blur)
