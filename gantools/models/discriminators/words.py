"""How discriminators read text: tokens or shares of tokens become vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantools.core.tokens import END


class Words(nn.Module):
    """Tokens (batch, steps) int64, or shares (batch, steps, vocabulary) float32 -> (batch, steps, width) float32.

    A token is looked up, shares are multiplied with all vectors; both give the same where shares are one-hot.

    Args:
        vocabulary: How many tokens there are.
        width: Length of their vectors.
    """

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)

    def forward(self, text: Tensor) -> Tensor:
        """See the class."""
        if text.dtype == torch.int64:
            found: Tensor = self.embedding(text)
            return found
        return text @ self.embedding.weight


def inside(text: Tensor) -> Tensor:
    """How much of each place belongs to the text, its first end included: (batch, steps) float32 in [0, 1].

    Args:
        text: As ``Words`` takes it. Of shares it is the probability that no end comes before, which gradients go
            through.
    """
    if text.dtype == torch.int64:
        ended = (text == END).long()
        return (ended.cumsum(1) == ended).float()
    going_on = (1 - text[:, :, END]).cumprod(1)
    return torch.cat([torch.ones_like(going_on[:, :1]), going_on[:, :-1]], 1)
