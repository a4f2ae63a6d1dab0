"""What all adversarial objectives share: their phases, penalties, augmentation, and what they report.

One step updates the discriminator on real and generated images; every ``n_critic``-th step then updates the generator
through it. A row of the table is a game (``gantools.losses.adversarial``) and the options that make sense for it.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from gantools.core.spec import Frozen
from gantools.losses.adversarial import Game
from gantools.losses.augment import Augment, AugmentName
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, Phase
from gantools.losses.penalties import check_independent, gradient_penalty, r1


class AdversarialConfig(Frozen):
    """Options of every adversarial objective.

    Attributes:
        n_critic: Discriminator updates for one of the generator; each is a step with images of its own.
        r1_gamma: Weight of the gradient penalty on real images; 0: none.
        r1_every: Steps between two penalties, each of which then counts for all of them (StyleGAN2's lazy
            regularization, Karras et al. 2020, section 3.1).
        r2_gamma: Weight of the gradient penalty on generated images; 0: none.
        r2_every: As ``r1_every``.
        augment: Augmentations of all that the discriminator sees, for small data: ``diffaugment`` (Zhao et al. 2020),
            or ``ada``, which grows as strong as overfitting demands (Karras et al. 2020).
        ada_target: Share by which real logits may be more often positive than negative before ``ada`` grows.
        ada_images: Images in which ``ada`` can grow from nothing to everything.
    """

    n_critic: int = Field(default=1, ge=1)
    r1_gamma: float = Field(default=0.0, ge=0)
    r1_every: int = Field(default=16, ge=1)
    r2_gamma: float = Field(default=0.0, ge=0)
    r2_every: int = Field(default=16, ge=1)
    augment: AugmentName = "none"
    ada_target: float = Field(default=0.6, gt=0, lt=1)
    ada_images: int = Field(default=500_000, ge=1)


class Adversarial(Objective):
    """Nets ``"G"`` and ``"D"`` play a game.

    Args:
        config: Its options.
        game: The losses.
        gp_weight: Weight of the gradient penalty between real and generated images, part of the discriminator's loss.
        clip: Largest weight of the discriminator; none: no limit.
    """

    def __init__(
        self, config: AdversarialConfig, game: Game, *, gp_weight: float = 0.0, clip: float | None = None
    ) -> None:
        self.config, self.game, self.gp_weight, self.clip = config, game, gp_weight, clip
        self.augment = Augment(config.augment, target=config.ada_target, ramp_images=config.ada_images)
        self.state = self.augment.state
        lazy = [("D_r1", config.r1_gamma, config.r1_every), ("D_r2", config.r2_gamma, config.r2_every)]
        self.phases = (
            Phase("D", updates=("D",)),
            *(Phase(name, updates=("D",), every=every) for name, gamma, every in lazy if gamma),
            Phase("G", updates=("G",), every=config.n_critic),
        )

    def loss(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Loss:
        """The loss of a phase; see ``Objective``."""
        match phase.name:
            case "D":
                return self._discriminator(nets, batch, rng)
            case "D_r1":
                check_independent(nets["D"], "r1_gamma")
                images = self.augment.apply(batch.real, rng)
                penalty = r1(lambda x: _judge(nets, x, batch.labels), images)
                return Loss(penalty * (self.config.r1_gamma / 2 * phase.every), {"D.r1": penalty.detach()})
            case "D_r2":
                check_independent(nets["D"], "r2_gamma")
                images = self.augment.apply(self._fake(nets, batch).detach(), rng)
                penalty = r1(lambda x: _judge(nets, x, batch.noise.get("label")), images)
                return Loss(penalty * (self.config.r2_gamma / 2 * phase.every), {"D.r2": penalty.detach()})
            case _:
                images = self.augment.apply(self._fake(nets, batch), rng)
                value = self.game.generator(_judge(nets, images, batch.noise.get("label")))
                return Loss(value, {"G.fake": value.detach()})

    @torch.no_grad()
    def after(self, phase: Phase, nets: Nets) -> None:
        """Clip the discriminator's weights (Arjovsky et al. 2017, algorithm 1, line 7)."""
        if self.clip is not None and phase.name == "D":
            weights: list[Tensor] = list(nets["D"].parameters())
            torch._foreach_clamp_min_(weights, -self.clip)
            torch._foreach_clamp_max_(weights, self.clip)

    def _discriminator(self, nets: Nets, batch: Batch, rng: torch.Generator) -> Loss:
        drawn = self._fake(nets, batch).detach()
        of_real = _judge(nets, self.augment.apply(batch.real, rng), batch.labels)
        of_fake = _judge(nets, self.augment.apply(drawn, rng), batch.noise.get("label"))
        real, fake = self.game.real(of_real), self.game.fake(of_fake)
        value = real + fake
        terms = {"D.real": real.detach(), "D.fake": fake.detach()}
        with torch.no_grad():
            terms["D.accuracy"] = ((of_real > 0).float().mean() + (of_fake < 0).float().mean()) / 2
            terms["D.gap"] = of_real.float().mean() - of_fake.float().mean()
            terms |= self.augment.observe(of_real)
        if self.gp_weight:
            check_independent(nets["D"], "gp_weight")
            penalty = gradient_penalty(lambda x: _judge(nets, x, batch.labels), batch.real, drawn, rng)
            value = value + self.gp_weight * penalty
            terms["D.gp"] = penalty.detach()
        return Loss(value, terms)

    def _fake(self, nets: Nets, batch: Batch) -> Tensor:
        """One batch of generated images serves all phases of a step: nothing updates G before its own phase."""
        wanted = not batch.due or "G" in batch.due

        def make() -> Tensor:
            with torch.set_grad_enabled(wanted):
                images: Tensor = nets["G"](**batch.noise)
            return images

        return batch.once("fake", make)


def _judge(nets: Nets, images: Tensor, labels: Tensor | None) -> Tensor:
    logits: Any = nets["D"](images) if labels is None else nets["D"](images, labels)
    result: Tensor = logits
    return result
