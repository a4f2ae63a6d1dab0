"""The original game with the non-saturating generator loss (Goodfellow et al., "Generative Adversarial Nets", 2014)."""

from __future__ import annotations

from pydantic import Field

from gantools.losses.adversarial import nonsaturating_game
from gantools.losses.objectives.adversarial import Adversarial, AdversarialConfig
from gantools.losses.objectives.objective import ObjectiveRow


class CrossEntropyConfig(AdversarialConfig):
    """Options of ``nonsaturating`` and ``minimax``.

    Attributes:
        label_smoothing: Real images are to be called real with probability 1 - this.
    """

    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)


def _build(config: CrossEntropyConfig) -> Adversarial:
    return Adversarial(config, nonsaturating_game(config.label_smoothing))


nonsaturating = ObjectiveRow(CrossEntropyConfig, _build, nets=("G", "D"))
