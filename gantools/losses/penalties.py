"""Penalties on the gradient of a discriminator with respect to images.

All need a discriminator that judges each image by itself: batch norm would make every logit depend on every image. All
are computed in float32: they are differentiated a second time, and squares of small gradients vanish in eight bits.
Where a discriminator judges patches, its logit of the image is their mean, as in the losses.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gantools.core.errors import RecipeError

Critic = Callable[[Tensor], Tensor]


def r1(critic: Critic, images: Tensor) -> Tensor:
    """Squared gradient of the logits at images: E |grad D(x)|^2.

    Equation 9 of Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018, without gamma /
    2. At generated images it is their R2, equation 10.

    Args:
        critic: Images -> logits (batch,) or (batch, patches).
        images: (batch, channels, height, width) float32 in [-1, 1].

    Returns:
        Scalar float32, mean over the batch.
    """
    return _gradient(critic, images).square().sum(1).mean()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    """E (|grad D(x)| - 1)^2 at random points between real and generated images.

    Equation 3 of Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, without lambda.

    Args:
        critic: Images -> logits.
        real: (batch, channels, height, width) float32 in [-1, 1].
        fake: As ``real``.
        rng: For the points, on the CPU.

    Returns:
        Scalar float32, mean over the batch.
    """
    share = torch.rand(len(real), generator=rng).to(real.device).reshape(-1, 1, 1, 1)
    between = torch.lerp(fake.detach().float(), real.detach().float(), share)
    slopes: Tensor = torch.linalg.vector_norm(_gradient(critic, between), dim=1)
    return (slopes - 1.0).square().mean()


def check_independent(discriminator: nn.Module, option: str) -> None:
    """Refuse a discriminator whose logits depend on the whole batch.

    Raises:
        RecipeError: It has batch norm in training mode.
    """
    if any(
        isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training for module in discriminator.modules()
    ):
        raise RecipeError(
            f"objective.{option} needs a discriminator without batch norm, which ties the images of a batch together.",
            hint="set discriminator.norm=spectral or none",
        )


def _gradient(critic: Critic, images: Tensor) -> Tensor:
    """The gradient of each image's logit, differentiable: (batch, values) float32."""
    with torch.autocast(images.device.type, enabled=False):
        points = images.detach().float().requires_grad_(True)
        logits = critic(points).reshape(len(points), -1).mean(1)
        (gradient,) = torch.autograd.grad(logits.sum(), points, create_graph=True)
    return gradient.flatten(1)
