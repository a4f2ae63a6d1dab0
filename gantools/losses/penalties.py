"""Penalties on the discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def r1(discriminator: nn.Module, real: Tensor) -> Tensor:
    """Squared gradient of the logits at real images.

    Equation 9 of Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018, without gamma /
    2.

    Meant for a discriminator without batch norm, which would make every logit depend on every image. Computed in
    float32: it is differentiated a second time, and squares of small gradients vanish in eight bits.

    Args:
        discriminator: Images -> logits (batch,).
        real: (batch, channels, height, width) float32 in [-1, 1].

    Returns:
        Scalar float32, mean over the batch.
    """
    with torch.autocast(real.device.type, enabled=False):
        images = real.detach().float().requires_grad_(True)
        (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
