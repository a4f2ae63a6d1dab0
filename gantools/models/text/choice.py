"""One token out of logits and one uniform number, in operations that every runtime has.

Temperature, then top-k (Fan et al., "Hierarchical Neural Story Generation", ACL 2018), then top-p of what is left
(Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020), then the inverse of the distribution
function at the uniform number.

Two things are not done as textbooks do them:

- Not all tokens are sorted, but only as many of the likeliest as a model is told to look at. TensorRT sorts no more
  than 3840, and to sort 5000 for each of 16 texts takes three times as long as to predict them (ONNX Runtime 1.32 on a
  CPU). To sort only where somebody asks for it would need an ``If`` in the loop, which OpenVINO 2026.4 computes wrongly
  in runs that have another shape than the one before.
- The distribution function is summed in two levels, over blocks of tokens and then inside one block: in a sum of 79 and
  one of 64 numbers there are fewer roundings than in one of 5000, and so fewer tokens that differ between runtimes.
"""

from __future__ import annotations

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from gantools.core.tokens import BEGIN, UNKNOWN

_BLOCK = 64
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
            uniform: (batch,) float32 in (0, 1).
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
        return inverse(weights, torch.where(temperature > 0, uniform, torch.zeros_like(uniform)))

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
    """The inverse distribution function.

    Args:
        weights: (batch, n) float32, at least 0, not all 0.
        uniform: (batch,) float32 in [0, 1).

    Returns:
        (batch,) int64: the first index up to which more than the share ``uniform`` of the weight lies. Its own weight
        is not 0.
    """
    blocks = ceil(weights.shape[1] / _BLOCK)
    cut = F.pad(weights, (0, blocks * _BLOCK - weights.shape[1])).reshape(-1, blocks, _BLOCK)
    reached = cut.sum(2).cumsum(1)
    wanted = reached[:, -1:] * uniform.clamp(max=_LARGEST)[:, None]
    behind = reached <= wanted
    block = behind.long().sum(1)
    inside = cut.gather(1, block[:, None, None].expand(-1, 1, _BLOCK)).squeeze(1).cumsum(1)
    left = wanted - (reached * behind.float()).amax(1, keepdim=True)
    # What was summed in another order may be a little less.
    left = torch.minimum(left, inside[:, -1:] * _LARGEST)
    return block * _BLOCK + (inside <= left).long().sum(1)
