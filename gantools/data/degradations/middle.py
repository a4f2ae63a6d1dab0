"""Every second frame is taken away, which the network is to make of those around it: twice as many frames a second."""

from __future__ import annotations

import numpy as np

from gantools.core.spec import Frozen
from gantools.data.degradations.degradation import DegradationRow
from gantools.data.sources import Pixels


class MiddleConfig(Frozen):
    """``middle`` has no options."""


class Middle:
    """See the module. Frames before and after lie one behind the other in the channels of what is given."""

    scale = 1
    context = 0
    margin = 0
    between = True
    unlocked = False

    def __init__(self, config: MiddleConfig) -> None:
        del config

    def apply(self, clip: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG002 - nothing is drawn
        """(2 n + 1 frames, height, width, channels) -> (n, height, width, 2 * channels)."""
        kept = clip[::2]
        return np.concatenate([kept[:-1], kept[1:]], axis=-1)


middle = DegradationRow(MiddleConfig, Middle)
