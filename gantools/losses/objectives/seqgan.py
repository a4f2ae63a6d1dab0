"""SeqGAN (Yu et al., "SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient", AAAI 2017).

The reward of a token is how real the discriminator finds the texts that go on from it (section 3.1 there, equations 4
and 8). Nets ``"G"`` and ``"D"``.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from gantools.losses.drawing import Drawn, gone_on
from gantools.losses.objectives.adversarial import check_places, judge
from gantools.losses.objectives.objective import Nets, ObjectiveRow
from gantools.losses.objectives.policy import PolicyConfig, PolicyGradient


class SeqGANConfig(PolicyConfig):
    """Options of ``seqgan``, beside those of ``PolicyConfig``.

    Attributes:
        rollouts: Continuations that are drawn behind every token to tell its reward; 0: all tokens of a text have the
            reward of the whole text.
    """

    rollouts: int = Field(default=4, ge=0)


class SeqGAN(PolicyGradient):
    """See the module."""

    def __init__(self, config: SeqGANConfig) -> None:
        super().__init__(config)
        self.config = config

    def check(self, nets: Nets) -> None:
        """See ``Objective``."""
        check_places(nets, "seqgan", every=False)

    def rewards(self, nets: Nets, drawn: Drawn, label: Tensor | None, rng: torch.Generator) -> Tensor:
        """How real what goes on from each token looks, as a probability; see ``PolicyGradient``."""
        count, steps = drawn.tokens.shape
        whole = judge(nets, drawn.tokens, label).float().sigmoid()
        times = self.config.rollouts
        if not times:
            return whole[:, None].expand(count, steps)
        columns, repeated = [], None if label is None else label.repeat(times)
        for place in range(steps - 1):
            texts = gone_on(nets["G"], drawn, place, times, rng)
            columns.append(judge(nets, texts, repeated).float().sigmoid().view(times, count).mean(0))
        return torch.stack([*columns, whole], 1)


seqgan = ObjectiveRow(SeqGANConfig, SeqGAN, nets=("G", "D"), makes="texts")
