"""How likely a model finds texts: the cross-entropy of their tokens, the one that ends them among them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gantools.core.tokens import END


def token_nats(logits: Tensor, tokens: Tensor) -> Tensor:
    """-log p of each token given those before it, in nats; 0 behind the end.

    Args:
        logits: (batch, steps, vocabulary); those at a place predict the token there.
        tokens: (batch, steps) int64.

    Returns:
        (batch, steps) float32.
    """
    nats = F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten(), reduction="none").view_as(tokens)
    return nats * inside(tokens)


def inside(tokens: Tensor) -> Tensor:
    """Which places belong to a text, its end included: (batch, steps) float32, 1 or 0."""
    ended = (tokens == END).long()
    return (ended.cumsum(1) - ended == 0).float()
