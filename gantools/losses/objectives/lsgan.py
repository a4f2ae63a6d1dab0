"""Least squares GAN (Mao et al., 2017): mean squared error to targets instead of cross-entropy."""

from __future__ import annotations

from pydantic import Field

from gantools.losses.adversarial import least_squares_game
from gantools.losses.objectives.adversarial import Adversarial, AdversarialConfig
from gantools.losses.objectives.objective import ObjectiveRow


class LSGANConfig(AdversarialConfig):
    """Options of ``lsgan``.

    Attributes:
        label_smoothing: The target of real images is 1 - this.
    """

    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)


def _build(config: LSGANConfig) -> Adversarial:
    return Adversarial(config, least_squares_game(config.label_smoothing))


lsgan = ObjectiveRow(LSGANConfig, _build, nets=("G", "D"))
