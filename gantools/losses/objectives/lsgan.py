"""Least squares GAN (Mao et al., 2017): mean squared error to targets instead of cross-entropy."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from gantools.losses.adversarial import least_squares_game
from gantools.losses.objectives.adversarial import Adversarial, AdversarialConfig
from gantools.losses.objectives.objective import ObjectiveRow


class LSGANConfig(AdversarialConfig):
    """Options of ``lsgan``. As they stand, the targets are those of the paper's equation 9.

    Attributes:
        fake_target: What the discriminator shall say of generated images (the paper's a).
        real_target: Of real images (b). With -1, 1 and 0 for a, b and c the generator minimizes a Pearson chi-squared
            divergence (equation 8).
        generator_target: What the generator wants it to say of its images (c).
        label_smoothing: Share of the way to ``fake_target`` by which the target of real images is moved.
    """

    fake_target: float = 0.0
    real_target: float = 1.0
    generator_target: float = 1.0
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)

    @model_validator(mode="after")
    def _real_above_fake(self) -> Self:
        if self.real_target <= self.fake_target:
            raise ValueError(
                f"real_target must be above fake_target, got {self.real_target:g} and {self.fake_target:g}"
            )
        if self.generator_target <= self.fake_target:
            raise ValueError(
                f"generator_target must be above fake_target, got {self.generator_target:g} and {self.fake_target:g}"
            )
        return self


def _build(config: LSGANConfig) -> Adversarial:
    targets = (config.fake_target, config.real_target, config.generator_target)
    return Adversarial(config, least_squares_game(*targets, config.label_smoothing))


lsgan = ObjectiveRow(LSGANConfig, _build, nets=("G", "D"))
