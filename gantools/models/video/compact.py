"""A compact network that restores and enlarges frames one by one, fast enough for video.

All convolutions work at the size of what is given and the last one makes all pixels of a larger frame at once, by
sub-pixel convolution (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network", CVPR 2016). The network learns what is missing in the frame that it is given, whose
pixels are repeated and added. No normalization, so that a pixel depends on those around it alone, and parts of a frame
come out as they do in the whole.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gantools.models.model import Architecture, Model
from gantools.models.translate.graphs import translation_model
from gantools.models.video.restorer import RestorerConfig


class CompactConfig(RestorerConfig):
    """Options of ``compact``: those of every restorer.

    ``nano`` has about 60 thousand parameters, ``small`` 250 thousand, ``base`` 900 thousand.
    """

    sizes = {"nano": (32, 6), "small": (48, 12), "base": (64, 24)}


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
