"""A normal distribution of images or of their latents, fitted by maximum likelihood from sums that grow.

It is held in a form that whitens and colours with the same few numbers, and whose inverse is exact:

    x = mean + scale * (e + B c B^T e),   e ~ N(0, I)

with orthonormal columns B (features, rank) and factors c (rank,). With F the leading eigenvectors of the covariance
times the roots of their eigenvalues, and scale^2 what the variance of each feature has left, the covariance of x is
F F^T + diag(scale^2): as in probabilistic principal components (Tipping and Bishop, "Probabilistic Principal Component
Analysis", 1999), except that the rest is kept feature by feature, so that the variance of every pixel is the data's and
dark corners stay dark. As e has as many numbers as x, |e| is the Mahalanobis distance, and log N(x) follows from it.
"""

from __future__ import annotations

from math import log, pi
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantools.models.equalized import float32_island

_START_VARIANCE = 0.25  # before the first fit


class Space(Protocol):
    """Where a distribution lives: pixels, or the latents of an autoencoder.

    Attributes:
        size: Length of its vectors.
        decoder: The network in ``decode``; none: there is none. It is no part of the distribution, so a module that
            decodes and is exported registers it by itself.
    """

    size: int
    decoder: nn.Module | None

    def encode(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) float32 in [-1, 1], NCHW -> vectors (batch, size) float32."""
        ...

    def decode(self, vectors: Tensor) -> Tensor:
        """Vectors (batch, size) float32 -> images (batch, channels, height, width) float32 in [-1, 1], NCHW."""
        ...


class PixelSpace:
    """Images as rows of their values.

    Args:
        resolution: Edge, in pixels.
        channels: 1 for grey, 3 for RGB.
    """

    decoder: nn.Module | None = None

    def __init__(self, resolution: int, channels: int) -> None:
        self.shape = (channels, resolution, resolution)
        self.size = channels * resolution**2

    def encode(self, images: Tensor) -> Tensor:
        """See ``Space``."""
        return images.reshape(-1, self.size)

    def decode(self, vectors: Tensor) -> Tensor:
        """See ``Space``; values outside [-1, 1] are clipped."""
        return vectors.clamp(-1.0, 1.0).reshape(-1, *self.shape)


class LatentSpace:
    """Images as the codes of an autoencoder that has learned already.

    Args:
        encoder: Images (batch, channels, height, width) float32 in [-1, 1], NCHW -> mean and log variance of their
            codes, (batch, size) float32 both. Images are their means.
        decoder: Codes -> images, likewise.
        size: Length of a code.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, size: int) -> None:
        self.encoder, self.size = encoder, size
        self.decoder: nn.Module | None = decoder
        self._decode = decoder

    def encode(self, images: Tensor) -> Tensor:
        """See ``Space``."""
        with float32_island(images):
            mean: Tensor = self.encoder(images.float())[0]
        return mean

    def decode(self, vectors: Tensor) -> Tensor:
        """See ``Space``."""
        images: Tensor = self._decode(vectors)
        return images


class Gaussian(nn.Module):
    """latent (batch, size) float32 N(0, 1) -> image (batch, channels, height, width) float32 in [-1, 1], NCHW.

    It has buffers alone. In inference mode it fits itself to all that it observed before it is used; in training mode
    it is what the last ``fit`` made of it.

    Args:
        space: What the vectors are.
        rank: Directions of the covariance that are kept; ``space.size``: all of them.
        floor: Least variance of a feature.
    """

    count: Tensor
    total: Tensor
    products: Tensor
    fitted: Tensor
    mean: Tensor
    scale: Tensor
    basis: Tensor
    factors: Tensor

    def __init__(self, space: Space, rank: int, floor: float) -> None:
        super().__init__()
        self.space, self.floor = space, floor
        size = space.size
        # Sums in float64 of values or codes, which are small: what is lost when the mean is taken off, about 1e-16, is
        # far below any floor.
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("total", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("products", torch.zeros(size, size, dtype=torch.float64))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.full((size,), _START_VARIANCE**0.5))
        self.register_buffer("basis", torch.zeros(size, rank))
        self.register_buffer("factors", torch.zeros(rank))

    @torch.no_grad()
    def observe(self, images: Tensor) -> None:
        """Add (batch, channels, height, width) to the sums. All processes add what any of them sees."""
        rows = self.space.encode(images).double()
        parts = (torch.tensor(float(len(rows)), device=rows.device, dtype=rows.dtype), rows.sum(0), rows.T @ rows)
        for held, part in zip((self.count, self.total, self.products), parts, strict=True):
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                torch.distributed.all_reduce(part)
            held += part

    @torch.no_grad()
    def fit(self) -> None:
        """The distribution of greatest likelihood for all that was observed."""
        mean = self.total / self.count
        covariance = self.products / self.count - torch.outer(mean, mean)
        rank = len(self.factors)
        values, vectors = torch.linalg.eigh(covariance)
        loadings = vectors[:, -rank:] * values[-rank:].clamp_min(0).sqrt()
        scale = (covariance.diagonal() - loadings.square().sum(1)).clamp_min(self.floor).sqrt()
        # For G = F / scale, G^T G = R g R^T, B = G R / sqrt(g) the root of I + G G^T is I + B (sqrt(1 + g) - 1) B^T.
        inner = loadings / scale[:, None]
        gains, rotation = torch.linalg.eigh(inner.T @ inner)
        kept = gains > gains[-1].clamp_min(1.0) * 1e-12
        gains = torch.where(kept, gains, 0.0)
        basis = torch.where(kept, inner @ rotation / gains.sqrt().clamp_min(1e-30), 0.0)
        for held, found in (
            (self.mean, mean),
            (self.scale, scale),
            (self.basis, basis),
            (self.factors, (1.0 + gains).sqrt() - 1.0),
            (self.fitted, self.count),
        ):
            held.copy_(found)

    def settle(self) -> None:
        """Fit, if anything was observed since the last time."""
        if bool(self.count != self.fitted):
            self.fit()

    def train(self, mode: bool = True) -> Gaussian:
        """See the class: a graph that is about to be traced holds the last fit."""
        super().train(mode)
        if not mode:
            self.settle()
        return self

    def colour(self, white: Tensor) -> Tensor:
        """From e (batch, size) to x - mean (batch, size)."""
        return (white + F.linear((white @ self.basis) * self.factors, self.basis)) * self.scale

    def pull(self, rows: Tensor) -> Tensor:
        """What rows (n, size) of linear forms on x are on e: their product with the matrix of ``colour``."""
        scaled = rows * self.scale
        return scaled + F.linear((scaled @ self.basis) * self.factors, self.basis)

    def whiten(self, centered: Tensor) -> Tensor:
        """From x - mean (batch, size) to e (batch, size): the inverse of ``colour``."""
        scaled = centered / self.scale
        return scaled - F.linear((scaled @ self.basis) * (self.factors / (1.0 + self.factors)), self.basis)

    def deviation(self) -> Tensor:
        """The standard deviation of every feature by itself: (size,) float32."""
        gains = (1.0 + self.factors).square() - 1.0
        return self.scale * (1.0 + self.basis.square() @ gains).sqrt()

    def log_likelihood(self, images: Tensor) -> Tensor:
        """Log-likelihood in nats, averaged over the values: (batch, channels, height, width) -> (batch,) float32."""
        with float32_island(images):
            white = self.whiten(self.space.encode(images).float() - self.mean)
            volume = self.scale.log().mean() + torch.log1p(self.factors).sum() / self.space.size
            return -0.5 * (white.square().mean(1) + log(2 * pi)) - volume

    def forward(self, latent: Tensor) -> Tensor:
        """See the class."""
        if not self.training and not torch.compiler.is_exporting():
            self.settle()
        with float32_island(latent):
            return self.space.decode(self.mean + self.colour(latent))
