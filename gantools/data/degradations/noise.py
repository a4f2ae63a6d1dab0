"""Noise, as of the textbooks or as of cameras: what denoising undoes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from gantools.core.spec import Frozen
from gantools.data.degradations.degradation import DegradationRow, drawn, ordered
from gantools.data.sources import Pixels


class NoiseConfig(Frozen):
    """Options of ``noise``.

    Attributes:
        sigma: Range of the standard deviation, in levels of 255.
        shot: Range of the share of light in it: the variance at a pixel of level v is ``sigma**2 * (1 - shot) +
            sigma**2 * shot * v / 127.5``, as in cameras, whose noise is of the electronics and of the light (Foi et
            al., "Practical Poissonian-Gaussian noise modeling and fitting", IEEE TIP 2008). 0: the same everywhere.
        grey: The same in all channels.
    """

    sigma: Annotated[tuple[float, float], AfterValidator(ordered)] = (0.0, 50.0)
    shot: Annotated[tuple[float, float], AfterValidator(ordered)] = Field(default=(0.0, 0.0))
    grey: bool = False


class Noise:
    """See the module. Values are rounded and cut to 0..255, since that is what networks are given."""

    scale = 1
    context = 0
    margin = 0
    between = False
    unlocked = False

    def __init__(self, config: NoiseConfig) -> None:
        self._config = config

    def apply(self, clip: Pixels, rng: np.random.Generator) -> Pixels:
        """See ``Degradation``."""
        sigma, shot = drawn(self._config.sigma, rng), drawn(self._config.shot, rng)
        shape = (*clip.shape[:3], 1) if self._config.grey else clip.shape
        values = clip.astype(np.float32)
        deviation = sigma * np.sqrt((1 - shot) + shot * values / 127.5) if shot else np.float32(sigma)
        noisy = values + deviation * rng.standard_normal(shape, np.float32)
        return np.rint(noisy).clip(0, 255).astype(np.uint8)


noise = DegradationRow(NoiseConfig, Noise)
