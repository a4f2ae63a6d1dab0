"""Pixels as they should be: the distance of each image that is made from the one that should be. Net ``"G"`` alone.

Where it is asked for, also the distance of what a network sees in the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field

from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase
from gantools.losses.objectives.restoration import RestorationConfig, check_temporal, flicker_of, restored
from gantools.losses.perceptual import perceptual_of
from gantools.losses.reconstruction import pixel_distance

Distance = Literal["charbonnier", "l1", "mse"]


class PixelsConfig(RestorationConfig):
    """Options of ``pixels``, beside those of all restorers.

    Attributes:
        distance: ``charbonnier``: absolute, rounded at zero (Charbonnier et al., ICIP 1994); ``l1``; ``mse``, which is
            what PSNR measures, and harder to learn.
        epsilon: Where ``charbonnier`` turns from a parabola to a line, as a share of [-1, 1].
    """

    distance: Distance = "charbonnier"
    epsilon: float = Field(default=1e-3, gt=0)


class PixelsObjective(Objective):
    """See the module.

    Args:
        config: Its options.
    """

    def __init__(self, config: PixelsConfig) -> None:
        self.config, self.seen = config, perceptual_of(config)
        self.phases = (Phase("G", updates=("G",)),)
        self.state = {}

    def check_frames(self, frames: int) -> None:
        """Refuse ``temporal`` of single images."""
        check_temporal(self.config, frames)

    def parts(
        self,
        phase: Phase,  # noqa: ARG002 - there is one
        nets: Nets,
        batch: Batch,
        rng: torch.Generator,
    ) -> Iterator[Loss]:
        """Mean distance of a pixel; see ``Objective``."""
        made = restored(nets, batch)
        far = pixel_distance(made, batch.real, self.config.distance, self.config.epsilon)
        terms, value = {"G.pixels": far.detach()}, far
        if self.config.temporal:
            changes = flicker_of(made, batch.real)
            apart = pixel_distance(*changes, self.config.distance, self.config.epsilon)
            terms["G.temporal"] = apart.detach()
            value = value + self.config.temporal * apart
        if self.seen:
            unlike = self.seen.distance(made, batch.real, rng)
            terms["G.perceptual"] = unlike.detach()
            value = value + self.config.perceptual * unlike
        yield Loss(value, terms)


pixels = ObjectiveRow(PixelsConfig, PixelsObjective, nets=("G",), makes="images of images")
