"""SNGAN-ResNet (Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, appendix B.4).

A generator of residual blocks that upsample, for 32, 64 and 128 pixels; its judge is the discriminator ``resnet``.
With classes, batch norm is conditional (Miyato and Koyama, ICLR 2018).
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.image.conditional_norm import ClassBatchNorm2d
from gantools.models.image.graphs import image_model, label_input, latent_input
from gantools.models.model import Architecture, Model

# Channels of the feature maps from 4x4 on, as shares of the width.
_SHARES: dict[int, tuple[float, ...]] = {
    32: (1, 1, 1, 1),
    64: (1, 1 / 2, 1 / 4, 1 / 8, 1 / 16),
    128: (1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16),
}
_PUBLISHED_WIDTH = {32: 256, 64: 1024, 128: 1024}
_SEED_SIZE = 4


class SNGANConfig(Frozen):
    """Options of ``sngan``.

    Attributes:
        resolution: Edge of the images, in pixels.
        channels: 1 for grey, 3 for RGB.
        latent: Length of the noise vector.
        width: Channels of the first feature map; none: as published, 256 at 32 pixels and 1024 at 64 and 128.
        classes: Number of classes; 0: unconditional.
    """

    resolution: Literal[32, 64, 128] = 32
    channels: Literal[1, 3] = 3
    latent: int = Field(default=128, ge=1)
    width: int | None = Field(default=None, ge=16, multiple_of=16)
    classes: int = Field(default=0, ge=0)


class Block(nn.Module):
    """Twice the size: norm, ReLU, upsample, convolve, norm, ReLU, convolve; plus the upsampled input.

    Args:
        inner: Channels that come in.
        outer: Channels that go out.
        classes: Of the norms.
    """

    def __init__(self, inner: int, outer: int, classes: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([ClassBatchNorm2d(inner, classes), ClassBatchNorm2d(outer, classes)])
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(inner, outer, 3, padding=1), nn.Conv2d(outer, outer, 3, padding=1)]
        )
        self.shortcut = nn.Conv2d(inner, outer, 1)
        for layer in self.convolutions:
            nn.init.xavier_uniform_(layer.weight, gain=sqrt(2))  # type: ignore[arg-type]
        nn.init.xavier_uniform_(self.shortcut.weight)

    def forward(self, features: Tensor, label: Tensor | None) -> Tensor:
        """(batch, inner, size, size), label -> (batch, outer, 2 size, 2 size)."""
        path = _doubled(F.relu(self.norms[0](features, label)))
        path = self.convolutions[1](F.relu(self.norms[1](self.convolutions[0](path), label)))
        # A 1x1 convolution commutes with copying pixels, and has a quarter of the work before it.
        grown: Tensor = path + _doubled(self.shortcut(features))
        return grown


class Generator(nn.Module):
    """latent (batch, latent) float32 N(0, 1) [, label] -> image (batch, channels, size, size) float32 in [-1, 1]."""

    def __init__(self, config: SNGANConfig) -> None:
        super().__init__()
        width = config.width or _PUBLISHED_WIDTH[config.resolution]
        widths = [round(width * share) for share in _SHARES[config.resolution]]
        self.seed_shape = (widths[0], _SEED_SIZE, _SEED_SIZE)
        self.project = nn.Linear(config.latent, widths[0] * _SEED_SIZE**2)
        self.blocks = nn.ModuleList([Block(inner, outer, config.classes) for inner, outer in pairwise(widths)])
        self.norm = nn.BatchNorm2d(widths[-1])
        self.to_image = nn.Conv2d(widths[-1], config.channels, 3, padding=1)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.xavier_uniform_(self.to_image.weight)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        features = self.project(latent).reshape(-1, *self.seed_shape)
        for block in self.blocks:
            features = block(features, label)
        return torch.tanh(self.to_image(F.relu(self.norm(features))))


def _doubled(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2.0, mode="nearest")


def _build(config: SNGANConfig) -> Model:
    inputs = [latent_input(config.latent), *([label_input(config.classes)] if config.classes else [])]
    return image_model(
        Generator(config), inputs, resolution=config.resolution, channels=config.channels, classes=config.classes
    )


sngan = Architecture(SNGANConfig, _build, defaults={"discriminator": {"name": "resnet"}})
