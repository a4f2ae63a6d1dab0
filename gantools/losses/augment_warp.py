"""The transformations of adaptive augmentation: where pixels come from, and what colour they become.

Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020, appendix B: pixel blitting, general
geometry and colour, the three groups that help by their section 3. One thing differs: pixels are interpolated
bilinearly, where the paper resamples at twice the resolution with a wavelet filter against aliasing. Real and generated
images share the blur and the aliasing that come of it. What is pulled in from outside is the image's reflection, as
there. An image on which nothing falls is returned bit for bit.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# How many transformations each function knows, and so how many chances it draws.
_GEOMETRIC, _COLOUR = 8, 5


def geometric_warp(images: Tensor, probability: Tensor, rng: torch.Generator) -> Tensor:
    """Flips, quarter turns, whole and fractional shifts, scales and turns, each with its own chance.

    Args:
        images: (batch, channels, size, size) float32.
        probability: Scalar float32 on the images' device.
        rng: On the CPU.
    """
    count, size = len(images), images.shape[2]
    drawn, normal = _draw(count, _GEOMETRIC + 6, 4, rng, images.device)
    # Two turns, of which each happens with such a chance that both together happen with ``probability``.
    turn = 1.0 - (1.0 - probability).clamp(min=0).sqrt()
    chances = torch.stack([probability] * 4 + [turn, probability, turn, probability])
    happens = drawn[:, :_GEOMETRIC] < chances
    flip, quarter, right, down, before, after = drawn[:, _GEOMETRIC:].unbind(1)
    pixels = 2.0 / size  # a pixel in the coordinates of grid_sample

    def chosen(which: int, value: Tensor, otherwise: float) -> Tensor:
        return torch.where(happens[:, which], value, torch.full_like(value, otherwise))

    one = torch.ones(count, device=images.device)
    matrix = _scale(chosen(0, torch.where(flip < 0.5, -one, one), 1.0), one)
    matrix = matrix @ _turn(chosen(1, (quarter * 4).floor() * (math.pi / 2), 0.0))
    whole = [((share * 2 - 1) * 0.125 * size).round() * pixels for share in (right, down)]
    matrix = matrix @ _shift(chosen(2, whole[0], 0.0), chosen(2, whole[1], 0.0))
    iso = chosen(3, torch.exp2(normal[:, 0] * 0.2), 1.0)
    matrix = matrix @ _scale(iso, iso)
    matrix = matrix @ _turn(chosen(4, (before * 2 - 1) * math.pi, 0.0))
    stretch = chosen(5, torch.exp2(normal[:, 1] * 0.2), 1.0)
    matrix = matrix @ _scale(stretch, 1.0 / stretch)
    matrix = matrix @ _turn(chosen(6, (after * 2 - 1) * math.pi, 0.0))
    matrix = matrix @ _shift(*(chosen(7, normal[:, k] * 0.25, 0.0) for k in (2, 3)))
    grid = F.affine_grid(matrix[:, :2], list(images.shape), align_corners=False)
    warped = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return torch.where(happens.any(1)[:, None, None, None], warped, images)


def colour_warp(images: Tensor, probability: Tensor, rng: torch.Generator) -> Tensor:
    """Brightness, contrast, inversion of luma, turn of hue, and saturation, each with its own chance.

    Args:
        images: (batch, 1 or 3, height, width) float32 in [-1, 1]. Grey images have no hue and no saturation.
        probability: Scalar float32 on the images' device.
        rng: On the CPU.
    """
    count, channels = images.shape[:2]
    drawn, normal = _draw(count, _COLOUR + 2, 3, rng, images.device)
    happens = drawn[:, :_COLOUR] < probability
    invert, hue = drawn[:, _COLOUR:].unbind(1)
    brightness = torch.where(happens[:, 0], normal[:, 0] * 0.2, 0.0)
    contrast = torch.where(happens[:, 1], torch.exp2(normal[:, 1] * 0.5), 1.0)
    inverted = happens[:, 2] & (invert < 0.5)
    if channels == 1:
        scale = torch.where(inverted, -1.0, 1.0) * contrast
        changed = (images + brightness[:, None, None, None]) * scale[:, None, None, None]
        return torch.where(happens[:, :3].any(1)[:, None, None, None], changed, images)
    axis = torch.full((3,), 1 / math.sqrt(3), device=images.device)  # of greys
    along = torch.outer(axis, axis)
    identity = torch.eye(3, device=images.device)
    mirror = identity - torch.where(inverted, 2.0, 0.0)[:, None, None] * along
    angle = torch.where(happens[:, 3], (hue * 2 - 1) * math.pi, 0.0)[:, None, None]
    across = torch.linalg.cross(identity, axis.expand(3, 3), dim=1).T
    # Rodrigues' formula: a turn about the axis.
    turned = identity * angle.cos() + across * angle.sin() + along * (1 - angle.cos())
    saturation = torch.where(happens[:, 4], torch.exp2(normal[:, 2]), 1.0)[:, None, None]
    faded = along + (identity - along) * saturation
    matrix = faded @ turned @ mirror * contrast[:, None, None]
    changed = torch.einsum("ndc,nchw->ndhw", matrix, images + brightness[:, None, None, None])
    return torch.where(happens.any(1)[:, None, None, None], changed, images)


def _draw(count: int, uniform: int, normal: int, rng: torch.Generator, device: torch.device) -> tuple[Tensor, Tensor]:
    """(count, uniform) in [0, 1) and (count, normal) N(0, 1), in one transfer."""
    both = torch.cat([torch.rand(count, uniform, generator=rng), torch.randn(count, normal, generator=rng)], 1)
    both = both.to(device)
    return both[:, :uniform], both[:, uniform:]


def _matrix(rows: list[list[Tensor]]) -> Tensor:
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def _scale(x: Tensor, y: Tensor) -> Tensor:
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return _matrix([[x, zero, zero], [zero, y, zero], [zero, zero, one]])


def _turn(angle: Tensor) -> Tensor:
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    cos, sin = angle.cos(), angle.sin()
    return _matrix([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])


def _shift(x: Tensor, y: Tensor) -> Tensor:
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return _matrix([[one, zero, x], [zero, one, y], [zero, zero, one]])
