"""The averaged generator: an exponential moving average over the training, which is what ships."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# StyleGAN2's ramp-up: while few images were seen, the half-life is at most this share of them, so that the random
# initialization leaves the average quickly.
RAMP_UP = 0.05

_Pair = tuple[list[Tensor], list[Tensor]]  # of the average and of its source, in the same order


class Average:
    """Keeps ``averaged`` behind ``source``. Both are the same architecture.

    Parameters are averaged. Buffers are copied: batch norm's running statistics are moving averages already, and
    counters cannot be averaged.

    Args:
        source: The net that learns.
        averaged: The net that follows.
        half_life_images: Images after which a weight's share in the average has halved (StyleGAN2's unit, Karras et al.
            2020); 0: no averaging.
    """

    def __init__(self, source: nn.Module, averaged: nn.Module, half_life_images: int) -> None:
        self._half_life = half_life_images
        self._parameters: _Pair = (list(averaged.parameters()), list(source.parameters()))
        self._buffers: _Pair = (list(averaged.buffers()), list(source.buffers()))
        averaged.requires_grad_(False).load_state_dict(source.state_dict())

    @torch.no_grad()
    def update(self, batch: int, images_seen: int) -> None:
        """Follow one step of ``batch`` images, after which ``images_seen`` images were seen in all."""
        half_life = min(self._half_life, images_seen * RAMP_UP)
        decay = 0.5 ** (batch / half_life) if half_life > 0 else 0.0
        if self._parameters[0]:  # a distribution that is fitted has none
            torch._foreach_lerp_(*self._parameters, weight=1.0 - decay)
        if self._buffers[0]:  # a net with group norm has none
            torch._foreach_copy_(*self._buffers)
