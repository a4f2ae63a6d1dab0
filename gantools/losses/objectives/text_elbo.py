"""The evidence lower bound of a variational autoencoder of texts, negated (Bowman et al., CoNLL 2016, equation 1).

How unlikely the decoder finds a text, given a latent drawn from what the encoder says of it, plus how far that is from
the prior; in nats for a text. A strong decoder does without the latent unless that costs nothing at first: hence
``warmup_steps`` and ``free_bits``. Nets ``"E"`` and ``"G"``; one phase updates both.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field

from gantools.core.spec import Frozen
from gantools.losses.likelihood import inside, token_nats
from gantools.losses.objectives.elbo import ACTIVE, kl_divergence
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase


class TextELBOConfig(Frozen):
    """Options of ``text_elbo``.

    Attributes:
        beta: Weight of the divergence at the end; below 1 the loss bounds no likelihood.
        free_bits: Nats of each latent dimension, on average over the batch, that cost nothing (Kingma et al. 2016).
        warmup_steps: Steps in which the weight of the divergence grows from nothing to ``beta``.
    """

    beta: float = Field(default=1.0, ge=0)
    free_bits: float = Field(default=0.1, ge=0)
    warmup_steps: int = Field(default=1000, ge=0)


class TextELBO(Objective):
    """See the module."""

    def __init__(self, config: TextELBOConfig) -> None:
        self.config = config
        self.phases = (Phase("elbo", updates=("E", "G")),)
        self.state = {}

    def parts(
        self,
        phase: Phase,  # noqa: ARG002 - there is one
        nets: Nets,
        batch: Batch,
        rng: torch.Generator,
    ) -> Iterator[Loss]:
        """The negated bound; see ``Objective``."""
        mean, log_variance = nets["E"](batch.real)
        noise = torch.randn(mean.shape, generator=rng).to(mean.device)
        latent = mean + noise * (log_variance / 2).exp()
        label = {} if batch.labels is None else {"label": batch.labels}
        nats = token_nats(nets["G"](batch.real, latent=latent, **label), batch.real)
        reconstruction = nats.sum(1).mean()
        divergence = kl_divergence(mean, log_variance).mean(0)
        free = divergence.clamp(min=self.config.free_bits)
        terms = {
            "VAE.reconstruction": reconstruction.detach(),
            "VAE.kl": divergence.detach().sum(),
            "VAE.active_units": (mean.detach().var(0, correction=0) > ACTIVE).float().sum(),
            "VAE.nats": (nats.sum() / inside(batch.real).sum()).detach(),
        }
        yield Loss(reconstruction + self.config.beta * self.share(batch.step) * free.sum(), terms)

    def share(self, step: int) -> float:
        """The part of ``beta`` that counts after ``step`` finished steps."""
        return min(1.0, (step + 1) / self.config.warmup_steps) if self.config.warmup_steps else 1.0


text_elbo = ObjectiveRow(TextELBOConfig, TextELBO, nets=("E", "G"))
