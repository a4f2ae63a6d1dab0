"""A discriminator of fully connected layers, as in the first GAN (Goodfellow et al. 2014). For small images."""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.discriminators.head import Head
from gantools.models.discriminators.spectral import normalize
from gantools.models.model import DiscriminatorRow, ImageShape


class MLPDiscriminatorConfig(Frozen):
    """Options of the discriminator ``mlp``.

    Attributes:
        hidden: Units of each layer.
        dropout: Share of units dropped after each layer.
        spectral: Divide weights by their largest singular value (Miyato et al., ICLR 2018).
    """

    hidden: tuple[int, ...] = Field(default=(512, 256), min_length=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    spectral: bool = False


class MLPDiscriminator(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW [, label] -> logits (batch,)."""

    def __init__(self, config: MLPDiscriminatorConfig, shape: ImageShape) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        for inner, outer in pairwise([shape.channels * shape.resolution**2, *config.hidden]):
            layers += [nn.Linear(inner, outer), nn.LeakyReLU(0.2)]
            layers += [nn.Dropout(config.dropout)] if config.dropout else []
        self.layers = nn.Sequential(*layers)
        self.head = Head(config.hidden[-1], shape.classes)
        if config.spectral:
            normalize(self)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.layers(image), label)
        return logits


mlp = DiscriminatorRow(MLPDiscriminatorConfig, MLPDiscriminator)
