"""A convolutional variational autoencoder (Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014).

An encoder that gives each image a distribution over latents, and a decoder that is the generator. It trains steadily
and finds the latent of a given image; its samples are softer than those of a GAN. Both nets are plain
stacks that halve or double the size, with residual blocks between.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from gantools.core.artifact import ENCODER
from gantools.core.spec import Frozen, GraphSpec, TensorSpec
from gantools.models.image.graphs import AXES, image_model, latent_input
from gantools.models.model import Architecture, ExportGraph, Model

_SEED_SIZE = 4  # height and width of the smallest feature map
_MOST = 8  # the smallest maps have at most this many times the channels of the largest ones
_GROUP = 8  # channels that share their statistics in group norm


class VAEConfig(Frozen):
    """Options of ``vae``.

    Attributes:
        resolution: Edge of the images, in pixels.
        channels: 1 for grey, 3 for RGB.
        latent: Length of the code.
        width: Channels of the feature maps at half the resolution; each smaller map has twice as many, up to eight
            times.
        depth: Residual blocks at each size.
        norm: ``group`` (Wu and He 2018): an image's code does not depend on its batch in training either, and the
            averaged nets are sound; ``batch``: a quarter faster when shipped, for it is folded into convolutions.
    """

    resolution: Literal[32, 64, 128] = 32
    channels: Literal[1, 3] = 3
    latent: int = Field(default=64, ge=1)
    width: int = Field(default=32, ge=8, multiple_of=8)
    depth: int = Field(default=0, ge=0)
    norm: Literal["group", "batch"] = "group"


class Block(nn.Module):
    """features (batch, channels, size, size) -> the same, plus what two convolutions make of them."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.path = nn.Sequential(
            _norm(channels, norm),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            _norm(channels, norm),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        changed: Tensor = features + self.path(features)
        return changed


class Encoder(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW -> mean and log variance of its latent.

    Both are (batch, latent) float32, of a Gaussian with independent dimensions (appendix C.2 of the paper).
    """

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = _widths(config)[::-1]
        blocks: list[nn.Module] = []
        for inner, outer in pairwise([config.channels, *widths]):
            if blocks:
                blocks += [_norm(inner, config.norm), nn.SiLU()]
            blocks.append(nn.Conv2d(inner, outer, kernel_size=4, stride=2, padding=1))
            blocks += [Block(outer, config.norm) for _ in range(config.depth)]
        blocks += [_norm(widths[-1], config.norm), nn.SiLU(), nn.Flatten()]
        self.blocks = nn.Sequential(*blocks)
        self.mean = nn.Linear(widths[-1] * _SEED_SIZE**2, config.latent)
        self.log_variance = nn.Linear(widths[-1] * _SEED_SIZE**2, config.latent)
        nn.init.zeros_(self.log_variance.weight)  # codes begin with the variance of the prior
        nn.init.zeros_(self.log_variance.bias)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        features = self.blocks(image)
        return self.mean(features).float(), self.log_variance(features).float()


class Decoder(nn.Module):
    """latent (batch, latent) float32 N(0, 1) -> image (batch, channels, height, width) float32 in [-1, 1], NCHW."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = _widths(config)
        self.seed_shape = (widths[0], _SEED_SIZE, _SEED_SIZE)
        self.project = nn.Linear(config.latent, widths[0] * _SEED_SIZE**2)
        blocks: list[nn.Module] = []
        for inner, outer in pairwise([*widths, config.channels]):
            blocks += [Block(inner, config.norm) for _ in range(config.depth)]
            blocks += [_norm(inner, config.norm), nn.SiLU()]
            blocks.append(nn.ConvTranspose2d(inner, outer, kernel_size=4, stride=2, padding=1))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, latent: Tensor) -> Tensor:
        """See the class."""
        return torch.tanh(self.logits(latent) / 2)

    def logits(self, latent: Tensor) -> Tensor:
        """Latents -> log odds of each pixel being white, as the image is: its sigmoid is (image + 1) / 2."""
        # In float32: between bfloat16's values near 1 lie two grey levels.
        logits: Tensor = self.blocks(self.project(latent).reshape(-1, *self.seed_shape))
        return logits.float()


class ImageEncoder(nn.Module):
    """The encoder as it ships: (batch, height, width, channels) uint8, NHWC, 0..255 -> latent and log variance."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        mean, log_variance = self.encoder(image.float().permute(0, 3, 1, 2) / 127.5 - 1.0)
        return mean, log_variance


def _widths(config: VAEConfig) -> list[int]:
    """Channels of the feature maps from 4x4 up to half of the resolution."""
    doublings = config.resolution.bit_length() - _SEED_SIZE.bit_length()
    return [config.width * min(2**power, _MOST) for power in reversed(range(doublings))]


def _norm(channels: int, kind: str) -> nn.Module:
    return nn.GroupNorm(channels // _GROUP, channels) if kind == "group" else nn.BatchNorm2d(channels)


def _build(config: VAEConfig) -> Model:
    decoder, encoder = Decoder(config), Encoder(config)
    model = image_model(
        decoder,
        [latent_input(config.latent)],
        resolution=config.resolution,
        channels=config.channels,
        nets={"E": encoder, "G": decoder},
    )
    pixels = model.graphs["generator"].spec.outputs[0]
    mean, log_variance = (
        TensorSpec(name=name, dtype="float32", shape=("batch", config.latent), doc=doc)
        for name, doc in (("latent", "the code of the image"), ("log_variance", "log of the code's variance"))
    )
    spec = GraphSpec(inputs=(pixels,), outputs=(mean, log_variance), axes=AXES)
    return replace(model, graphs={**model.graphs, ENCODER: ExportGraph(ImageEncoder(encoder), spec)})


vae = Architecture(VAEConfig, _build, defaults={"objective": {"name": "elbo"}})
