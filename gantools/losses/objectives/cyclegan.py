"""Translation learned without pairs, there and back: CycleGAN.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from gantools.core.spec import Frozen
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase
from gantools.losses.objectives.translation import (
    GameName,
    game_of,
    given_of,
    judged_apart,
    refuse_conditional,
    refuse_films,
    verdict,
)
from gantools.losses.pool import ImagePool


class CycleGANConfig(Frozen):
    """Options of ``cyclegan``.

    Attributes:
        game: See ``gantools.losses.objectives.translation.game_of``.
        cycle_weight: Of the mean absolute difference between an image and what becomes of it there and back (lambda of
            equation 3), beside which the adversarial losses count once.
        identity_weight: As a share of ``cycle_weight``, of how much a translator changes an image that is already of
            the kind it makes (section 5.2): keeps colours. 0: none.
        pool: Images that each discriminator is shown older ones of (section 4). 0: it sees those of the step. Of a
            training by several processes, each has its own, and those of the first are in the checkpoints.
    """

    game: GameName = "least_squares"
    cycle_weight: float = Field(default=10.0, gt=0)
    identity_weight: float = Field(default=0.5, ge=0)
    pool: int = Field(default=50, ge=0)


class CycleGAN(Objective):
    """Nets ``"G"`` (given to real) with its judge ``"D"``, and ``"F"`` (real to given) with its judge ``"D_A"``.

    Phases: D, D_A, G. The last one updates both translators.

    Args:
        config: Its options.
    """

    def __init__(self, config: CycleGANConfig) -> None:
        self.config, self.game = config, game_of(config.game)
        self._pools = {judge: ImagePool(config.pool) for judge in (("D", "D_A") if config.pool else ())}
        self.state = {f"pool.{judge}": pool.images for judge, pool in self._pools.items()}
        self.growing = frozenset(self.state)
        self.phases = (
            Phase("D", updates=("D",)),
            Phase("D_A", updates=("D_A",)),
            Phase("G", updates=("G", "F")),
        )

    def parts(
        self,
        phase: Phase,
        nets: Nets,
        batch: Batch,
        rng: torch.Generator,
    ) -> Iterator[Loss]:
        """The loss of a phase, in parts; see ``Objective``."""
        here, there = given_of(batch, "cyclegan"), batch.real
        match phase.name:
            case "D":
                fake = self._shown("D", _made(nets, "G", here, batch), rng)
                yield from judged_apart(self.game, nets["D"], "D", real=there, fake=fake)
            case "D_A":
                fake = self._shown("D_A", _made(nets, "F", there, batch), rng)
                yield from judged_apart(self.game, nets["D_A"], "D_A", real=here, fake=fake)
            case _:
                yield self._way(nets, batch, "G", "F", here)
                yield self._way(nets, batch, "F", "G", there)
                if self.config.identity_weight:
                    yield self._identity(nets, "G", there)
                    yield self._identity(nets, "F", here)

    def check(self, nets: Nets) -> None:
        """Refuse discriminators that want to see what an image was made of."""
        refuse_conditional(nets["D"], "cyclegan")

    def check_frames(self, frames: int) -> None:
        """Refuse films."""
        refuse_films(frames, "cyclegan")

    def _shown(self, judge: str, made: Tensor, rng: torch.Generator) -> Tensor:
        pool = self._pools.get(judge)
        return pool.shown(made, rng) if pool else made

    def _way(self, nets: Nets, batch: Batch, translator: str, back: str, images: Tensor) -> Loss:
        """What a translator makes shall look real, and become the image again that it was made of."""
        made = _made(nets, translator, images, batch)
        fooling = self.game.generator(verdict(nets["D" if translator == "G" else "D_A"], made, None))
        cycle = (nets[back](made).float() - images).abs().mean()
        terms = {f"{translator}.fake": fooling.detach(), f"{translator}.cycle": cycle.detach()}
        return Loss(fooling + self.config.cycle_weight * cycle, terms)

    def _identity(self, nets: Nets, translator: str, images: Tensor) -> Loss:
        change = (nets[translator](images).float() - images).abs().mean()
        weight = self.config.cycle_weight * self.config.identity_weight
        return Loss(weight * change, {f"{translator}.identity": change.detach()})


def _made(nets: Nets, translator: str, images: Tensor, batch: Batch) -> Tensor:
    """One translation serves all phases of a step: nothing updates a translator before its own phase."""

    def make() -> Tensor:
        with torch.set_grad_enabled(not batch.due or "G" in batch.due):
            made: Tensor = nets[translator](images)
        return made

    return batch.once(translator, make)


cyclegan = ObjectiveRow(
    CycleGANConfig, CycleGAN, nets=("G", "F", "D", "D_A"), makes="images of images", needs="model.beside=inverse"
)
