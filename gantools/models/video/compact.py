"""A compact network that restores and enlarges frames one by one, fast enough for video.

All convolutions work at the size of what is given and the last one makes all pixels of a larger frame at once, by
sub-pixel convolution (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network", CVPR 2016). The network learns what is missing in the frame that it is given, whose
pixels are repeated and added. No normalization, so that a pixel depends on those around it alone, and parts of a frame
come out as they do in the whole.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.model import Architecture, Model
from gantools.models.translate.graphs import translation_model

_SIZES = {"nano": (32, 6), "small": (48, 12), "base": (64, 24)}


class CompactConfig(Frozen):
    """Options of ``compact``.

    Attributes:
        scale: By how much frames become larger; 1: they keep their size, to be denoised, deblocked or colorized.
        channels: 1 for grey, 3 for RGB.
        size: ``nano`` has about 60 thousand parameters, ``small`` 250 thousand, ``base`` 900 thousand.
        width: Feature maps; none: those of the size.
        depth: Convolutions between the first and the last one; none: those of the size.
    """

    scale: Literal[1, 2, 3, 4] = 2
    channels: Literal[1, 3] = 3
    size: Literal["nano", "small", "base"] = "small"
    width: int | None = Field(default=None, ge=8, multiple_of=8)
    depth: int | None = Field(default=None, ge=1)

    @property
    def shape(self) -> tuple[int, int]:
        """Feature maps, and convolutions between the first and the last one."""
        width, depth = _SIZES[self.size]
        return self.width or width, self.depth or depth


class Compact(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW -> the same, ``scale`` times as large."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        width, depth = config.shape
        self.scale = config.scale
        blocks: list[nn.Module] = [nn.Conv2d(config.channels, width, 3, padding=1), nn.PReLU(width, 0.1)]
        for _ in range(depth):
            blocks += [nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width, 0.1)]
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Conv2d(width, config.channels * config.scale**2, 3, padding=1)
        for block in self.blocks:
            if isinstance(block, nn.Conv2d):  # as deep stacks with such activations need (He et al., ICCV 2015)
                nn.init.kaiming_normal_(block.weight, a=0.1)
                nn.init.zeros_(block.bias)  # type: ignore[arg-type]  # there is one
        # It begins with what it is given, repeated.
        nn.init.normal_(self.last.weight, std=1e-3)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        missing: Tensor = self.last(self.blocks(image)).float()
        if self.scale == 1:
            return image + missing
        repeated = F.interpolate(image, scale_factor=float(self.scale), mode="nearest")
        return repeated + F.pixel_shuffle(missing, self.scale)


def _build(config: CompactConfig) -> Model:
    return translation_model(Compact(config), scale=config.scale, channels=config.channels)


compact = Architecture(CompactConfig, _build, defaults={"objective": {"name": "pixels"}})
