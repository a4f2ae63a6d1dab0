"""Augmentations of everything a discriminator sees, for trainings on few images.

The generator must not learn them: they are differentiable, act on real and generated images alike, and, with ``ada``,
stay rarer than the untouched image. Random numbers are drawn on the CPU, one set of parameters for each image, and go
to the device in one transfer; nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gantools.losses.augment_warp import colour_warp, geometric_warp

AugmentName = Literal["none", "diffaugment", "ada"]

_OBSERVATIONS = 4  # discriminator updates between two adjustments of ``ada``, as in its paper
# Transformations applied to more than this share of images leak into the generator (Karras et al. 2020, section 2.2).
_MOST = 0.8


class Augment:
    """What an objective asks to change images before the discriminator sees them.

    Args:
        name: ``none``, ``diffaugment`` or ``ada``.
        target: Of ``ada``: the mean sign of the logits of real images above which it grows, and below which it shrinks.
        ramp_images: Of ``ada``: images in which it can grow from 0 to 1.

    Attributes:
        state: Of ``ada``: ``ada.p``, the probability of each transformation; ``ada.signs`` and ``ada.count``, what was
            observed since it last changed. Scalars float32, changed in place.
    """

    def __init__(self, name: AugmentName, *, target: float = 0.6, ramp_images: int = 500_000) -> None:
        self.name, self._target, self._ramp = name, target, ramp_images
        names = ("ada.p", "ada.signs", "ada.count") if name == "ada" else ()
        self.state: Mapping[str, Tensor] = {key: torch.zeros(()) for key in names}

    def apply(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Change each image by chance.

        Args:
            images: (batch, channels, height, width) float32 in [-1, 1], square.
            rng: On the CPU.

        Returns:
            Likewise; colours may leave [-1, 1]. Differentiable with respect to ``images``.
        """
        if self.name == "none":
            return images
        images = images.float()
        if self.name == "diffaugment":
            return diffaugment(images, rng)
        return colour_warp(geometric_warp(images, self.state["ada.p"], rng), self.state["ada.p"], rng)

    @torch.no_grad()
    def observe(self, logits: Tensor) -> dict[str, Tensor]:
        """Learn from the discriminator's logits of real images; returns what is to be logged.

        Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020, equation 1: r_t = E[sign(D)],
        which nears 1 when the discriminator knows its real images by heart.
        """
        if self.name != "ada":
            return {}
        p, signs, count = (self.state[key] for key in ("ada.p", "ada.signs", "ada.count"))
        signs += logits.float().sign().mean()
        count += 1
        ready = (count >= _OBSERVATIONS).float()
        mean = signs / count
        change = (mean - self._target).sign() * (len(logits) * _OBSERVATIONS / self._ramp)
        p.copy_((p + ready * change).clamp(0.0, _MOST))
        for kept in (signs, count):
            kept.mul_(1.0 - ready)
        return {"ADA.p": p.clone(), "ADA.rt": mean}


def diffaugment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Colour, translation and cutout on every image (Zhao et al., "Differentiable Augmentation", 2020, appendix B).

    Args:
        images: (batch, channels, height, width) float32 in [-1, 1].
        rng: On the CPU.
    """
    count, _, height, width = images.shape
    drawn = torch.rand(count, 7, generator=rng).to(images.device)
    brightness, saturation, contrast, down, right, top, left = drawn.unbind(1)
    images = images + _rows(brightness - 0.5)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * _rows(2 * saturation)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * _rows(0.5 + contrast)
    images = translate(images, _shift(down, height), _shift(right, width))
    return cutout(images, top, left)


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
    """Black out (0, the middle of the range) a square of half the image's edge.

    Args:
        images: (batch, channels, height, width).
        top: (batch,) float32 in [0, 1): where the square's middle lies, as a share of the height.
        left: Likewise of the width.
    """
    _, _, height, width = images.shape
    rows = torch.arange(height, device=images.device) - (top * (height + 1)).floor()[:, None]
    columns = torch.arange(width, device=images.device) - (left * (width + 1)).floor()[:, None]
    inside_rows = (rows >= -(height // 4)) & (rows < height // 2 - height // 4)
    inside_columns = (columns >= -(width // 4)) & (columns < width // 2 - width // 4)
    return images.masked_fill((inside_rows[:, :, None] & inside_columns[:, None, :])[:, None], 0.0)


def _shift(drawn: Tensor, size: int) -> Tensor:
    """Uniform whole pixels up to an eighth of the edge, either way: (batch,) int64."""
    most = max(1, round(size / 8))
    return (drawn * (2 * most + 1)).floor().long().clamp(max=2 * most) - most


def _rows(values: Tensor) -> Tensor:
    return values[:, None, None, None]
