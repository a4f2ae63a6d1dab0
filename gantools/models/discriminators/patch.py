"""A discriminator of patches: one logit for each part of an image (Isola et al., "pix2pix", CVPR 2017, appendix 6.1).

Strided convolutions without a look at the whole, so it judges texture at any image size. ``layers`` of 2, 3 and 4 see
patches of 22, 46 and 94 pixels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

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
    """

    width: int = Field(default=64, ge=4)
    layers: int = Field(default=3, ge=1, le=4)
    norm: Literal["batch", "instance", "spectral", "none"] = "batch"
    dropout: float = Field(default=0.0, ge=0, lt=1)


class PatchDiscriminator(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW [, label] -> logits (batch, patches)."""

    def __init__(self, config: PatchDiscriminatorConfig, shape: ImageShape) -> None:
        super().__init__()
        widths = [config.width * min(8, 2**power) for power in range(config.layers + 1)]
        norms = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}
        blocks: list[nn.Module] = []
        for depth, (inner, outer) in enumerate(pairwise([shape.channels, *widths])):
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

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.blocks(image), label)
        return logits


patch = DiscriminatorRow(PatchDiscriminatorConfig, PatchDiscriminator)
