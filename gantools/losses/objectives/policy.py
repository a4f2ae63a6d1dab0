"""What training a generator of texts by policy gradient is: a token is an action, and has a reward.

The gradient of the mean reward is that of log p of each drawn token, times how much better its reward is than usual
(Williams, "Simple Statistical Gradient-Following Algorithms", 1992). What usual is, the batch tells: the mean reward at
the same place. The generator learns by maximum likelihood first, where a recipe says so. Nets ``"G"`` and ``"D"``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from gantools.core.spec import Frozen
from gantools.losses.drawing import Drawn, draw, surely
from gantools.losses.likelihood import inside, token_nats
from gantools.losses.objectives.adversarial import judge
from gantools.losses.objectives.likelihood import likelihood_loss
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, Phase


class PolicyConfig(Frozen):
    """Options that all objectives with a policy gradient share.

    Attributes:
        pretrain_steps: Steps of maximum likelihood before the game.
        discriminator_steps: Steps in which the discriminator learns before the game: the last of those, and where there
            are fewer of them, by itself.
        generator_every: Discriminator updates for one of the generator.
        likelihood_weight: Weight of maximum likelihood beside the reward, against forgetting the language.
    """

    pretrain_steps: int = Field(default=2000, ge=0)
    discriminator_steps: int = Field(default=200, ge=0)
    generator_every: int = Field(default=1, ge=1)
    likelihood_weight: float = Field(default=0.0, ge=0)


class PolicyGradient(Objective, ABC):
    """See the module.

    Args:
        config: Its options.
    """

    def __init__(self, config: PolicyConfig) -> None:
        self.policy = config
        self.state = {}
        before, alone = config.pretrain_steps, config.discriminator_steps
        pretraining = (Phase("likelihood", updates=("G",), ends=before),) if before else ()
        self.phases = (
            *pretraining,
            Phase("D", updates=("D",), begins=max(0, before - alone)),
            Phase("G", updates=("G",), every=config.generator_every, begins=max(before, alone)),
        )

    @abstractmethod
    def rewards(self, nets: Nets, drawn: Drawn, label: Tensor | None, rng: torch.Generator) -> Tensor:
        """What each drawn token earns: (batch, steps) float32. Called without gradients, and without dropout of G."""

    def parts(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        """The loss of a phase; see ``Objective``."""
        match phase.name:
            case "likelihood":
                yield likelihood_loss(nets, batch)
            case "D":
                yield from self._discriminator(nets, batch, rng)
            case _:
                yield from self._generator(nets, batch, rng)

    def _discriminator(self, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        """Cross-entropy of real and drawn, of whole texts or of each place in them, as the discriminator judges."""
        real = judge(nets, batch.real, batch.labels).float()
        value = _mean(F.softplus(-real), batch.real)
        yield Loss(value, {"D.real": value.detach()})
        known = _known(batch)
        count, steps = batch.real.shape
        with surely(nets["G"]):
            tokens = draw(nets["G"], count, steps, rng, known).tokens
        fake = judge(nets, tokens, known.get("label")).float()
        value = _mean(F.softplus(fake), tokens)
        right = (_mean((real > 0).float(), batch.real) + _mean((fake < 0).float(), tokens)) / 2
        yield Loss(value, {"D.fake": value.detach(), "D.accuracy": right.detach()})

    def _generator(self, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        known = _known(batch)
        count, steps = batch.real.shape
        with surely(nets["G"]):
            drawn = draw(nets["G"], count, steps, rng, known)
            with torch.no_grad():
                rewards = self.rewards(nets, drawn, known.get("label"), rng)
            nats = token_nats(nets["G"], drawn.tokens, **known)
        mask = inside(drawn.tokens)
        usual = (rewards * mask).sum(0) / mask.sum(0).clamp(min=1)
        value = ((rewards - usual) * nats).sum() / mask.sum()
        terms = {"G.reward": (rewards * mask).sum() / mask.sum(), "G.length": mask.sum(1).mean()}
        yield Loss(value, terms)
        if self.policy.likelihood_weight:
            real = likelihood_loss(nets, batch)
            assert real.value is not None
            yield Loss(self.policy.likelihood_weight * real.value, {})


def _mean(values: Tensor, tokens: Tensor) -> Tensor:
    """Over texts (batch,), or over all places of texts (batch, steps)."""
    if values.ndim == 1:
        return values.mean()
    mask = inside(tokens)
    return (values * mask).sum() / mask.sum()


def _known(batch: Batch) -> Mapping[str, Tensor]:
    return {name: batch.noise[name] for name in ("latent", "label") if name in batch.noise}
