"""Published classifiers cut open: what they see at several depths, for losses (``gantools.losses.perceptual``)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.functional import conv2d, relu

from gantools.export.extractors.efficientnet_lite import DEVIATION, MEAN, EfficientNetLite0

# The last block before each halving, of 1/2, 1/4, 1/8 and 1/16 of the size, with 16, 24, 40 and 112 channels. What lies
# deeper has places of 32 pixels, and knows more of what is shown than of how sharp it is.
_LITE_BLOCKS = (0, 2, 4, 10)
# Grey of Pillow, with which the digits network was taught.
_LUMA = (0.299, 0.587, 0.114)


class LiteDepths(nn.Module):
    """The first eleven blocks of EfficientNet-Lite0.

    Args:
        network: With its weights.
    """

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__()
        self.stem = network.stem
        self.blocks = nn.ModuleList(list(network.blocks)[: _LITE_BLOCKS[-1] + 1])

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Images (batch, 3, height, width) float32 in [-1, 1], of even sizes as a rule: an odd last row is left out."""
        x = self.stem((image * 127.5 + (127.5 - MEAN)) / DEVIATION)
        seen = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _LITE_BLOCKS:
                seen.append(x)
        return seen


class DigitsDepths(nn.Module):
    """The four convolutions of ``digits-cnn``, whose batch normalization is part of their weights.

    Args:
        weights: ``body.N.weight`` and ``body.N.weight_bias``, for N of 0, 3, 6, 9.
    """

    strides = (1, 2, 2, 1)

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        for place in range(len(self.strides)):
            for kind, name in (("weight", f"body.{3 * place}.weight"), ("bias", f"body.{3 * place}.weight_bias")):
                self.register_buffer(f"{kind}_{place}", weights[name])
        self.register_buffer("luma", torch.tensor(_LUMA).view(1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Images (batch, 3, height, width) float32 in [-1, 1], of which it sees the brightness."""
        x, seen = conv2d(image, self.get_buffer("luma")), []
        for place, stride in enumerate(self.strides):
            weight, bias = self.get_buffer(f"weight_{place}"), self.get_buffer(f"bias_{place}")
            x = relu(conv2d(x, weight, bias, stride=stride, padding=1))
            seen.append(x)
        return seen
