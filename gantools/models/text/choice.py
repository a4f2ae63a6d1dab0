"""One token out of logits and one uniform number, in operations that every runtime has.

Temperature, then top-k (Fan et al., "Hierarchical Neural Story Generation", ACL 2018), then top-p of what is left
(Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020), then the inverse of the distribution
function at the uniform number.

Two things are not done as textbooks do them:

- Nothing is sorted. TensorRT sorts no more than 3840 values, and a threshold is all that is needed: it is found by
  cutting an interval of log probabilities smaller and smaller, with comparisons and sums alone.
- The distribution function is summed in two levels, over blocks of tokens and then inside one block. A sum of thousands
  of float32 numbers in one row differs between runtimes by so much that one token in a hundred would differ, where all
  are nearly equally likely; and it is slower.
"""

from __future__ import annotations

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from gantools.core.tokens import BEGIN, UNKNOWN

_BLOCK = 64
_SPAN = 32.0
"""Log probabilities further below the greatest one are not looked at: exp(-32) is 1e-14."""
_PASSES, _PARTS = 12, 4
"""Each pass cuts the interval into so many parts and keeps one: 32 / 4**12 = 2e-6 is left, which is the rounding error
of a log probability in float32. With 16 passes or more TensorRT-RTX 1.7 takes minutes to compile them, with 12 one
second."""
_FORBIDDEN = -1e9  # finite, and nothing beside any logit
_COLDEST = 1e-30  # all but the largest logits, divided by it, are too small for exp
_LARGEST = 1.0 - 2.0**-23
"""Times any total it is below that total after rounding, so that what it points to has a share."""


class Choice(torch.nn.Module):
    """Logits -> token.

    Args:
        vocabulary: How many tokens there are.
    """

    forbidden: Tensor

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        forbidden = torch.zeros(vocabulary)
        forbidden[[BEGIN, UNKNOWN]] = _FORBIDDEN
        self.register_buffer("forbidden", forbidden, persistent=False)

    def forward(self, logits: Tensor, uniform: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
        """Choose.

        Args:
            logits: (batch, vocabulary) float32.
            uniform: (batch,) float32 in (0, 1).
            temperature: (batch,) float32; 0: the likeliest token, the first one of several.
            top_k: (batch,) float32: only so many of the likeliest tokens, and those as likely as the last of them;
                0: all.
            top_p: (batch,) float32: only the likeliest tokens that together have at least this probability, and those
                as likely as the last of them; 1: all.

        Returns:
            (batch,) int64, neither ``BEGIN`` nor ``UNKNOWN``.
        """
        allowed = logits + self.forbidden
        heights = (allowed - allowed.amax(1, keepdim=True)) / temperature.clamp(min=_COLDEST)[:, None]
        lowest = torch.cond(
            ((top_k > 0) | (top_p < 1)).any(), _thresholds, _no_thresholds, (heights, top_k[:, None], top_p[:, None])
        )
        weights = torch.exp(heights) * (heights >= lowest).float()
        return inverse(weights, torch.where(temperature > 0, uniform, torch.zeros_like(uniform)))


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


def _thresholds(heights: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
    """The lowest log weights that are kept: (batch, 1) float32, from heights (batch, vocabulary), 0 the greatest."""
    all_kept = torch.full_like(top_k, -_SPAN)
    kth = torch.where(top_k > 0, _lowest(heights, torch.ones_like(heights), top_k), all_kept * 2)
    weights = torch.exp(heights) * (heights >= kth).float()
    nucleus = _lowest(heights, weights, top_p * weights.sum(1, keepdim=True))
    return torch.where(top_p < 1, torch.maximum(kth, nucleus), kth)


def _no_thresholds(heights: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:  # noqa: ARG001 - as its alternative
    return torch.full_like(top_k, -2 * _SPAN)


def _lowest(heights: Tensor, weights: Tensor, enough: Tensor) -> Tensor:
    """The greatest height above which enough weight lies, to within an interval: (batch, 1) float32."""
    heights, weights = heights[:, None], weights[:, None]
    low, width = torch.full_like(enough, -_SPAN)[:, None], _SPAN
    inner = torch.arange(1.0, _PARTS, device=low.device)[:, None]
    for _ in range(_PASSES):
        width /= _PARTS
        found = (weights * (heights >= low + inner * width).float()).sum(2)
        low = low + width * (found >= enough).float().sum(1)[:, None, None]
    return low[:, 0]
