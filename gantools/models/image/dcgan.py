"""DCGAN (Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional GANs", ICLR 2016).

A small generator of strided deconvolutions and its mirror image as discriminator. Not for photographs of high
resolution: it is the architecture to begin with, fast enough to train on a CPU.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gantools.core.artifact import ImageOutput, NoiseInput, Sampler
from gantools.core.spec import AxisRange, Frozen, GraphSpec, TensorSpec
from gantools.models.image.pixels import Pixels
from gantools.models.model import Architecture, ExportGraph, Model

_SEED_SIZE = 4  # height and width of the first feature map


class DCGANConfig(Frozen):
    """Options of ``dcgan``.

    Attributes:
        resolution: Edge of the images, in pixels.
        channels: 1 for grey, 3 for RGB.
        latent: Length of the noise vector.
        width: Channels of the generator's last feature map; each earlier one has twice as many.
        discriminator_width: Channels of the discriminator's first feature map; none: ``width``.
        discriminator_norm: ``batch`` as in the paper; ``spectral``: weights divided by their largest singular value
            (Miyato et al., ICLR 2018), which does not tie the images of a batch together; ``none``.
    """

    resolution: Literal[32, 64] = 32
    channels: Literal[1, 3] = 3
    latent: int = Field(default=100, ge=1)
    width: int = Field(default=64, ge=4)
    discriminator_width: int | None = Field(default=None, ge=4)
    discriminator_norm: Literal["batch", "spectral", "none"] = "batch"


def _widths(width: int, resolution: int) -> list[int]:
    """Channels of the feature maps from 4x4 up to half of ``resolution``."""
    doublings = resolution.bit_length() - _SEED_SIZE.bit_length()
    return [width * 2**power for power in reversed(range(doublings))]


class Generator(nn.Module):
    """latent (batch, latent) float32 N(0, 1) -> image (batch, channels, height, width) float32 in [-1, 1], NCHW."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        widths = _widths(config.width, config.resolution)
        self.seed_shape = (widths[0], _SEED_SIZE, _SEED_SIZE)
        self.project = nn.Linear(config.latent, widths[0] * _SEED_SIZE**2, bias=False)
        blocks: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)]
        for inner, outer in pairwise(widths):
            blocks += [
                nn.ConvTranspose2d(inner, outer, kernel_size=4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outer),
                nn.ReLU(inplace=True),
            ]
        blocks += [nn.ConvTranspose2d(widths[-1], config.channels, kernel_size=4, stride=2, padding=1), nn.Tanh()]
        self.blocks = nn.Sequential(*blocks)
        self.apply(_initialize)

    def forward(self, latent: Tensor) -> Tensor:
        """See the class."""
        image: Tensor = self.blocks(self.project(latent).reshape(-1, *self.seed_shape))
        return image


class Discriminator(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW -> logits (batch,), positive for real."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        widths = _widths(config.discriminator_width or config.width, config.resolution)[::-1]
        norm = config.discriminator_norm
        blocks: list[nn.Module] = []
        for depth, (inner, outer) in enumerate(pairwise([config.channels, *widths])):
            # No batch norm on the image itself, as in the paper; and a bias only where no batch norm would cancel it.
            batch_norm = norm == "batch" and depth > 0
            blocks.append(nn.Conv2d(inner, outer, kernel_size=4, stride=2, padding=1, bias=not batch_norm))
            blocks += [nn.BatchNorm2d(outer)] if batch_norm else []
            blocks.append(nn.LeakyReLU(0.2, inplace=True))
        blocks.append(nn.Conv2d(widths[-1], 1, kernel_size=_SEED_SIZE))
        self.blocks = nn.Sequential(*blocks)
        self.apply(_initialize)
        if norm == "spectral":  # after the initialization, because its power iteration starts from the weights
            for block in self.blocks:
                if isinstance(block, nn.Conv2d):
                    spectral_norm(block)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.blocks(image)
        return logits.flatten()


@torch.no_grad()
def _initialize(module: nn.Module) -> None:
    """Section 4 of the paper: weights N(0, 0.02); scales of batch norm N(1, 0.02), as in the authors' code."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def _build(config: DCGANConfig) -> Model:
    generator = Generator(config)
    edge, channels = config.resolution, config.channels
    colour = "grey" if channels == 1 else "RGB"
    latent = TensorSpec(name="latent", dtype="float32", shape=("batch", config.latent), doc="N(0, 1)")
    pixels = TensorSpec(
        name="image", dtype="uint8", shape=("batch", edge, edge, channels), doc=f"{colour}, 0..255, NHWC"
    )
    floats = TensorSpec(
        name="image", dtype="float32", shape=("batch", channels, edge, edge), doc=f"{colour} in [-1, 1], NCHW"
    )
    axes = {"batch": AxisRange(min=1, opt=16, max=64)}
    return Model(
        nets={"G": generator, "D": Discriminator(config)},
        graphs={
            "generator": ExportGraph(Pixels(generator), GraphSpec(inputs=(latent,), outputs=(pixels,), axes=axes)),
            "generator_float": ExportGraph(generator, GraphSpec(inputs=(latent,), outputs=(floats,), axes=axes)),
        },
        sampler=Sampler(
            kind="feedforward", graph="generator", noise={"latent": NoiseInput(distribution="normal", stream=0)}
        ),
        modality="image",
        output=ImageOutput(height=edge, width=edge, channels=channels),
    )


dcgan = Architecture(DCGANConfig, _build)
