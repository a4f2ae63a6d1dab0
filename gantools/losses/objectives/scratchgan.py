"""ScratchGAN's game (de Masson d'Autume et al., "Training Language GANs from Scratch", NeurIPS 2019).

The discriminator reads a text token by token and says at each how real it looks so far, so that every token has a
reward of its own in a single run, without continuations (section 3.1 there, equations 5 and 6). What there is called a
moving average of rewards is here the mean of the batch at the same place, as in ``seqgan``. Nets ``"G"`` and ``"D"``,
the latter a recurrent one that judges every place.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from gantools.losses.drawing import Drawn
from gantools.losses.likelihood import inside
from gantools.losses.objectives.adversarial import check_places, judge
from gantools.losses.objectives.objective import Nets, ObjectiveRow
from gantools.losses.objectives.policy import PolicyConfig, PolicyGradient


class ScratchGANConfig(PolicyConfig):
    """Options of ``scratchgan``, beside those of ``PolicyConfig``.

    Attributes:
        discount: What a token has of the reward of the next one, of the one after that the square of it, and so on.
        pretrain_steps: See ``PolicyConfig``. The paper has none.
    """

    discount: float = Field(default=0.23, ge=0, le=1)


class ScratchGAN(PolicyGradient):
    """See the module."""

    def __init__(self, config: ScratchGANConfig) -> None:
        super().__init__(config)
        self.config = config

    def check(self, nets: Nets) -> None:
        """See ``Objective``."""
        check_places(nets, "scratchgan", every=True)

    def rewards(self, nets: Nets, drawn: Drawn, label: Tensor | None, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        """Between -1 and 1 for each place, and what follows discounted; see ``PolicyGradient``."""
        each = (2 * judge(nets, drawn.tokens, label).float().sigmoid() - 1) * inside(drawn.tokens)
        following, columns = torch.zeros_like(each[:, 0]), []
        for place in reversed(range(each.shape[1])):
            following = each[:, place] + self.config.discount * following
            columns.append(following)
        return torch.stack(columns[::-1], 1)


scratchgan = ObjectiveRow(ScratchGANConfig, ScratchGAN, nets=("G", "D"), makes="texts")
