"""Pixels as they should be: the distance of each image that is made from the one that should be. Net ``"G"`` alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from gantools.core.spec import Frozen
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase
from gantools.losses.reconstruction import pixel_distance

Distance = Literal["charbonnier", "l1", "mse"]


class PixelsConfig(Frozen):
    """Options of ``pixels``.

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
        self.config = config
        self.phases = (Phase("G", updates=("G",)),)
        self.state = {}

    def parts(
        self,
        phase: Phase,  # noqa: ARG002 - there is one
        nets: Nets,
        batch: Batch,
        rng: torch.Generator,  # noqa: ARG002 - nothing is drawn
    ) -> Iterator[Loss]:
        """Mean distance of a pixel; see ``Objective``."""
        made: Tensor = nets["G"](batch.given)
        value = pixel_distance(made, batch.real, self.config.distance, self.config.epsilon)
        yield Loss(value, {"G.pixels": value.detach()})


pixels = ObjectiveRow(PixelsConfig, PixelsObjective, nets=("G",))
