"""SeqGAN (Yu et al., "SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient", AAAI 2017).

The generator first learns by maximum likelihood, then by policy gradient: the reward of a token is how real the
discriminator finds the texts that go on from it (section 3.1 there, equations 4 and 8). Nets ``"G"`` and ``"D"``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from gantools.core.spec import Frozen
from gantools.losses.drawing import Drawn, draw, gone_on
from gantools.losses.likelihood import inside, token_nats
from gantools.losses.objectives.adversarial import judge
from gantools.losses.objectives.likelihood import likelihood_loss
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase


class SeqGANConfig(Frozen):
    """Options of ``seqgan``.

    Attributes:
        pretrain_steps: Steps of maximum likelihood before the game.
        discriminator_steps: How many of these steps the discriminator learns in too, the last ones.
        generator_every: Discriminator updates for one of the generator.
        rollouts: Continuations that are drawn behind every token to tell its reward; 0: all tokens of a text have the
            reward of the whole text.
        likelihood_weight: Weight of maximum likelihood beside the reward, against forgetting the language.
    """

    pretrain_steps: int = Field(default=2000, ge=0)
    discriminator_steps: int = Field(default=200, ge=0)
    generator_every: int = Field(default=1, ge=1)
    rollouts: int = Field(default=4, ge=0)
    likelihood_weight: float = Field(default=0.0, ge=0)


class SeqGAN(Objective):
    """See the module.

    Rewards are compared with their mean over the batch at the same place, which takes from the gradient's variance and
    nothing from its mean.
    """

    def __init__(self, config: SeqGANConfig) -> None:
        self.config = config
        self.state = {}
        before = config.pretrain_steps
        pretraining = (Phase("likelihood", updates=("G",), ends=before),) if before else ()
        self.phases = (
            *pretraining,
            Phase("D", updates=("D",), begins=max(0, before - config.discriminator_steps)),
            Phase("G", updates=("G",), every=config.generator_every, begins=before),
        )

    def parts(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        """The loss of a phase; see ``Objective``."""
        match phase.name:
            case "likelihood":
                yield likelihood_loss(nets, batch)
            case "D":
                yield from self._discriminator(nets, batch, rng)
            case _:
                yield self._generator(nets, batch, rng)

    def _discriminator(self, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        real = judge(nets, batch.real, batch.labels).float()
        value = F.softplus(-real).mean()
        yield Loss(value, {"D.real": value.detach()})
        count, steps = batch.real.shape
        known = _known(batch)
        fake = judge(nets, draw(nets["G"], count, steps, rng, known).tokens, known.get("label")).float()
        value = F.softplus(fake).mean()
        right = ((real > 0).float().mean() + (fake < 0).float().mean()) / 2
        yield Loss(value, {"D.fake": value.detach(), "D.accuracy": right.detach()})

    def _generator(self, nets: Nets, batch: Batch, rng: torch.Generator) -> Loss:
        known = _known(batch)
        count, steps = batch.real.shape
        drawn = draw(nets["G"], count, steps, rng, known)
        rewards, mask = self._rewards(nets, drawn, known.get("label"), rng), inside(drawn.tokens)
        of_place = (rewards * mask).sum(0) / mask.sum(0).clamp(min=1)
        advantage = (rewards - of_place) * mask
        nats = token_nats(nets["G"](drawn.tokens, **known), drawn.tokens)
        value = (advantage * nats).sum() / mask.sum()
        terms = {"G.reward": (rewards * mask).sum() / mask.sum(), "G.length": mask.sum(1).mean()}
        if self.config.likelihood_weight:
            real = likelihood_loss(nets, batch)
            assert real.value is not None
            value = value + self.config.likelihood_weight * real.value
        return Loss(value, terms)

    @torch.no_grad()
    def _rewards(self, nets: Nets, drawn: Drawn, labels: Tensor | None, rng: torch.Generator) -> Tensor:
        """How real what goes on from each token looks, as a probability: (batch, steps) float32."""
        count, steps = drawn.tokens.shape
        whole = judge(nets, drawn.tokens, labels).float().sigmoid()
        times = self.config.rollouts
        if not times:
            return whole[:, None].expand(count, steps)
        columns, repeated = [], None if labels is None else labels.repeat(times)
        for place in range(steps - 1):
            texts = gone_on(nets["G"], drawn, place, times, rng)
            columns.append(judge(nets, texts, repeated).float().sigmoid().view(times, count).mean(0))
        return torch.stack([*columns, whole], 1)


def _known(batch: Batch) -> Mapping[str, Tensor]:
    return {name: batch.noise[name] for name in ("latent", "label") if name in batch.noise}


seqgan = ObjectiveRow(SeqGANConfig, SeqGAN, nets=("G", "D"))
