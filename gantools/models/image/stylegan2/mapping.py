"""The mapping network: latents become styles, in a space that training is free to disentangle."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gantools.models.equalized import EqualLinear, unit_rows

RATE = 0.01  # multiplier of the learning rate (Karras et al. 2019, appendix C)
DECAY = 0.995  # of the average style, for each batch


class Mapping(nn.Module):
    """latent (batch, latent) float32 N(0, 1) [, label (batch,) int64] -> style (batch, style) float32.

    Computed in float32 even under autocast: it is small, and every pixel depends on it.

    Args:
        latent: Length of the latents.
        style: Length of the styles.
        layers: Fully connected layers.
        classes: Number of classes; 0: no labels.

    Attributes:
        average: (style,) float32: moving average of the styles seen in training, towards which truncation pulls.
    """

    average: Tensor

    def __init__(self, latent: int, style: int, layers: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, style) if classes else None
        widths = [latent + (style if classes else 0), *[style] * layers]
        self.layers = nn.Sequential(
            *(EqualLinear(widths[k], widths[k + 1], rate=RATE, activate=True) for k in range(layers))
        )
        self.register_buffer("average", torch.zeros(style))

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class. In training mode the average follows."""
        rows = unit_rows(latent)
        if self.embedding is not None:
            assert label is not None, "a conditional generator needs labels"
            rows = torch.cat([rows, unit_rows(self.embedding(label))], 1)
        style: Tensor = self.layers(rows)
        if self.training:
            with torch.no_grad():
                self.average.lerp_(style.mean(0), 1 - DECAY)
        return style

    def truncated(self, style: Tensor, share: Tensor) -> Tensor:
        """Pull styles towards the average (Karras et al. 2019, appendix B): w' = average + share (w - average).

        Args:
            style: (batch, style).
            share: (batch,) float32 in [0, 1]; 1 changes nothing, 0 makes all images of the average style.
        """
        return self.average + share.unsqueeze(1) * (style - self.average)
