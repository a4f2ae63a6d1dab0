"""Augmentations of everything a discriminator sees, for trainings on few images.

The generator must not learn them: they are differentiable, act on real and generated images alike, and, with ``ada``,
stay rarer than the untouched image. What they do to each image is drawn on the CPU and goes to the device in one
transfer; nothing waits for the device. The transformations are in ``diffaugment.py`` and ``augment_warp.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.distributed
from torch import Tensor

from gantools.losses.augment_warp import colour_warp, geometric_warp
from gantools.losses.diffaugment import FAMILIES, Family, diffaugment

AugmentName = Literal["none", "diffaugment", "ada"]

_OBSERVATIONS = 4  # discriminator updates between two adjustments of ``ada``, as in its paper


class Augment:
    """What an objective asks to change images before the discriminator sees them.

    Args:
        name: ``none``, ``diffaugment`` or ``ada``.
        policy: Of ``diffaugment``: which families of transformations.
        target: Of ``ada``: the mean sign of the logits of real images above which it grows, and below which it shrinks.
        ramp_images: Of ``ada``: images, over all processes, in which it can grow from 0 to 1.
        limit: Of ``ada``: where it stops growing.

    Attributes:
        state: Of ``ada``: ``ada.p``, the probability of each transformation; ``ada.signs`` and ``ada.count``, what was
            observed since it last changed. Scalars float32, changed in place, to be averaged over all processes after
            each phase.
    """

    def __init__(
        self,
        name: AugmentName,
        *,
        policy: Sequence[Family] = FAMILIES,
        target: float = 0.6,
        ramp_images: int = 500_000,
        limit: float = 0.8,
    ) -> None:
        self.name, self._policy, self._target, self._ramp, self._limit = name, policy, target, ramp_images, limit
        names = ("ada.p", "ada.signs", "ada.count") if name == "ada" else ()
        self.state: Mapping[str, Tensor] = {key: torch.zeros(()) for key in names}

    def apply(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Change each image by chance. Computed in float32, also under autocast: coordinates in 8 bits miss pixels.

        Args:
            images: (batch, channels, height, width) float32 in [-1, 1], square.
            rng: On the CPU.

        Returns:
            Likewise; colours may leave [-1, 1]. Differentiable with respect to ``images``.
        """
        if self.name == "none":
            return images
        with torch.autocast(images.device.type, enabled=False):
            images = images.float()
            if self.name == "diffaugment":
                return diffaugment(images, rng, self._policy)
            probability = self.state["ada.p"]
            return colour_warp(geometric_warp(images, probability, rng), probability, rng)

    @torch.no_grad()
    def observe(self, logits: Tensor) -> dict[str, Tensor]:
        """Learn from the discriminator's logits of real images; returns what is to be logged.

        Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020, equation 1: r_t = E[sign(D)],
        which nears 1 when the discriminator knows its real images by heart. What four updates have shown changes the
        probability at the beginning of the fifth: by then the observations of all processes have been averaged, and so
        all of them draw the same conclusion.
        """
        if self.name != "ada":
            return {}
        p, signs, count = (self.state[key] for key in ("ada.p", "ada.signs", "ada.count"))
        enough = count >= _OBSERVATIONS
        images = len(logits) * _processes() * _OBSERVATIONS
        change = (signs / count - self._target).sign() * (images / self._ramp)
        p.copy_(torch.where(enough, (p + change).clamp(0.0, self._limit), p))
        for kept in (signs, count):
            kept.masked_fill_(enough, 0.0)
        signs += logits.float().sign().mean()
        count += 1
        return {"ADA.p": p.clone(), "ADA.rt": signs / count}


def _processes() -> int:
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if distributed else 1
