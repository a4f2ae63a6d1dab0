"""What all adversarial objectives share: their phases, penalties, augmentation, and what they report.

One step updates the discriminator on real and generated images; every ``n_critic``-th step then updates the generator
through it. A row of the table is a game (``gantools.losses.adversarial``) and the options that make sense for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from gantools.core.errors import RecipeError
from gantools.core.spec import Frozen
from gantools.losses.adversarial import Game
from gantools.losses.augment import Augment, AugmentName
from gantools.losses.diffaugment import FAMILIES, Family
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
        diffaugment_policy: Which of its three families of transformations ``diffaugment`` applies.
        ada_target: Mean sign of the real images' logits above which ``ada`` grows, and below which it shrinks.
        ada_images: Images in which ``ada`` can grow from nothing to a probability of 1.
        ada_limit: Where it ends. Transformations of more than 0.8 of all images leak into the generated ones (section
            2.2 there).
    """

    n_critic: int = Field(default=1, ge=1)
    r1_gamma: float = Field(default=0.0, ge=0)
    r1_every: int = Field(default=16, ge=1)
    r2_gamma: float = Field(default=0.0, ge=0)
    r2_every: int = Field(default=16, ge=1)
    augment: AugmentName = "none"
    diffaugment_policy: tuple[Family, ...] = Field(default=FAMILIES, min_length=1)
    ada_target: float = Field(default=0.6, gt=0, lt=1)
    ada_images: int = Field(default=500_000, ge=1)
    ada_limit: float = Field(default=0.8, gt=0, le=1)


class Adversarial(Objective):
    """Nets ``"G"`` and ``"D"`` play a game.

    The discriminator is called twice in its phase, for a batch of both kinds would change the statistics of batch norm;
    so what it makes of real images is differentiated before the generated ones are made.
    With spectral norm every call in training mode, those of the generator's phase included, also takes a step of the
    power iteration, whose vectors are buffers and so part of every checkpoint.

    Args:
        config: Its options.
        game: The losses.
        gp_weight: Weight of the gradient penalty between real and generated images, part of the discriminator's loss.
            Like the other penalties it is taken where the discriminator is trained: at augmented images.
        clip: Largest weight of the discriminator; none: no limit.
    """

    def __init__(
        self, config: AdversarialConfig, game: Game, *, gp_weight: float = 0.0, clip: float | None = None
    ) -> None:
        self.config, self.game, self.gp_weight, self.clip = config, game, gp_weight, clip
        self.augment = Augment(
            config.augment,
            policy=config.diffaugment_policy,
            target=config.ada_target,
            ramp_images=config.ada_images,
            limit=config.ada_limit,
        )
        self.state = self.augment.state
        self._checked = False
        lazy = [("D_r1", config.r1_gamma, config.r1_every), ("D_r2", config.r2_gamma, config.r2_every)]
        self.phases = (
            Phase("D", updates=("D",), twice=gp_weight > 0),
            *(Phase(name, updates=("D",), every=every, twice=True) for name, gamma, every in lazy if gamma),
            Phase("G", updates=("G",), every=config.n_critic),
        )

    def parts(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        """The loss of a phase, in parts; see ``Objective``."""
        if not self._checked:
            self.check(nets)
            self._checked = True
        match phase.name:
            case "D":
                yield from self._discriminator(nets, batch, rng)
            case "D_r1":
                images = self.augment.apply(batch.real, rng)
                penalty = r1(lambda x: judge(nets, x, batch.labels), images)
                yield Loss(penalty * (self.config.r1_gamma / 2 * phase.every), {"D.r1": penalty.detach()})
            case "D_r2":
                images = self.augment.apply(self._fake(nets, batch).detach(), rng)
                penalty = r1(lambda x: judge(nets, x, batch.noise.get("label")), images)
                yield Loss(penalty * (self.config.r2_gamma / 2 * phase.every), {"D.r2": penalty.detach()})
            case _:
                images = self.augment.apply(self._fake(nets, batch), rng)
                value = self.game.generator(judge(nets, images, batch.noise.get("label")))
                yield Loss(value, {"G.fake": value.detach()})

    def check(self, nets: Nets) -> None:
        """Refuse a discriminator that ties the images of a batch together, where a penalty needs each by itself."""
        penalties = {"r1_gamma": self.config.r1_gamma, "r2_gamma": self.config.r2_gamma, "gp_weight": self.gp_weight}
        for option, weight in penalties.items():
            if weight:
                check_independent(nets["D"], option)

    @torch.no_grad()
    def after(self, phase: Phase, nets: Nets) -> None:
        """Clip the discriminator's weights (Arjovsky et al. 2017, algorithm 1, line 7)."""
        if self.clip is not None and "D" in phase.updates:
            weights: list[Tensor] = list(nets["D"].parameters())
            torch._foreach_clamp_min_(weights, -self.clip)
            torch._foreach_clamp_max_(weights, self.clip)

    def _discriminator(self, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        real_images = self.augment.apply(batch.real, rng)
        of_real = judge(nets, real_images, batch.labels)
        real = self.game.real(of_real)
        yield Loss(real, {"D.real": real.detach()})
        fake_images = self.augment.apply(self._fake(nets, batch).detach(), rng)
        of_fake = judge(nets, fake_images, batch.noise.get("label"))
        fake = self.game.fake(of_fake)
        terms = {"D.fake": fake.detach()}
        with torch.no_grad():
            terms["D.gap"] = of_real.float().mean() - of_fake.float().mean()
            if self.game.has_verdict:
                terms["D.accuracy"] = ((of_real > 0).float().mean() + (of_fake < 0).float().mean()) / 2
            terms |= self.augment.observe(of_real)
        yield Loss(fake, terms)
        if self.gp_weight:
            penalty = gradient_penalty(lambda x: judge(nets, x, batch.labels), real_images, fake_images, rng)
            yield Loss(self.gp_weight * penalty, {"D.gp": penalty.detach()})

    def _fake(self, nets: Nets, batch: Batch) -> Tensor:
        """One batch of generated images serves all phases of a step: nothing updates G before its own phase."""
        wanted = not batch.due or "G" in batch.due

        def make() -> Tensor:
            with torch.set_grad_enabled(wanted):
                images: Tensor = nets["G"](**batch.noise)
            return images

        return batch.once("fake", make)


def check_places(nets: Nets, objective: str, *, every: bool) -> None:
    """Refuse a discriminator of texts that judges every place where whole texts are to be judged, or the other way.

    Args:
        nets: The networks by name.
        objective: Its name.
        every: Whether every place is to be judged.

    Raises:
        RecipeError: It does not.
    """
    if bool(getattr(nets["D"], "every_place", False)) == every:
        return
    kinds = "whole texts", "every place of a text"
    hint = (
        "discriminator.name=text_gru and discriminator.every_place=true" if every else "discriminator.every_place=false"
    )
    raise RecipeError(
        f"'{objective}' needs a discriminator that judges {kinds[every]}, and this one judges {kinds[not every]}.",
        hint=f"set {hint}",
    )


def judge(nets: Nets, images: Tensor, labels: Tensor | None) -> Tensor:
    """What the discriminator says of images, or of texts; of their classes too, where there are any."""
    logits: Any = nets["D"](images) if labels is None else nets["D"](images, labels)
    result: Tensor = logits
    return result
