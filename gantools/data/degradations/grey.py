"""Without colours, which colorizing brings back."""

from __future__ import annotations

import numpy as np

from gantools.core.spec import Frozen
from gantools.data.degradations.degradation import DegradationRow
from gantools.data.sources import Pixels

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


class GreyConfig(Frozen):
    """``grey`` has no options."""


class Grey:
    """See the module. All three channels have the luma, so that what goes in is of the same kind as what comes out."""

    scale = 1
    context = 0
    margin = 0
    between = False
    unlocked = False

    def __init__(self, config: GreyConfig) -> None:
        del config

    def apply(self, clip: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG002 - nothing is drawn
        """See ``Degradation``."""
        if clip.shape[-1] == 1:
            return clip
        luma = np.rint(clip.astype(np.float32) @ _LUMA).astype(np.uint8)
        return np.repeat(luma[..., None], 3, axis=-1)


grey = DegradationRow(GreyConfig, Grey)
