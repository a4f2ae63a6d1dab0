"""Colours alone: an image with the brightness of another."""

from __future__ import annotations

import torch
from torch import Tensor

_BT601 = (0.299, 0.587, 0.114)


def with_luma_of(image: Tensor, given: Tensor) -> Tensor:
    """``image`` with luma (ITU-R BT.601) of ``given``, by one and the same shift of red, green and blue.

    Whoever colours a picture has its brightness already, and should not have to draw it again.

    Args:
        image: (batch, 3, height, width) in [-1, 1].
        given: Of the same shape.

    Returns:
        Of the same shape; where colours are strong, values can lie outside of [-1, 1].
    """
    weights = torch.tensor(_BT601, device=image.device, dtype=image.dtype).view(1, 3, 1, 1)
    return image + ((given - image) * weights).sum(1, keepdim=True)
