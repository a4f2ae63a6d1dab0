"""Games between a generator and a discriminator, as three losses on logits. Positive logits mean real.

Logits are (batch,) or, from a discriminator that judges parts of an image, (batch, patches); every loss is a mean over
all of them. All are computed in float32, whatever the networks are computed in: a bfloat16 logit of 20 has a spacing of
0.125.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

LogitLoss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Game:
    """What the two players minimize. Each takes logits and returns a scalar float32.

    Attributes:
        real: The discriminator, on real images.
        fake: The discriminator, on generated images.
        generator: The generator, through the discriminator's logits of its images.
    """

    real: LogitLoss
    fake: LogitLoss
    generator: LogitLoss


def real_loss(logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of calling real images real: -log D(x) of Goodfellow et al., "Generative Adversarial Nets", eq. 1.

    Args:
        logits: Any float type.
        smoothing: One-sided label smoothing (Salimans et al., "Improved Techniques for Training GANs", 2016, section
            3.4): the target is 1 - smoothing.
    """
    logits = logits.float()
    # -(1 - s) log sigmoid(l) - s log(1 - sigmoid(l)) = softplus(-l) + s l
    return F.softplus(-logits).mean() + smoothing * logits.mean()


def fake_loss(logits: Tensor) -> Tensor:
    """Cross-entropy of calling generated images fake: -log(1 - D(G(z))), eq. 1 there."""
    return F.softplus(logits.float()).mean()


def generator_loss(logits: Tensor) -> Tensor:
    """The non-saturating loss: -log D(G(z)), section 3 there."""
    return F.softplus(-logits.float()).mean()


def saturating_generator_loss(logits: Tensor) -> Tensor:
    """The generator's side of the minimax game: log(1 - D(G(z))), eq. 1 there. Flat where D is sure of its fakes."""
    return -F.softplus(logits.float()).mean()


def nonsaturating_game(smoothing: float) -> Game:
    """Cross-entropy, with the generator's heuristic loss."""
    return Game(lambda logits: real_loss(logits, smoothing), fake_loss, generator_loss)


def minimax_game(smoothing: float) -> Game:
    """Cross-entropy, with the generator maximizing what the discriminator minimizes."""
    return Game(lambda logits: real_loss(logits, smoothing), fake_loss, saturating_generator_loss)


def least_squares_game(smoothing: float) -> Game:
    """Mao et al., "Least Squares Generative Adversarial Networks", 2017, eq. 9: a = 0, b = c = 1.

    One half of the squared distance to 1 - ``smoothing`` for real images, to 0 for fakes, to 1 for the generator.
    """
    return Game(
        real=lambda logits: (logits.float() - (1.0 - smoothing)).square().mean() / 2,
        fake=lambda logits: logits.float().square().mean() / 2,
        generator=lambda logits: (logits.float() - 1.0).square().mean() / 2,
    )


WASSERSTEIN = Game(
    real=lambda logits: -logits.float().mean(),
    fake=lambda logits: logits.float().mean(),
    generator=lambda logits: -logits.float().mean(),
)
"""Arjovsky et al., "Wasserstein GAN", 2017, eq. 2: logits are the values of a critic whose slope is at most 1."""

HINGE = Game(
    real=lambda logits: F.relu(1.0 - logits.float()).mean(),
    fake=lambda logits: F.relu(1.0 + logits.float()).mean(),
    generator=lambda logits: -logits.float().mean(),
)
"""Lim and Ye, "Geometric GAN", 2017; Miyato et al., ICLR 2018, eq. 16 and 17."""
