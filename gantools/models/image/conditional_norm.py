"""Batch norm whose scale and shift depend on a class.

Dumoulin et al., "A Learned Representation for Artistic Style", ICLR 2017, equation 5, as Miyato and Koyama use it in
"cGANs with Projection Discriminator", ICLR 2018.
"""

from __future__ import annotations

from torch import Tensor, nn


class ClassBatchNorm2d(nn.Module):
    """Batch norm with a row of scales and shifts for each class; without classes, ordinary batch norm.

    Args:
        features: Channels.
        classes: Number of classes; 0: none.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(features, affine=classes == 0)
        self.scale = nn.Embedding(classes, features) if classes else None
        self.shift = nn.Embedding(classes, features) if classes else None
        if self.scale is not None and self.shift is not None:
            nn.init.ones_(self.scale.weight)
            nn.init.zeros_(self.shift.weight)

    def forward(self, features: Tensor, label: Tensor | None) -> Tensor:
        """(batch, channels, height, width), label (batch,) int64 or none -> the same shape."""
        normal: Tensor = self.norm(features)
        if self.scale is None or self.shift is None:
            return normal
        assert label is not None, "a conditional generator needs labels"
        changed: Tensor = normal * self.scale(label)[:, :, None, None] + self.shift(label)[:, :, None, None]
        return changed
