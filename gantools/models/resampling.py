"""Resampling by two with a small low-pass filter, as plain convolutions that every runtime has.

The filter is the binomial one, [1, 3, 3, 1] in each direction (Karras et al. 2020, appendix B; Zhang, "Making
Convolutional Networks Shift-Invariant Again", ICML 2019). Raising the resolution inserts a zero after every value and
filters, which is a transposed convolution of stride 2; lowering it filters and keeps every second value, which is a
convolution of stride 2. Both act on each channel by itself.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TAPS = (1.0, 3.0, 3.0, 1.0)


class Resample(nn.Module):
    """Filter each channel, and change its resolution: (batch, channels, height, width) -> likewise.

    Args:
        channels: Of the maps.
        up: Factor by which the resolution is raised before the filter; 2 with ``padding=1`` doubles it exactly.
        down: Factor by which it is lowered after the filter; 2 with ``padding=1`` halves it exactly.
        padding: Zeros on each side. With ``up=2`` this many values of the full result are cut off instead.
        gain: Sum of the filter's weights.
    """

    kernel: Tensor

    def __init__(
        self, channels: int, *, up: Literal[1, 2] = 1, down: Literal[1, 2] = 1, padding: int = 1, gain: float = 1.0
    ) -> None:
        super().__init__()
        if up > 1 and down > 1:
            raise ValueError("either up or down")
        taps = torch.tensor(TAPS) / sum(TAPS)
        kernel = (torch.outer(taps, taps) * gain).repeat(channels, 1, 1, 1)
        self.register_buffer("kernel", kernel, persistent=False)
        self.channels, self.up, self.down, self.padding = channels, up, down, padding

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        if maps.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # CPUs have bfloat16 instructions for products of matrices. A filter of single channels is none, and takes
            # ten times as long as in float32.
            with torch.autocast("cpu", enabled=False):
                return self._filtered(maps.float()).to(maps.dtype)
        return self._filtered(maps)

    def _filtered(self, maps: Tensor) -> Tensor:
        if self.up == 1:
            return F.conv2d(maps, self.kernel, None, self.down, self.padding, groups=self.channels)
        return F.conv_transpose2d(maps, self.kernel, None, self.up, self.padding, groups=self.channels)
