"""The last step of every discriminator: features of an image become a logit."""

from __future__ import annotations

from torch import Tensor, nn


class Head(nn.Module):
    """Features -> logits, by a linear map; with classes also by projection.

    Miyato and Koyama, "cGANs with Projection Discriminator", ICLR 2018, equation 3: w . h + b + v_y . h.

    Args:
        features: Length d of the feature vectors.
        classes: Number of classes; 0: no labels.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.embedding = nn.Embedding(classes, features) if classes else None

    def forward(self, features: Tensor, label: Tensor | None = None) -> Tensor:
        """(batch, d) or a map (batch, d, height, width), and label (batch,) int64 -> (batch,) or (batch, patches)."""
        rows = features.flatten(2).transpose(1, 2) if features.ndim == 4 else features.unsqueeze(1)
        logits: Tensor = self.linear(rows).squeeze(2)
        if self.embedding is not None:
            assert label is not None, "a conditional discriminator needs labels"
            logits = logits + (rows * self.embedding(label).unsqueeze(1)).sum(2)
        return logits.squeeze(1) if features.ndim == 2 else logits
