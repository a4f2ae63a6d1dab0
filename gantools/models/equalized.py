"""Layers whose learning rate is equalized, and float32 islands inside autocast: what StyleGAN2's networks are made of.

Weights are stored with unit variance and scaled when they are used, by the constant that He initialization would have
scaled them by once (Karras et al., "Progressive Growing of GANs", ICLR 2018, section 4.1). Adam, whose steps do not
depend on the scale of a gradient, then moves every layer at the same relative speed.

Leaky ReLU commutes with positive factors, so its gain sqrt(2), which keeps the variance of activations, is part of the
scale of the weights and biases before it: a few small products where it would be one on every activation.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of leaky ReLU below zero
GAIN = sqrt(2)  # of leaky ReLU


def float32_island(tensor: Tensor) -> AbstractContextManager[object]:
    """A context without autocast, for the few small products whose eight bits would be seen in the image."""
    kind = tensor.device.type
    # Only where autocast is on: an exported graph would keep a trace of the context.
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def unit_rows(values: Tensor) -> Tensor:
    """Scale each row to a mean square of 1: (batch, n) float32 -> (batch, n)."""
    return values * torch.rsqrt(values.square().mean(1, keepdim=True) + torch.finfo(torch.float32).eps)


class EqualLinear(nn.Module):
    """(batch, inputs) -> (batch, outputs), in float32 even under autocast.

    Args:
        inputs: Length of the rows.
        outputs: Length of the results.
        bias: Where the bias starts.
        rate: Multiplier of the learning rate: what is stored is the weight divided by it.
        activate: Whether leaky ReLU follows.
    """

    def __init__(
        self, inputs: int, outputs: int, *, bias: float = 0.0, rate: float = 1.0, activate: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.activate = activate
        gain = GAIN if activate else 1.0
        self.weight_scale, self.bias_scale = gain * rate / sqrt(inputs), gain * rate

    def forward(self, rows: Tensor) -> Tensor:
        """See the class."""
        with float32_island(rows):
            values = F.linear(rows.to(self.weight.dtype), self.weight * self.weight_scale, self.bias * self.bias_scale)
        return F.leaky_relu(values, SLOPE) if self.activate else values


class EqualConv(nn.Module):
    """(batch, inputs, height, width) -> (batch, outputs, height', width').

    Args:
        inputs: Channels.
        outputs: Channels.
        kernel: Edge of the kernel.
        stride: Step.
        padding: Zeros on each side.
        activate: Whether a bias and leaky ReLU follow; else neither.
        gain: Factor of the result.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        activate: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if activate else None
        self.stride, self.padding = stride, padding
        gain *= GAIN if activate else 1.0
        self.weight_scale, self.bias_scale = gain / sqrt(inputs * kernel**2), gain

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        bias = None if self.bias is None else self.bias * self.bias_scale
        values = F.conv2d(maps, self.weight * self.weight_scale, bias, self.stride, self.padding)
        return values if bias is None else F.leaky_relu(values, SLOPE)
