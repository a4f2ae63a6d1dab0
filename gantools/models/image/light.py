"""A light generator for edge devices: under a million parameters at 64 pixels, and few enough products for real time.

Depthwise separable convolutions (Howard et al., "MobileNets", 2017) between nearest upsampling, and the last doubling
by rearranging channels into pixels (Shi et al., "Real-Time Single Image and Video Super-Resolution", CVPR 2016), so
that no convolution runs at full size. Every operation is one that runtimes for phones and accelerators have. Not an
architecture from a paper, and not for quality records.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.image.graphs import image_model, latent_input
from gantools.models.model import Architecture, Model

_SEED_SIZE = 4


class LightConfig(Frozen):
    """Options of ``light``.

    Attributes:
        resolution: Edge of the images, in pixels.
        channels: 1 for grey, 3 for RGB.
        latent: Length of the noise vector.
        width: Channels of the last feature map, at half the resolution; earlier ones have more, up to four times as
            many.
    """

    resolution: Literal[32, 64, 128] = 64
    channels: Literal[1, 3] = 3
    latent: int = Field(default=64, ge=1)
    width: int = Field(default=48, ge=4)


def _separable(inner: int, outer: int) -> nn.Sequential:
    """A 3x3 convolution of each channel by itself, then a mixture of channels."""
    return nn.Sequential(
        nn.Conv2d(inner, inner, 3, padding=1, groups=inner, bias=False),
        nn.Conv2d(inner, outer, 1, bias=False),
        nn.BatchNorm2d(outer),
    )


class Block(nn.Module):
    """Twice the size, then a residual step. (batch, inner, size, size) -> (batch, outer, 2 size, 2 size)."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.grow = _separable(inner, outer)
        self.refine = _separable(outer, outer)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        grown = F.relu(self.grow(F.interpolate(features, scale_factor=2.0, mode="nearest")))
        return F.relu(grown + self.refine(grown))


class Generator(nn.Module):
    """latent (batch, latent) float32 N(0, 1) -> image (batch, channels, height, width) float32 in [-1, 1], NCHW."""

    def __init__(self, config: LightConfig) -> None:
        super().__init__()
        doublings = config.resolution.bit_length() - _SEED_SIZE.bit_length()
        widths = [config.width * min(4, 2**power) for power in reversed(range(doublings))]
        self.seed_shape = (widths[0], _SEED_SIZE, _SEED_SIZE)
        self.project = nn.Linear(config.latent, widths[0] * _SEED_SIZE**2)
        self.blocks = nn.Sequential(*(Block(inner, outer) for inner, outer in pairwise(widths)))
        self.to_image = nn.Conv2d(widths[-1], config.channels * 4, 3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        """See the class."""
        features = self.blocks(F.relu(self.project(latent)).reshape(-1, *self.seed_shape))
        return torch.tanh(F.pixel_shuffle(self.to_image(features), 2))


def _build(config: LightConfig) -> Model:
    return image_model(
        Generator(config), [latent_input(config.latent)], resolution=config.resolution, channels=config.channels
    )


light = Architecture(LightConfig, _build, defaults={"discriminator": {"name": "dcgan", "norm": "spectral"}})
