"""A discriminator of patches: one logit for each part of an image (Isola et al., "pix2pix", CVPR 2017, appendix 6.1).

Strided convolutions without a look at the whole, so it judges texture at any image size. ``layers`` of 2, 3 and 4 see
patches of 22, 46 and 94 pixels. It may be shown what an image was made of: then it also judges whether the
two belong together.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.core.spec import Frozen
from gantools.models.discriminators.head import Head
from gantools.models.discriminators.spectral import normalize
from gantools.models.initialization import dcgan_normal
from gantools.models.model import DiscriminatorRow, ImageShape


class PatchDiscriminatorConfig(Frozen):
    """Options of the discriminator ``patch``.

    Attributes:
        width: Channels of the first feature map; each later one has twice as many, up to eight times.
        layers: Convolutions that halve the size; one more keeps it.
        norm: ``batch`` as published, ``instance``, ``spectral``, or ``none``.
        dropout: Share of feature maps dropped after each activation.
        conditional: Whether it sees the image that each was made of, beside it, as pix2pix's does; for objectives that
            train with pairs.
    """

    width: int = Field(default=64, ge=4)
    layers: int = Field(default=3, ge=1, le=4)
    norm: Literal["batch", "instance", "spectral", "none"] = "batch"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    conditional: bool = False


class PatchDiscriminator(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW [, label] -> logits (batch, patches).

    A conditional one also takes ``given``, the image that each was made of: as ``image``.

    Attributes:
        conditional: Whether it takes ``given``.
    """

    def __init__(self, config: PatchDiscriminatorConfig, shape: ImageShape) -> None:
        super().__init__()
        if config.conditional and not shape.given:
            raise RecipeError(
                "discriminator.conditional: the model makes images of no others of the same size.",
                hint="set discriminator.conditional=false",
            )
        self.conditional = config.conditional
        seen = shape.channels + (shape.given if config.conditional else 0)
        widths = [config.width * min(8, 2**power) for power in range(config.layers + 1)]
        norms = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}
        blocks: list[nn.Module] = []
        for depth, (inner, outer) in enumerate(pairwise([seen, *widths])):
            norm = norms.get(config.norm) if depth else None
            stride = 2 if depth < config.layers else 1
            blocks.append(nn.Conv2d(inner, outer, kernel_size=4, stride=stride, padding=1, bias=norm is None))
            blocks += [norm(outer)] if norm else []
            blocks.append(nn.LeakyReLU(0.2, inplace=True))
            blocks += [nn.Dropout2d(config.dropout)] if config.dropout else []
        self.blocks = nn.Sequential(*blocks)
        self.head = Head(widths[-1], shape.classes)
        self.apply(dcgan_normal)
        if config.norm == "spectral":
            normalize(self)

    def forward(self, image: Tensor, label: Tensor | None = None, *, given: Tensor | None = None) -> Tensor:
        """See the class."""
        if self.conditional:
            assert given is not None, "a conditional discriminator needs what images were made of"
            image = torch.cat([given, image], 1)
        logits: Tensor = self.head(self.blocks(image), label)
        return logits


patch = DiscriminatorRow(PatchDiscriminatorConfig, PatchDiscriminator)
