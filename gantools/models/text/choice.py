"""One token out of logits and two uniform numbers, in operations that every runtime has.

Temperature, then top-k (Fan et al., "Hierarchical Neural Story Generation", ACL 2018), then top-p of what is left
(Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020), then the inverse of the distribution
function, first over blocks of tokens and then over those of one block, each at a uniform number of its own.

Two things are not done as textbooks do them:

- Not all tokens are sorted, but only as many of the likeliest as a model is told to look at. TensorRT sorts no more
  than 3840, and to sort 5000 for each of 16 texts takes three times as long as to predict them (ONNX Runtime 1.32 on a
  CPU). To sort only where somebody asks for it would need an ``If`` in the loop, which OpenVINO 2026.4 computes wrongly
  in runs that have another shape than the one before.
- One uniform number would do. But runtimes round logits and sums differently, and where the number falls between what
  two of them take for the end of a token's share, they choose differently. Of 5,000 tokens there are 5,000 such ends,
  each off by some 1e-7 of everything. To choose one of 71 blocks and then one of its 71 tokens there are 142, and those
  inside a block are off by that much of the block alone. Shares are summed from the last token on: the last ones are
  the rarest in every vocabulary that is made here, and sums that are small are rounded less. Of 10,000 sentences none
  to two differ between two runtimes instead of 22 to 65 (``benchmarks/text_parity.py``).
"""

from __future__ import annotations

from math import ceil, isqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from gantools.core.tokens import BEGIN, UNKNOWN

_FORBIDDEN = -1e9  # finite, and nothing beside any logit
_COLDEST = 1e-30  # all but the largest logits, divided by it, are too small for exp
_LARGEST = 1.0 - 2.0**-23
"""Times any total it is below that total after rounding, so that what it points to has a share."""


class Choice(torch.nn.Module):
    """Logits -> token.

    Args:
        vocabulary: How many tokens there are.
        candidates: How many of the likeliest top-k and top-p look at.
    """

    forbidden: Tensor

    def __init__(self, vocabulary: int, candidates: int) -> None:
        super().__init__()
        self.candidates = min(candidates, vocabulary)
        forbidden = torch.zeros(vocabulary)
        forbidden[[BEGIN, UNKNOWN]] = _FORBIDDEN
        self.register_buffer("forbidden", forbidden, persistent=False)

    def forward(self, logits: Tensor, uniform: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
        """Choose.

        Args:
            logits: (batch, vocabulary) float32.
            uniform: (batch, 2) float32 in (0, 1): the block, and the token in it.
            temperature: (batch,) float32; 0: the likeliest token, the first one of several.
            top_k: (batch,) float32: only so many of the likeliest tokens, at most ``candidates``, and those as likely
                as the last of them; 0: all.
            top_p: (batch,) float32: only the likeliest tokens that together have at least this probability, at most
                ``candidates``, and those as likely as the last of them; 1: all.

        Returns:
            (batch,) int64, neither ``BEGIN`` nor ``UNKNOWN``.
        """
        allowed = logits + self.forbidden
        heights = (allowed - allowed.amax(1, keepdim=True)) / temperature.clamp(min=_COLDEST)[:, None]
        weights = torch.exp(heights)
        weights = weights * self._kept(heights, weights, top_k[:, None], top_p[:, None]).float()
        return inverse(weights, torch.where(temperature[:, None] > 0, uniform, torch.ones_like(uniform)))

    def _kept(self, heights: Tensor, weights: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
        """Which tokens are left: (batch, vocabulary) bool."""
        largest = heights.topk(self.candidates, 1).values
        rank = torch.arange(self.candidates, device=heights.device)[None]
        some = top_k > 0
        within = (rank < top_k) | ~some
        held = torch.exp(largest) * within.float()
        total = torch.where(some, held.sum(1, keepdim=True), weights.sum(1, keepdim=True))
        above = held.cumsum(1) - held
        within = within & ((above < top_p * total) | (top_p >= 1) | (rank == 0))
        # The greatest has height 0, so 1 is none of them.
        lowest = torch.where(within, largest, torch.ones_like(largest)).amin(1, keepdim=True)
        return (heights >= lowest) | (~some & (top_p >= 1))


def inverse(weights: Tensor, uniform: Tensor) -> Tensor:
    """An index as likely as its weight is large: its block at the first number, and its place in that at the second.

    Args:
        weights: (batch, n) float32, at least 0, not all 0.
        uniform: (batch, 2) float32 in [0, 1]. At ones it is the first index whose weight is not vanishingly small.

    Returns:
        (batch,) int64. Its own weight is not 0.
    """
    # As many blocks as indices in each: the fewest ends of shares.
    size = isqrt(weights.shape[1] - 1) + 1
    blocks = ceil(weights.shape[1] / size)
    cut = F.pad(weights, (0, blocks * size - weights.shape[1])).reshape(-1, blocks, size)
    block = _from_the_last(cut.sum(2), uniform[:, 0])
    inside = cut.gather(1, block[:, None, None].expand(-1, 1, size)).squeeze(1)
    return block * size + _from_the_last(inside, uniform[:, 1])


def _from_the_last(weights: Tensor, uniform: Tensor) -> Tensor:
    """The last index from which on more than a share ``uniform`` (batch,) of the weights (batch, n) lies: (batch,)."""
    reached = weights.flip(1).cumsum(1)
    wanted = reached[:, -1:] * uniform.clamp(max=_LARGEST)[:, None]
    # All of them, the last sum, are always more.
    return (reached[:, :-1] > wanted).long().sum(1)
