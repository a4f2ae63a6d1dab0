"""The original zero-sum game (Goodfellow et al., "Generative Adversarial Nets", 2014, equation 1).

For study and comparison: the generator's gradient fades where the discriminator wins, which ``nonsaturating`` mends.
"""

from __future__ import annotations

from gantools.losses.adversarial import minimax_game
from gantools.losses.objectives.adversarial import Adversarial
from gantools.losses.objectives.nonsaturating import CrossEntropyConfig
from gantools.losses.objectives.objective import ObjectiveRow


def _build(config: CrossEntropyConfig) -> Adversarial:
    return Adversarial(config, minimax_game(config.label_smoothing))


minimax = ObjectiveRow(CrossEntropyConfig, _build, nets=("G", "D"))
