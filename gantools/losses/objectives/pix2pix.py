"""Translation learned from pairs (Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks")."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase
from gantools.losses.objectives.restoration import RestorationConfig, check_temporal, flicker_of, restored, singly
from gantools.losses.objectives.translation import GameName, game_of, given_of, judged_apart, verdict
from gantools.losses.perceptual import perceptual_of
from gantools.losses.reconstruction import pixel_distance


class Pix2PixConfig(RestorationConfig):
    """Options of ``pix2pix``, beside those of all restorers.

    With that and the adversarial one, a network that enlarges learns to make what looks real instead of the mean of all
    that could be (Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
    CVPR 2017). Of clips the discriminator judges each frame.

    Attributes:
        game: See ``gantools.losses.objectives.translation.game_of``.
        l1_weight: Of the mean absolute difference to the target, beside which the adversarial loss counts once: lambda
            of equation 4, with values of pixels in [-1, 1]. 0: none.
        adversarial: Whether there is a discriminator's part in it at all; without one it is regression, which blurs
            what it cannot know (section 4.2 there), and the discriminator stays as it is.
    """

    game: GameName = "cross_entropy"
    l1_weight: float = Field(default=100.0, ge=0)
    adversarial: bool = True


class Pix2Pix(Objective):
    """Nets ``"G"`` and ``"D"``. Phases: D, G.

    Args:
        config: Its options.
    """

    def __init__(self, config: Pix2PixConfig) -> None:
        self.config, self.game, self.seen = config, game_of(config.game), perceptual_of(config)
        self.state = {}
        self.phases = (*([Phase("D", updates=("D",))] if config.adversarial else []), Phase("G", updates=("G",)))

    def check_frames(self, frames: int) -> None:
        """Refuse ``temporal`` of single images."""
        check_temporal(self.config, frames)

    def parts(
        self,
        phase: Phase,
        nets: Nets,
        batch: Batch,
        rng: torch.Generator,
    ) -> Iterator[Loss]:
        """The loss of a phase, in parts; see ``Objective``."""
        given = given_of(batch, "pix2pix")
        fake = batch.once("fake", lambda: _made(nets, batch))
        if phase.name == "D":
            real, made, shown = (singly(images) for images in (batch.real, fake, given))
            yield from judged_apart(self.game, nets["D"], "D", real=real, fake=made, given=shown)
            return
        distance = pixel_distance(fake, batch.real, "l1")
        value, terms = self.config.l1_weight * distance, {"G.l1": distance.detach()}
        if self.config.adversarial:
            fooling = self.game.generator(verdict(nets["D"], singly(fake), singly(given)))
            value, terms = value + fooling, {**terms, "G.fake": fooling.detach()}
        if self.config.temporal:
            apart = pixel_distance(*flicker_of(fake, batch.real), "l1")
            value, terms = value + self.config.temporal * apart, {**terms, "G.temporal": apart.detach()}
        if self.seen:
            unlike = self.seen.distance(fake, batch.real, rng)
            value, terms = value + self.config.perceptual * unlike, {**terms, "G.perceptual": unlike.detach()}
        yield Loss(value, terms)


def _made(nets: Nets, batch: Batch) -> Tensor:
    with torch.set_grad_enabled(not batch.due or "G" in batch.due):
        return restored(nets, batch)


pix2pix = ObjectiveRow(Pix2PixConfig, Pix2Pix, nets=("G", "D"), makes="images of images")
