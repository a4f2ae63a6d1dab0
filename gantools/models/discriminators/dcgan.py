"""The discriminator of DCGAN: strided convolutions (Radford, Metz, Chintala, ICLR 2016)."""

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

_LAST_SIZE = 4  # height and width of the last feature map


class DCGANDiscriminatorConfig(Frozen):
    """Options of the discriminator ``dcgan``.

    Attributes:
        width: Channels of the first feature map; each later one has twice as many.
        norm: ``batch`` as in the paper; ``spectral``: weights divided by their largest singular value (Miyato et al.,
            ICLR 2018), which does not tie the images of a batch together; ``none``.
        dropout: Share of feature maps dropped after each activation.
    """

    width: int = Field(default=64, ge=4)
    norm: Literal["batch", "spectral", "none"] = "batch"
    dropout: float = Field(default=0.0, ge=0, lt=1)


class DCGANDiscriminator(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW [, label] -> logits (batch,)."""

    def __init__(self, config: DCGANDiscriminatorConfig, shape: ImageShape) -> None:
        super().__init__()
        doublings = shape.resolution.bit_length() - _LAST_SIZE.bit_length()
        widths = [config.width * 2**power for power in range(doublings)]
        blocks: list[nn.Module] = []
        for depth, (inner, outer) in enumerate(pairwise([shape.channels, *widths])):
            # No batch norm on the image itself, as in the paper; and a bias only where no batch norm would cancel it.
            batch_norm = config.norm == "batch" and depth > 0
            blocks.append(nn.Conv2d(inner, outer, kernel_size=4, stride=2, padding=1, bias=not batch_norm))
            blocks += [nn.BatchNorm2d(outer)] if batch_norm else []
            blocks.append(nn.LeakyReLU(0.2, inplace=True))
            blocks += [nn.Dropout2d(config.dropout)] if config.dropout else []
        self.blocks = nn.Sequential(*blocks)
        self.head = Head(widths[-1] * _LAST_SIZE**2, shape.classes)
        self.apply(dcgan_normal)
        if config.norm == "spectral":  # after the initialization, because its power iteration starts from the weights
            normalize(self)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        # Row by row, the channels of a pixel together, as training has them in memory: nothing is copied, and gradients
        # come back in the order of everything else.
        features = self.blocks(image).permute(0, 2, 3, 1).flatten(1)
        logits: Tensor = self.head(features, label)
        return logits


dcgan = DiscriminatorRow(DCGANDiscriminatorConfig, DCGANDiscriminator)
