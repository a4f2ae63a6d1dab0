"""DCGAN (Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional GANs", ICLR 2016).

A small generator of strided deconvolutions; its mirror image is the discriminator ``dcgan``. Not for photographs of
high resolution: it is the architecture to begin with, fast enough to train on a CPU.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.image.graphs import image_model, latent_input
from gantools.models.initialization import dcgan_normal
from gantools.models.model import Architecture, Model

_SEED_SIZE = 4  # height and width of the first feature map


class DCGANConfig(Frozen):
    """Options of ``dcgan``.

    Attributes:
        resolution: Edge of the images, in pixels.
        channels: 1 for grey, 3 for RGB.
        latent: Length of the noise vector.
        width: Channels of the generator's last feature map; each earlier one has twice as many.
    """

    resolution: Literal[32, 64] = 32
    channels: Literal[1, 3] = 3
    latent: int = Field(default=100, ge=1)
    width: int = Field(default=64, ge=4)


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
        self.apply(dcgan_normal)

    def forward(self, latent: Tensor) -> Tensor:
        """See the class."""
        image: Tensor = self.blocks(self.project(latent).reshape(-1, *self.seed_shape))
        return image


def _build(config: DCGANConfig) -> Model:
    return image_model(
        Generator(config), [latent_input(config.latent)], resolution=config.resolution, channels=config.channels
    )


dcgan = Architecture(DCGANConfig, _build, defaults={"discriminator": {"name": "dcgan"}})
