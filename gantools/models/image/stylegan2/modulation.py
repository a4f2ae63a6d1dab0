"""Convolutions whose weights a style modulates, without making weights for each image.

Karras et al. 2020, equations 1 and 3, with the style s, the weights w of shape (outputs j, inputs i, positions k) and
w'_jik = s_i w_jik, convolve with

    w''_jik = w'_jik / sqrt(sum_ik w'_jik^2 + epsilon)

which differ from image to image. Convolution is linear, so s may scale the inputs and the root the outputs instead:

    y_j = d_j * conv(s * x, w)_j,    d_j = 1 / sqrt(sum_i s_i^2 e_ji + epsilon),    e_ji = sum_k w_jik^2

All images then share one weight: nothing to group by the batch, whose size is not known when a graph is exported.

The result does not change when s or the weights of one output are multiplied by a constant. So s is divided by its
largest magnitude, and the weights of each output by their Euclidean norm. Then e_j is a weighting that sums to 1, d_j
stays near 1, and by Cauchy and Schwarz |conv(s * x, w)| <= sqrt(9 inputs) max |x|: with 512 channels nothing overflows
float16 while |x| < 965. StyleGAN2-ADA's code guards its float16 layers likewise.
"""

from __future__ import annotations

from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantools.models.equalized import GAIN, SLOPE, EqualLinear, float32_island
from gantools.models.resampling import Resample

# Of a mean of squares with maximum 1, and of a magnitude. The paper's code has 1e-8; this is no zero in float16.
EPSILON = torch.finfo(torch.float32).eps


class ModulatedConv(nn.Module):
    """(batch, inputs, height, width), style (batch, style) -> (batch, outputs, height, width), or twice the edge.

    Equations 1 and 3 of the paper; see the module.

    Args:
        inputs: Channels.
        outputs: Channels.
        style: Length of the styles.
        up: Whether the resolution is doubled: a transposed convolution, then the low-pass filter.
        gain: Factor of the result.
    """

    def __init__(self, inputs: int, outputs: int, style: int, *, up: bool = False, gain: float = 1.0) -> None:
        super().__init__()
        self.affine = EqualLinear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.blur = Resample(outputs, gain=4.0) if up else None
        self.gain = gain

    def forward(self, maps: Tensor, style: Tensor) -> Tensor:
        """See the class."""
        modulation = self.affine(style)
        # Constants that cancel have no gradient: they are detached.
        modulation = modulation / (modulation.detach().abs().amax(1, keepdim=True) + EPSILON)
        weight = self.weight / torch.linalg.vector_norm(self.weight.detach(), dim=(1, 2, 3), keepdim=True)
        with float32_island(modulation):
            power = F.linear(modulation.square(), weight.square().sum((2, 3)) / self.gain**2)
        demodulation = torch.rsqrt(power + EPSILON)
        maps = maps * _channels(modulation, maps)
        if self.blur is None:
            maps = F.conv2d(maps, weight, padding=1)
        else:
            maps = self.blur(F.conv_transpose2d(maps, weight.transpose(0, 1), stride=2))
        return maps * _channels(demodulation, maps)


class StyledLayer(nn.Module):
    """A modulated convolution, noise, bias and leaky ReLU.

    Args:
        inputs: Channels.
        outputs: Channels.
        style: Length of the styles.
        up: Whether the resolution is doubled.
        noisy: Whether there is noise to be learned from.
    """

    def __init__(self, inputs: int, outputs: int, style: int, *, up: bool, noisy: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, style, up=up, gain=GAIN)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.strength = nn.Parameter(torch.zeros(())) if noisy else None

    def forward(self, maps: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """Maps (batch, inputs, height, width), style, noise (batch, 1, height', width') float32 N(0, 1) -> maps."""
        maps = self.conv(maps, style)
        if self.strength is not None and noise is not None:
            maps = maps + (noise * (self.strength * GAIN)).to(maps.dtype)
        maps = maps + (self.bias * GAIN).to(maps.dtype).reshape(1, -1, 1, 1)
        return F.leaky_relu(maps, SLOPE)


class ToImage(nn.Module):
    """(batch, inputs, height, width), style -> (batch, channels, height, width) float32: modulated, not demodulated.

    Args:
        inputs: Channels of the maps.
        channels: Channels of the image.
        style: Length of the styles.
    """

    def __init__(self, inputs: int, channels: int, style: int) -> None:
        super().__init__()
        self.affine = EqualLinear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.scale = 1 / sqrt(inputs)

    def forward(self, maps: Tensor, style: Tensor) -> Tensor:
        """See the class."""
        modulation = _channels(self.affine(style) * self.scale, maps)
        return F.conv2d(maps * modulation, self.weight, self.bias).float()


def _channels(factors: Tensor, like: Tensor) -> Tensor:
    """(batch, channels) -> (batch, channels, 1, 1), in the type of ``like``."""
    return factors.to(like.dtype)[:, :, None, None]
