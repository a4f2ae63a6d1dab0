"""Normalization of feature maps in networks that make images of images."""

from __future__ import annotations

from typing import Literal

from torch import nn

NormName = Literal["instance", "batch"]


def norm_layer(kind: NormName, channels: int) -> nn.Module:
    """What follows a convolution.

    Args:
        kind: ``instance`` (Ulyanov et al., "Instance Normalization", 2016): the mean and variance of each map of each
            image, in training and when it ships alike. Every pixel then depends on the whole image, so that large
            images cannot be run in tiles. Without scale and shift, as in pix2pix and CycleGAN. ``batch``: those of the
            batch while it trains and their running averages when it ships, which are folded into the convolutions.
            (The published pix2pix takes the statistics of the one image it is given when it ships too, and calls it
            batch norm: that is ``instance``.)
        channels: Of the map.
    """
    return nn.InstanceNorm2d(channels) if kind == "instance" else nn.BatchNorm2d(channels)
