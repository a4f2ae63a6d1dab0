"""The evidence lower bound of a variational autoencoder (Kingma and Welling, ICLR 2014, equation 3), negated.

How unlikely the decoder finds an image, given a latent drawn from what the encoder says of it, plus how far that is
from the prior. All terms are in nats for an image. Nets ``"E"`` and ``"G"``; one phase updates both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from math import inf, log, pi
from typing import Literal, Protocol, Self, runtime_checkable

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.core.spec import Frozen
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase

_ACTIVE = 0.01  # variance of a code's mean over images: Burda et al., ICLR 2016
# Rounding a pixel to one of 256 levels in [-1, 1] has this variance: that of a uniform distribution over one level.
ROUNDING = (2 / 255) ** 2 / 12


@runtime_checkable
class Binary(Protocol):
    """A decoder that can tell its pixels as log odds."""

    def logits(self, latent: Tensor) -> Tensor:
        """Latents (batch, latent) -> log odds (batch, channels, height, width) of white."""
        ...


class BoundConfig(Frozen):
    """Options of every bound.

    Attributes:
        beta: Weight of the divergence. Above 1 codes say less, in dimensions that mean something each (Higgins et al.,
            ICLR 2017), and samples look more like the data; below 1 the loss bounds no likelihood.
        free_bits: Nats of each latent dimension, on average over the batch, that cost nothing more to use: against
            posterior collapse (Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", 2016).
        warmup_steps: Steps in which the weight of the divergence grows from nothing to ``beta``.
    """

    beta: float = Field(default=1.0, ge=0)
    free_bits: float = Field(default=0.0, ge=0)
    warmup_steps: int = Field(default=0, ge=0)


class ELBOConfig(BoundConfig):
    """Options of ``elbo``, beside those of every bound.

    Attributes:
        likelihood: ``gaussian``: pixels in [-1, 1] with the image as mean; ``bernoulli``: pixels in [0, 1] as
            probabilities, for black and white images above all.
        sigma: Standard deviation of ``gaussian``; ``learned``: at each step the most likely one, so that
            reconstruction and divergence need no balancing by hand (Rybkin et al., "Simple and Effective VAE Training
            with Calibrated Decoders", ICML 2021).
    """

    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    sigma: float | Literal["learned"] = "learned"

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if self.sigma != "learned" and not 0 < self.sigma < inf:
            raise ValueError(f"sigma must be 'learned' or a number above 0, got {self.sigma:g}")
        if self.likelihood == "bernoulli" and self.sigma != "learned":
            raise ValueError(f"the likelihood 'bernoulli' has no sigma, got {self.sigma:g}; leave it out")
        return self


class Bound(Objective, ABC):
    """What bounds of images and of texts share: all but how unlikely the decoder finds a sample.

    Args:
        config: Its options.
    """

    def __init__(self, config: BoundConfig) -> None:
        self.bound = config
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
        reconstruction, terms = self.reconstruction(nets["G"], latent, batch)
        divergence = kl_divergence(mean, log_variance).mean(0)
        free = divergence.clamp(min=self.bound.free_bits) if self.bound.free_bits else divergence
        weight = self.bound.beta * self.share(batch.step)
        terms |= {
            "VAE.reconstruction": reconstruction.detach(),
            "VAE.kl": divergence.detach().sum(),
            "VAE.active_units": (mean.detach().var(0, correction=0) > _ACTIVE).float().sum(),
        }
        yield Loss(reconstruction + weight * free.sum(), terms)

    def share(self, step: int) -> float:
        """The part of ``beta`` that counts after ``step`` finished steps."""
        return min(1.0, (step + 1) / self.bound.warmup_steps) if self.bound.warmup_steps else 1.0

    @abstractmethod
    def reconstruction(self, decoder: nn.Module, latent: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """-log p(x | z) in nats for a sample, mean over the batch; and what else shall be told."""


class ELBO(Bound):
    """See the module.

    Args:
        config: Its options.
    """

    def __init__(self, config: ELBOConfig) -> None:
        super().__init__(config)
        self.config = config

    def reconstruction(self, decoder: nn.Module, latent: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """See ``Bound``: of pixels, and the sigma that they had."""
        real = batch.real
        if self.config.likelihood == "bernoulli":
            return bernoulli_nats(_binary(decoder).logits(latent), real), {}
        images = decoder(latent)
        if self.config.sigma != "learned":
            return gaussian_nats(images, real, self.config.sigma), {}
        nats, sigma = calibrated_nats(images, real)
        return nats, {"VAE.sigma": sigma.detach()}


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(q(z|x) || N(0, 1)) of each latent dimension, in nats: Kingma and Welling 2014, appendix B.

    Args:
        mean: (batch, latent) float32.
        log_variance: Likewise.

    Returns:
        (batch, latent) float32, never negative.
    """
    return (mean.square() + log_variance.exp() - 1.0 - log_variance) / 2


def gaussian_nats(images: Tensor, real: Tensor, sigma: float) -> Tensor:
    """-log N(real; images, sigma^2) in nats for an image, mean over the batch.

    Args:
        images: (batch, channels, height, width) in [-1, 1].
        real: Likewise.
        sigma: Of every pixel.
    """
    squares = (images.float() - real).square().flatten(1).sum(1).mean()
    return squares / (2 * sigma**2) + real[0].numel() * log(2 * pi * sigma**2) / 2


def calibrated_nats(images: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """As ``gaussian_nats`` with the sigma that makes the batch most likely, as in Rybkin et al. 2021.

    Its square is the mean squared error, here plus the variance of rounding pixels to 256 levels. So it is the optimum
    for pixels that are spread evenly over their level, whose density is bounded: a perfect reconstruction costs a
    finite number of nats.

    Returns:
        The nats, and sigma; both scalar float32.
    """
    variance = (images.float() - real).square().mean() + ROUNDING
    return real[0].numel() * ((2 * pi * variance).log() + 1.0) / 2, variance.sqrt()


def bernoulli_nats(logits: Tensor, real: Tensor) -> Tensor:
    """Cross-entropy of pixels in [0, 1] as probabilities of white, in nats for an image, mean over the batch.

    Args:
        logits: (batch, channels, height, width), log odds.
        real: (batch, channels, height, width) in [-1, 1].
    """
    nats = F.binary_cross_entropy_with_logits(logits.float(), (real + 1.0) / 2, reduction="none")
    return nats.flatten(1).sum(1).mean()


def _binary(decoder: nn.Module) -> Binary:
    if not isinstance(decoder, Binary):
        raise RecipeError(
            f"objective.likelihood 'bernoulli' needs log odds of pixels, and the generator {type(decoder).__name__} of "
            "the model has none.",
            hint="set objective.likelihood=gaussian, or model.name=vae",
        )
    return decoder


elbo = ObjectiveRow(ELBOConfig, ELBO, nets=("E", "G"))
