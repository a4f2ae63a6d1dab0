"""The discriminator of StyleGAN2: residual blocks that filter before they lower the resolution (Karras et al. 2020)."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import torch
from pydantic import Field
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.core.spec import Frozen
from gantools.models.equalized import EqualConv, EqualLinear, unit_rows
from gantools.models.model import DiscriminatorRow, ImageShape
from gantools.models.resampling import Resample

_LAST_SIZE = 4  # height and width of the last feature map
_DECAY = 0.995  # of the average deviation, for each batch


class StyleGAN2DiscriminatorConfig(Frozen):
    """Options of the discriminator ``stylegan2``.

    Attributes:
        channel_base: Channels of a feature map times its edge. The official ones have 32768, or half of it.
        channel_max: Most channels of a feature map; the official ones have 512.
        group: Images over which the standard deviation is taken; the largest divisor of a batch up to this is used.
    """

    channel_base: int = Field(default=4096, ge=256)
    channel_max: int = Field(default=128, ge=1)
    group: int = Field(default=4, ge=1)


class MinibatchDeviation(nn.Module):
    """Append a map of how much the images of a group differ (Karras et al., ICLR 2018, section 3).

    In training: the standard deviation of every value over the images of a group, averaged over all values. In
    inference: its moving average, as batch norm does it, because the score of a picture may not depend on the others.

    Args:
        group: Most images in a group.
    """

    average: Tensor

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group
        self.register_buffer("average", torch.zeros(()))

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, channels, height, width) -> (batch, channels + 1, height, width)."""
        count, _, height, width = maps.shape
        if self.training:
            size = next(size for size in range(min(self.group, count), 0, -1) if count % size == 0)
            groups = maps.float().reshape(size, count // size, -1)
            variance = groups.var(0, correction=0)
            deviation = (variance + 1e-8).sqrt().mean(1)
            with torch.no_grad():
                self.average.lerp_(deviation.mean(), 1 - _DECAY)
            value = deviation.repeat(size).to(maps.dtype)
        else:
            value = self.average.to(maps.dtype)
        return torch.cat([maps, value.reshape(-1, 1, 1, 1).expand(count, 1, height, width)], 1)


class Block(nn.Module):
    """(batch, inputs, height, width) -> (batch, outputs, height / 2, width / 2), with a shortcut.

    Args:
        inputs: Channels.
        outputs: Channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # The sum of two independent paths has twice the variance of one.
        self.path = nn.Sequential(
            EqualConv(inputs, inputs, 3, padding=1),
            Resample(inputs, padding=2),
            EqualConv(inputs, outputs, 3, stride=2, gain=sqrt(0.5)),
        )
        self.shortcut = nn.Sequential(
            Resample(inputs, down=2), EqualConv(inputs, outputs, 1, activate=False, gain=sqrt(0.5))
        )

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        result: Tensor = self.path(maps) + self.shortcut(maps)
        return result


class StyleGAN2Discriminator(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW [, label (batch,) int64] -> logits (batch,).

    With classes a logit is the product of the image's features with a vector of its class (Miyato and Koyama, "cGANs
    with Projection Discriminator", ICLR 2018). The official code makes that vector by a mapping network of the one-hot
    label, which can say no more than a table of vectors.
    """

    def __init__(self, config: StyleGAN2DiscriminatorConfig, shape: ImageShape) -> None:
        super().__init__()
        steps = (shape.resolution // _LAST_SIZE).bit_length() - 1
        if steps < 1 or shape.resolution != _LAST_SIZE << steps:
            raise RecipeError(
                f"the discriminator 'stylegan2' halves images down to {_LAST_SIZE}x{_LAST_SIZE}, and the model makes "
                f"{shape.resolution}x{shape.resolution}.",
                hint="choose a model.resolution of 8, 16, 32, 64, ...",
            )
        widths = [min(config.channel_base // (shape.resolution >> k), config.channel_max) for k in range(steps + 1)]
        self.from_image = EqualConv(shape.channels, widths[0], 1)
        self.blocks = nn.Sequential(*(Block(inner, outer) for inner, outer in pairwise(widths)))
        last = widths[-1]
        self.deviation = MinibatchDeviation(config.group)
        self.conv = EqualConv(last + 1, last, 3, padding=1)
        self.linear = EqualLinear(last * _LAST_SIZE**2, last, activate=True)
        self.logit = EqualLinear(last, last if shape.classes else 1)
        self.embedding = nn.Embedding(shape.classes, last) if shape.classes else None

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        maps = self.conv(self.deviation(self.blocks(self.from_image(image))))
        values: Tensor = self.logit(self.linear(maps.flatten(1)))
        if self.embedding is None:
            return values.squeeze(1)
        assert label is not None, "a conditional discriminator needs labels"
        return (values * unit_rows(self.embedding(label))).sum(1) / sqrt(values.shape[1])


stylegan2 = DiscriminatorRow(StyleGAN2DiscriminatorConfig, StyleGAN2Discriminator)
