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
        has_verdict: Whether the sign of a logit calls an image real or fake. A critic's has no meaning: adding a
            constant to all its values changes nothing.
    """

    real: LogitLoss
    fake: LogitLoss
    generator: LogitLoss
    has_verdict: bool = True


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


def least_squares_game(fake: float, real: float, generator: float, smoothing: float = 0.0) -> Game:
    """Half the squared distance of D(x) to a target: Mao et al., "Least Squares GANs", 2017, equation 2.

    Their D(x) is the logit plus (a + b) / 2, the value between the targets, so that here too positive logits mean real.

    Args:
        fake: Their a, for generated images.
        real: Their b, for real images.
        generator: Their c, for what the generator wants its images to be.
        smoothing: Share of the way from b to a by which the target of real images is moved.
    """
    middle = (fake + real) / 2

    def distance(target: float) -> LogitLoss:
        return lambda logits: (logits.float() - (target - middle)).square().mean() / 2

    return Game(distance(real + smoothing * (fake - real)), distance(fake), distance(generator))


WASSERSTEIN = Game(
    real=lambda logits: -logits.float().mean(),
    fake=lambda logits: logits.float().mean(),
    generator=lambda logits: -logits.float().mean(),
    has_verdict=False,
)
"""Arjovsky et al., "Wasserstein GAN", 2017, eq. 2: logits are the values of a critic whose slope is at most 1."""

HINGE = Game(
    real=lambda logits: F.relu(1.0 - logits.float()).mean(),
    fake=lambda logits: F.relu(1.0 + logits.float()).mean(),
    generator=lambda logits: -logits.float().mean(),
)
"""Lim and Ye, "Geometric GAN", 2017; Miyato et al., ICLR 2018, eq. 16 and 17."""
