"""The hinge game (Lim and Ye 2017), which spectrally normalized GANs are usually trained with (Miyato et al. 2018)."""

from __future__ import annotations

from gantools.losses.adversarial import HINGE
from gantools.losses.objectives.adversarial import Adversarial, AdversarialConfig
from gantools.losses.objectives.objective import ObjectiveRow


def _build(config: AdversarialConfig) -> Adversarial:
    return Adversarial(config, HINGE)


hinge = ObjectiveRow(AdversarialConfig, _build, nets=("G", "D"))
