"""The U-Net of pix2pix (Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017).

Appendix 6.1.1: strided convolutions down to a few pixels and transposed ones up again, with every map on the way down
also given to its counterpart on the way up. Dropout is there to train with, and off when the network ships: the same
image always becomes the same image. (The published code leaves it on, which section 3.2 finds to change little.)
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.initialization import dcgan_normal
from gantools.models.model import Architecture, Model
from gantools.models.translate.beside import Beside, with_beside
from gantools.models.translate.graphs import translation_model
from gantools.models.translate.luma import with_luma_of
from gantools.models.translate.norm import NormName, norm_layer

LEAST = 16  # pixels of a side
_MOST = 8  # the smallest maps have at most this many times the channels of the largest ones
_DROPPING = 3  # innermost steps up that have dropout


class UNetConfig(Frozen):
    """Options of ``unet``.

    Attributes:
        channels: 1 for grey, 3 for RGB.
        width: Channels of the largest maps; published: 64.
        depth: How often the size is halved; published: 8 for images of 256 pixels. Heights and widths are multiples of
            ``2**depth``, to which smaller images are padded.
        dropout: Share of the innermost maps' values that is dropped in training; published: 0.5.
        keeps_luma: Whether only colours are made, and brightness stays that of the given image: to colour pictures.
        norm: See ``gantools.models.translate.norm``.
        beside: What is trained beside it: ``inverse``, a second translator that goes back, for the objective
            ``cyclegan``; ``projection``, for ``cut``; see ``gantools.models.translate.beside``.
    """

    channels: Literal[1, 3] = 3
    width: int = Field(default=64, ge=4)
    depth: int = Field(default=6, ge=2, le=9)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    keeps_luma: bool = False
    norm: NormName = "instance"
    beside: Beside = "nothing"

    @model_validator(mode="after")
    def _has_colours(self) -> Self:
        if self.keeps_luma and self.channels == 1:
            raise ValueError("keeps_luma: a grey image is luma alone; set channels=3")
        return self


class UNet(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW -> image of the same shape and range.

    Attributes:
        feature_widths: Channels of what ``features`` returns.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        widths = [config.width * min(2**level, _MOST) for level in range(config.depth)]
        self.downs = nn.ModuleList()
        for level, (inner, outer) in enumerate(pairwise([config.channels, *widths])):
            blocks: list[nn.Module] = [nn.LeakyReLU(0.2)] if level else []
            # No norm at first, nor of the smallest map, which may have a single pixel.
            normed = 0 < level < config.depth - 1
            blocks.append(nn.Conv2d(inner, outer, kernel_size=4, stride=2, padding=1, bias=not normed))
            self.downs.append(nn.Sequential(*blocks, *([norm_layer(config.norm, outer)] if normed else [])))
        self.ups = nn.ModuleList()
        for level in reversed(range(1, config.depth)):
            inner = widths[level] * (1 if level == config.depth - 1 else 2)
            up: list[nn.Module] = [
                nn.ReLU(),
                nn.ConvTranspose2d(inner, widths[level - 1], kernel_size=4, stride=2, padding=1, bias=False),
                norm_layer(config.norm, widths[level - 1]),
            ]
            if config.dropout and len(self.ups) < _DROPPING:
                up.append(nn.Dropout(config.dropout))
            self.ups.append(nn.Sequential(*up))
        self.to_image = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(2 * widths[0], config.channels, kernel_size=4, stride=2, padding=1)
        )
        self.keeps_luma = config.keeps_luma
        self.feature_widths = (config.channels, *widths[:-1])
        self.apply(dcgan_normal)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        maps = []
        here = image
        for down in self.downs:
            here = down(here)
            maps.append(here)
        maps.pop()
        for up in self.ups:
            here = torch.cat([up(here), maps.pop()], 1)
        made: Tensor = torch.tanh(self.to_image(here))
        return with_luma_of(made.float(), image) if self.keeps_luma else made

    def features(self, image: Tensor) -> list[Tensor]:
        """The image and its maps on the way down but the smallest, largest first: (batch, channels, height, width)."""
        maps = [image]
        for down in list(self.downs)[:-1]:
            maps.append(down(maps[-1]))
        return maps


def _plain(config: UNetConfig) -> tuple[UNet, Model]:
    net, step = UNet(config), 2**config.depth
    return net, translation_model(net, channels=config.channels, step=step, least=max(step, LEAST))


def _build(config: UNetConfig) -> Model:
    net, model = _plain(config)
    return with_beside(model, config.beside, net, lambda: _plain(config)[1])


unet = Architecture(
    UNetConfig,
    _build,
    defaults={"discriminator": {"name": "patch", "conditional": True}, "objective": {"name": "pix2pix"}},
)
