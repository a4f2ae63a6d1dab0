"""DiffAugment: three families of transformations, of fixed strength, on every image.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020. Unlike in ``augment_warp.py``
nothing adapts, and no image is left untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Family = Literal["color", "translation", "cutout"]
FAMILIES: tuple[Family, ...] = ("color", "translation", "cutout")


def diffaugment(images: Tensor, rng: torch.Generator, policy: Sequence[Family] = FAMILIES) -> Tensor:
    """Colour, translation by up to an eighth of the edge, and cutout of half the edge.

    Args:
        images: (batch, channels, height, width) float32 in [-1, 1].
        rng: On the CPU.
        policy: Which families, in any order; they are applied in the order of ``FAMILIES``.
    """
    count, _, height, width = images.shape
    drawn = torch.rand(count, 7, generator=rng).to(images.device)
    if "color" in policy:
        images = colour(images, drawn[:, 0], drawn[:, 1], drawn[:, 2])
    if "translation" in policy:
        images = translate(images, _up_to_an_eighth(drawn[:, 3], height), _up_to_an_eighth(drawn[:, 4], width))
    if "cutout" in policy:
        images = cutout(images, drawn[:, 5], drawn[:, 6])
    return images


def colour(images: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """Move, then stretch about each pixel's grey, then about each image's mean.

    Args:
        images: (batch, channels, height, width) float32. The saturation of grey images stays as it is.
        brightness: (batch,) float32 in [0, 1); 0.5 changes nothing, as in the next two.
        saturation: Likewise.
        contrast: Likewise.
    """
    images = images + (brightness - 0.5)[:, None, None, None]
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (2 * saturation)[:, None, None, None]
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (0.5 + contrast)[:, None, None, None]


def translate(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Move images by whole pixels, with 0 where nothing comes from.

    Args:
        images: (batch, channels, height, width).
        down: (batch,) int64, pixels.
        right: (batch,) int64, pixels.
    """
    count, channels, height, width = images.shape
    padded = F.pad(images, (1, 1, 1, 1))
    rows = (torch.arange(height, device=images.device) + 1 - down[:, None]).clamp(0, height + 1)
    columns = (torch.arange(width, device=images.device) + 1 - right[:, None]).clamp(0, width + 1)
    by_row = padded.take_along_dim(rows[:, None, :, None].expand(count, channels, height, width + 2), 2)
    return by_row.take_along_dim(columns[:, None, None, :].expand(count, channels, height, width), 3)


def cutout(images: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Make a square of half the image's edge grey (0, the middle of the range).

    Args:
        images: (batch, channels, height, width).
        top: (batch,) float32 in [0, 1): where the square's middle lies, as a share of the height.
        left: Likewise of the width.
    """
    _, _, height, width = images.shape
    inside = _covered(top, height)[:, :, None] & _covered(left, width)[:, None, :]
    return images.masked_fill(inside[:, None], 0.0)


def _up_to_an_eighth(drawn: Tensor, size: int) -> Tensor:
    """Uniform whole pixels, either way: (batch,) int64."""
    most = size // 8
    return (drawn * (2 * most + 1)).floor().long() - most


def _covered(middle: Tensor, size: int) -> Tensor:
    """Which pixels of an edge the square lies on: (batch, size) bool.

    Its middle lies on any pixel, or, where the square is even, on any gap between two or on a border.
    """
    edge = size // 2
    offset = (middle * (size + 1 - edge % 2)).floor()[:, None] - edge // 2
    pixels = torch.arange(size, device=middle.device)
    return (pixels >= offset) & (pixels < offset + edge)
