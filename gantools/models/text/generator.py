"""What every generator of text is: it begins, and then predicts each token from the one before it and its state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.core.tokens import BEGIN

State = tuple[Tensor, ...]
DEFAULTS: dict[str, dict[str, Any]] = {
    "train": {"learning_rate": 1e-3, "betas": [0.9, 0.999], "precision": "fp32"},
    "evaluate": {"extractor": "ngrams"},
}
"""What recipes of texts begin with, where those of images begin otherwise."""


class TextConfig(Frozen):
    """Options that all generators of text share.

    Attributes:
        vocabulary: How many tokens there are; the first three are the end, the beginning and the unknown.
        steps: The most tokens of a text, its end included.
        latent: Length of the noise vector that a text is made of, beside what is drawn at each step; 0: there is none.
        classes: How many classes of texts there are; 0: they are not told apart.
        candidates: How many of the likeliest tokens top-k and top-p choose from. Each step sorts so many.
    """

    vocabulary: int = Field(default=5000, ge=4)
    steps: int = Field(default=32, ge=2)
    latent: int = Field(default=0, ge=0)
    classes: int = Field(default=0, ge=0)
    candidates: int = Field(default=128, ge=1, le=3840)


class TextGenerator(nn.Module, ABC):
    """Tokens so far -> logits of the next one.

    Args:
        config: What it makes.

    Attributes:
        config: What it makes.
        kept: How many tensors at the end of its state are the same at every step.
    """

    kept: int = 0

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def begin(self, latent: Tensor | None, label: Tensor | None, batch: int) -> State:
        """The state before the first token.

        Args:
            latent: (batch, latent) float32 N(0, 1), where the model has one.
            label: (batch,) int64, where it has classes.
            batch: How many texts.

        Returns:
            Tensors, batch first. They are all zero where there is neither a latent nor a label.
        """

    @abstractmethod
    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """One token further.

        Args:
            token: (batch,) int64, the one before; at first ``BEGIN``.
            state: What ``begin`` or the last step returned.

        Returns:
            Logits of the next token (batch, vocabulary) float32, and the next state, in tensors of its own.
        """

    @abstractmethod
    def features(self, tokens: Tensor, latent: Tensor | None = None, label: Tensor | None = None) -> Tensor:
        """What ``forward`` makes its logits of: the same arguments -> (batch, steps, width)."""

    @abstractmethod
    def logits(self, features: Tensor) -> Tensor:
        """Features of places (..., width) -> logits of the tokens there (..., vocabulary) float32."""

    def forward(self, tokens: Tensor, latent: Tensor | None = None, label: Tensor | None = None) -> Tensor:
        """Teacher forcing: what ``step`` predicts at every place of known texts, all at once.

        Args:
            tokens: (batch, steps) int64.
            latent: As for ``begin``.
            label: As for ``begin``.

        Returns:
            (batch, steps, vocabulary) float32: the logits at a place are of the token there, given those before it.
        """
        return self.logits(self.features(tokens, latent, label))


class Context(nn.Module):
    """What holds for a whole text: a vector made of its latent and its class.

    Args:
        config: Whether there is either.
        width: Length of the vector.

    Attributes:
        size: Length of the vector; 0: there is neither latent nor class.
    """

    def __init__(self, config: TextConfig, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.classes, width) if config.classes else None
        self.latent = nn.Linear(config.latent, width) if config.latent else None
        self.size = width if config.latent or config.classes else 0

    def forward(self, latent: Tensor | None, label: Tensor | None) -> Tensor:
        """Latent (batch, latent) float32 and label (batch,) int64 -> (batch, size) float32 in (-1, 1)."""
        parts = []
        if self.latent is not None:
            assert latent is not None, "a generator with a latent needs one"
            parts.append(self.latent(latent))
        if self.embedding is not None:
            assert label is not None, "a conditional generator needs labels"
            parts.append(self.embedding(label))
        return torch.tanh(torch.stack(parts).sum(0)).float()


def before(tokens: Tensor) -> Tensor:
    """The token before each place: (batch, steps) int64 -> (batch, steps) int64, ``BEGIN`` first."""
    return torch.cat([torch.full_like(tokens[:, :1], BEGIN), tokens[:, :-1]], 1)
