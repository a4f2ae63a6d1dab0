"""The original game with the non-saturating generator loss (Goodfellow et al., "Generative Adversarial Nets", 2014)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from gantools.core.spec import Frozen
from gantools.losses.adversarial import fake_loss, generator_loss, real_loss
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase
from gantools.losses.penalties import r1


class NonSaturatingConfig(Frozen):
    """Options of ``nonsaturating``.

    Attributes:
        label_smoothing: Real images are to be called real with probability 1 - this.
        r1_gamma: Weight of the gradient penalty on real images; 0: none.
        r1_every: Steps between two penalties, each of which then counts for all of them (StyleGAN2's lazy
            regularization, Karras et al. 2020, section 3.1).
    """

    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    r1_gamma: float = Field(default=0.0, ge=0)
    r1_every: int = Field(default=16, ge=1)


class NonSaturating(Objective):
    """Nets ``"G"`` and ``"D"``. One step updates D on real and generated images, then G through D."""

    def __init__(self, config: NonSaturatingConfig) -> None:
        self.config = config
        penalty = (Phase("D_r1", updates=("D",), every=config.r1_every),) if config.r1_gamma else ()
        self.state = {}
        self.phases = (Phase("D", updates=("D",)), *penalty, Phase("G", updates=("G",)))

    def loss(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Loss:  # noqa: ARG002 - no further draws
        """The loss of a phase; see ``Objective``."""
        match phase.name:
            case "D":
                real = real_loss(nets["D"](batch.real), self.config.label_smoothing)
                fake = fake_loss(nets["D"](_fake(nets, batch).detach()))
                return Loss(real + fake, {"D.real": real.detach(), "D.fake": fake.detach()})
            case "D_r1":
                penalty = r1(nets["D"], batch.real)
                return Loss(penalty * (self.config.r1_gamma / 2 * phase.every), {"D.r1": penalty.detach()})
            case _:
                value = generator_loss(nets["D"](_fake(nets, batch)))
                return Loss(value, {"G.fake": value.detach()})


def _fake(nets: Nets, batch: Batch) -> Tensor:
    """One batch of generated images serves both phases: nothing updates G before its own phase."""
    return batch.once("fake", lambda: nets["G"](**batch.noise))


nonsaturating = ObjectiveRow(NonSaturatingConfig, NonSaturating, nets=("G", "D"))
