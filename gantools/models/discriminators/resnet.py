"""The residual discriminator of SNGAN (Miyato et al., ICLR 2018, appendix B.4), for 32, 64 and 128 pixels."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.core.spec import Frozen
from gantools.models.discriminators.head import Head
from gantools.models.discriminators.spectral import normalize
from gantools.models.model import DiscriminatorRow, ImageShape

# For each resolution: channels after each block as shares of the width, and how many blocks halve the size.
_PLANS: dict[int, tuple[tuple[float, ...], int]] = {
    32: ((1, 1, 1, 1), 2),
    64: ((1 / 16, 1 / 8, 1 / 4, 1 / 2, 1), 5),
    128: ((1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 1), 5),
}
_PUBLISHED_WIDTH = {32: 128, 64: 1024, 128: 1024}


class ResNetDiscriminatorConfig(Frozen):
    """Options of the discriminator ``resnet``.

    Attributes:
        width: Channels of the last block; none: as published, 128 at 32 pixels and 1024 at 64 and 128.
        spectral: Divide weights by their largest singular value.
        dropout: Share of feature maps dropped after each block.
    """

    width: int | None = Field(default=None, ge=16, multiple_of=16)
    spectral: bool = True
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Block(nn.Module):
    """ReLU, convolve, ReLU, convolve, plus the input; then half the size, or not.

    Args:
        inner: Channels that come in.
        outer: Channels that go out.
        halves: Whether height and width are halved, by averaging.
        first: The input is an image, which takes no ReLU.
    """

    def __init__(self, inner: int, outer: int, *, halves: bool, first: bool) -> None:
        super().__init__()
        self.halves, self.first = halves, first
        middle = outer if first else inner
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(inner, middle, 3, padding=1), nn.Conv2d(middle, outer, 3, padding=1)]
        )
        self.shortcut = nn.Conv2d(inner, outer, 1) if halves or inner != outer else None
        for layer in self.convolutions:
            nn.init.xavier_uniform_(layer.weight, gain=sqrt(2))  # type: ignore[arg-type]
        if self.shortcut is not None:
            nn.init.xavier_uniform_(self.shortcut.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, inner, size, size) -> (batch, outer, size, size), or half the size."""
        path = features if self.first else F.relu(features)
        path = self._sized(self.convolutions[1](F.relu(self.convolutions[0](path))))
        # Averaging commutes with a 1x1 convolution, and leaves it a quarter of the work.
        straight = self._sized(features)
        return path + (straight if self.shortcut is None else self.shortcut(straight))

    def _sized(self, features: Tensor) -> Tensor:
        return F.avg_pool2d(features, 2) if self.halves else features


class ResNetDiscriminator(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW [, label] -> logits (batch,)."""

    def __init__(self, config: ResNetDiscriminatorConfig, shape: ImageShape) -> None:
        super().__init__()
        if shape.resolution not in _PLANS:
            raise RecipeError(
                f"the discriminator 'resnet' judges images of 32, 64 or 128 pixels, got {shape.resolution}.",
                hint="choose another discriminator, or another model.resolution",
            )
        shares, halving = _PLANS[shape.resolution]
        width = config.width or _PUBLISHED_WIDTH[shape.resolution]
        widths = [shape.channels, *(max(1, round(width * share)) for share in shares)]
        blocks: list[nn.Module] = []
        for depth, (inner, outer) in enumerate(pairwise(widths)):
            blocks.append(Block(inner, outer, halves=depth < halving, first=depth == 0))
            blocks += [nn.Dropout2d(config.dropout)] if config.dropout else []
        self.blocks = nn.Sequential(*blocks)
        self.head = Head(widths[-1], shape.classes)
        nn.init.xavier_uniform_(self.head.linear.weight)
        if config.spectral:
            normalize(self)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(F.relu(self.blocks(image)).sum((2, 3)), label)
        return logits


resnet = DiscriminatorRow(ResNetDiscriminatorConfig, ResNetDiscriminator)
