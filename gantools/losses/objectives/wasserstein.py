"""Wasserstein GAN, with a gradient penalty (Gulrajani et al. 2017) or clipped weights (Arjovsky et al. 2017)."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from gantools.losses.adversarial import WASSERSTEIN
from gantools.losses.objectives.adversarial import Adversarial, AdversarialConfig
from gantools.losses.objectives.objective import ObjectiveRow


class WassersteinConfig(AdversarialConfig):
    """Options of ``wasserstein``. Exactly one of ``gp_weight`` and ``clip`` keeps the critic's slope bounded.

    There is no ``augment = "ada"``, which counts positive logits: the sign of a critic's values means nothing.

    Attributes:
        n_critic: As published, five.
        gp_weight: Weight lambda of the gradient penalty; 0: none.
        clip: Largest weight of the critic, such as 0.01; none: no limit.
    """

    n_critic: int = Field(default=5, ge=1)
    gp_weight: float = Field(default=10.0, ge=0)
    clip: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if bool(self.gp_weight) == (self.clip is not None):
            found = f"gp_weight {self.gp_weight:g} and clip {self.clip}"
            raise ValueError(f"one of gp_weight and clip bounds the critic, got {found}; clip needs gp_weight=0")
        if self.augment == "ada":
            raise ValueError(
                "augment 'ada' counts positive logits, and a critic's values have no sign; use 'diffaugment'"
            )
        return self


def _build(config: WassersteinConfig) -> Adversarial:
    return Adversarial(config, WASSERSTEIN, gp_weight=config.gp_weight, clip=config.clip)


wasserstein = ObjectiveRow(WassersteinConfig, _build, nets=("G", "D"))
