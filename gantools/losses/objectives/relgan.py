"""RelGAN's game (Nie et al., "RelGAN: Relational Generative Adversarial Networks for Text Generation", ICLR 2019).

The discriminator sees tokens that are nearly one-hot, a softmax of logits with Gumbel noise (Jang et al. 2017), so that
its gradient reaches the generator; how nearly grows in the training. The loss is the relativistic one of section 3.3
there. What goes into the generator's next step is the token itself. Nets ``"G"`` and ``"D"``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.core.tokens import BEGIN, END, UNKNOWN
from gantools.losses.drawing import surely
from gantools.losses.objectives.adversarial import check_places, judge
from gantools.losses.objectives.likelihood import likelihood_loss
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase

_LEAST = 1e-10  # of a uniform number, whose logarithm is taken twice


class RelGANConfig(Frozen):
    """Options of ``relgan``.

    Attributes:
        pretrain_steps: Steps of maximum likelihood before the game.
        generator_every: Discriminator updates for one of the generator.
        inverse_temperature: What the logits are multiplied with at the end, when a softmax of them is nearly one-hot.
        anneal_steps: Steps of the game in which it grows from 1, exponentially.
        likelihood_weight: Weight of maximum likelihood beside the game, against forgetting the language.
    """

    pretrain_steps: int = Field(default=2000, ge=0)
    generator_every: int = Field(default=1, ge=1)
    inverse_temperature: float = Field(default=100.0, ge=1)
    anneal_steps: int = Field(default=2000, ge=1)
    likelihood_weight: float = Field(default=0.0, ge=0)


class RelGAN(Objective):
    """See the module."""

    def __init__(self, config: RelGANConfig) -> None:
        self.config = config
        self.state = {}
        before = config.pretrain_steps
        pretraining = (Phase("likelihood", updates=("G",), ends=before),) if before else ()
        self.phases = (
            *pretraining,
            Phase("D", updates=("D",), begins=before),
            Phase("G", updates=("G",), every=config.generator_every, begins=before),
        )

    def check(self, nets: Nets) -> None:
        """See ``Objective``."""
        check_places(nets, "relgan", every=False)

    def parts(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        """The loss of a phase; see ``Objective``."""
        if phase.name == "likelihood":
            yield likelihood_loss(nets, batch)
            return
        with surely(nets["G"]):
            fake = draw_soft(nets["G"], batch, self.sharpness(batch.step), rng)
        label = batch.noise.get("label")
        of_real = judge(nets, F.one_hot(batch.real, fake.shape[-1]).float(), batch.labels).float()
        if phase.name == "D":
            gap = of_real - judge(nets, fake.detach(), label).float()
            value = F.softplus(-gap).mean()
            yield Loss(value, {"D.loss": value.detach(), "D.accuracy": (gap > 0).float().mean()})
            return
        value = F.softplus(of_real.detach() - judge(nets, fake, label).float()).mean()
        yield Loss(value, {"G.loss": value.detach()})
        if self.config.likelihood_weight:
            real = likelihood_loss(nets, batch)
            assert real.value is not None
            yield Loss(self.config.likelihood_weight * real.value, {})

    def sharpness(self, step: int) -> float:
        """The inverse temperature after ``step`` finished steps."""
        share = (step - self.config.pretrain_steps) / self.config.anneal_steps
        return float(self.config.inverse_temperature ** min(1.0, max(0.0, share)))


def draw_soft(net: nn.Module, batch: Batch, sharpness: float, rng: torch.Generator) -> Tensor:
    """Texts as the discriminator sees them, with a gradient.

    Args:
        net: Begins, and steps from token to token.
        batch: It says how many texts, and what the generator knows of each.
        sharpness: What logits with Gumbel noise are multiplied with.
        rng: On the CPU.

    Returns:
        (batch, steps, vocabulary) float32, each place a distribution over tokens; behind the end, one-hot.
    """
    steppable: Any = net
    count, steps = batch.real.shape
    state = steppable.begin(batch.noise.get("latent"), batch.noise.get("label"), count)
    token = torch.full((count,), BEGIN, device=batch.real.device)
    ended = torch.zeros(count, dtype=torch.bool, device=batch.real.device)
    places = []
    for _ in range(steps):
        logits, state = steppable.step(token, state)
        logits = logits.float()
        never = torch.zeros_like(logits)
        never[:, [BEGIN, UNKNOWN]] = -torch.inf
        uniform = torch.rand(logits.shape, generator=rng).clamp(min=_LEAST).to(logits.device)
        noisy = logits + never - torch.log((-torch.log(uniform)).clamp(min=_LEAST))
        weights = (noisy * sharpness).softmax(1)
        end = F.one_hot(torch.full_like(token, END), logits.shape[1]).to(weights)
        places.append(torch.where(ended[:, None], end, weights))
        token = torch.where(ended, torch.full_like(token, END), noisy.argmax(1))
        ended = ended | (token == END)
    return torch.stack(places, 1)


relgan = ObjectiveRow(RelGANConfig, RelGAN, nets=("G", "D"), makes="texts")
