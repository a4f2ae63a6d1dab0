"""Pixels as they should be: the distance of each image that is made from the one that should be. Net ``"G"`` alone.

Where it is asked for, also the distance of what a network sees in the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol, runtime_checkable

import torch
from pydantic import Field
from torch import Tensor

from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase
from gantools.losses.perceptual import PerceptualConfig, perceptual_of
from gantools.losses.reconstruction import pixel_distance

Distance = Literal["charbonnier", "l1", "mse"]


class PixelsConfig(PerceptualConfig):
    """Options of ``pixels``, beside those of the perceptual loss, which is sharper and further from the pixels.

    Attributes:
        distance: ``charbonnier``: absolute, rounded at zero (Charbonnier et al., ICIP 1994); ``l1``; ``mse``, which is
            what PSNR measures, and harder to learn.
        epsilon: Where ``charbonnier`` turns from a parabola to a line, as a share of [-1, 1].
        temporal: Of clips, weight of the distance of changes from frame to frame: against flicker. 0: none.
    """

    distance: Distance = "charbonnier"
    epsilon: float = Field(default=1e-3, gt=0)
    temporal: float = Field(default=0.0, ge=0)


@runtime_checkable
class Recurrent(Protocol):
    """A network that takes frames one after another."""

    def clip(self, frames: Tensor) -> Tensor:
        """(batch, frames, channels, height, width) float32 in [-1, 1] -> the same, maybe larger."""
        ...


class PixelsObjective(Objective):
    """See the module.

    Args:
        config: Its options.
    """

    def __init__(self, config: PixelsConfig) -> None:
        self.config, self.seen = config, perceptual_of(config)
        self.phases = (Phase("G", updates=("G",)),)
        self.state = {}

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
        if self.config.temporal and made.dim() == 5:
            changes = [frames[:, 1:] - frames[:, :-1] for frames in (made, batch.real)]
            apart = pixel_distance(changes[0], changes[1], self.config.distance, self.config.epsilon)
            terms["G.temporal"] = apart.detach()
            value = value + self.config.temporal * apart
        if self.seen:
            unlike = self.seen.distance(made, batch.real, rng)
            terms["G.perceptual"] = unlike.detach()
            value = value + self.config.perceptual * unlike
        yield Loss(value, terms)


def restored(nets: Nets, batch: Batch) -> Tensor:
    """What the generator makes of what it is given: images, or clips, which a recurrent one takes frame after frame."""
    net, given = nets["G"], batch.given
    assert given is not None, "batches of models that make images of images have them"
    if given.dim() == 4:
        result: Tensor = net(given)
        return result
    if isinstance(net, Recurrent):
        return net.clip(given)
    frames: Tensor = net(given.flatten(0, 1))
    return frames.reshape(*given.shape[:2], *frames.shape[1:])


pixels = ObjectiveRow(PixelsConfig, PixelsObjective, nets=("G",))
