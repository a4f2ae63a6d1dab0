"""Losses between a generator and a discriminator, on logits. Positive logits mean real.

All are computed in float32, whatever the networks are computed in: a bfloat16 logit of 20 has a spacing of 0.125.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def real_loss(logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of calling real images real: -log D(x) of Goodfellow et al., "Generative Adversarial Nets", eq. 1.

    Args:
        logits: (batch,), any float type.
        smoothing: One-sided label smoothing (Salimans et al., "Improved Techniques for Training GANs", 2016, section
        3.4):
            the target is 1 - smoothing.

    Returns:
        Scalar float32.
    """
    logits = logits.float()
    # -(1 - s) log sigmoid(l) - s log(1 - sigmoid(l)) = softplus(-l) + s l
    return F.softplus(-logits).mean() + smoothing * logits.mean()


def fake_loss(logits: Tensor) -> Tensor:
    """Cross-entropy of calling generated images fake: -log(1 - D(G(z))), eq. 1 there. (batch,) -> scalar float32."""
    return F.softplus(logits.float()).mean()


def generator_loss(logits: Tensor) -> Tensor:
    """The non-saturating loss: -log D(G(z)), section 3 there. (batch,) -> scalar float32."""
    return F.softplus(-logits.float()).mean()
