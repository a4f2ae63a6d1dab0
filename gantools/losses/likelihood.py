"""How likely a model finds texts: the cross-entropy of their tokens, the one that ends them among them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantools.core.tokens import END


def token_nats(net: nn.Module, tokens: Tensor, **known: Tensor) -> Tensor:
    """-log p of each token given those before it, in nats; 0 behind the end.

    On a CPU logits are computed only where there is a text, which is half the work where texts are short. A GPU has
    them everywhere: it would have to wait for the number of places, and kernels made for one number would not fit the
    next.

    Args:
        net: A ``TextGenerator``.
        tokens: (batch, steps) int64.
        known: ``latent`` and ``label``, where the generator takes them.

    Returns:
        (batch, steps) float32.
    """
    here = inside(tokens)
    if tokens.device.type != "cpu":
        logits = net(tokens, **known).flatten(0, 1)
        return F.cross_entropy(logits, tokens.flatten(), reduction="none").view_as(tokens) * here
    generator: Any = net
    longest = int(here.sum(1).max())
    places = here[:, :longest] > 0
    logits = generator.logits(generator.features(tokens[:, :longest], **known)[places])
    nats = F.cross_entropy(logits, tokens[:, :longest][places], reduction="none")
    return torch.zeros_like(here).masked_scatter(here > 0, nats)


def inside(tokens: Tensor) -> Tensor:
    """Which places belong to a text, its end included: (batch, steps) float32, 1 or 0."""
    ended = (tokens == END).long()
    return (ended.cumsum(1) - ended == 0).float()
