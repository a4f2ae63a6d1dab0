"""A discriminator of text that reads all its tokens at once, each at its place, by fully connected layers."""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.discriminators.head import Head
from gantools.models.discriminators.spectral import normalize
from gantools.models.discriminators.words import Words
from gantools.models.model import DiscriminatorRow, TextShape


class TextMLPConfig(Frozen):
    """Options of the discriminator ``text_mlp``.

    Attributes:
        embedding: Length of the vectors of tokens.
        hidden: Units of each layer.
        dropout: Share of units dropped after each layer.
        spectral: Divide weights by their largest singular value (Miyato et al., ICLR 2018).
    """

    embedding: int = Field(default=32, ge=1)
    hidden: tuple[int, ...] = Field(default=(512, 256), min_length=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    spectral: bool = False


class TextMLP(nn.Module):
    """tokens (batch, steps) int64, or shares (batch, steps, vocabulary) float32 [, label] -> logits (batch,).

    Args:
        config: Its options.
        shape: What it reads; all texts have its number of steps.
    """

    def __init__(self, config: TextMLPConfig, shape: TextShape) -> None:
        super().__init__()
        self.words = Words(shape.vocabulary, config.embedding)
        layers: list[nn.Module] = [nn.Flatten()]
        for inner, outer in pairwise([shape.steps * config.embedding, *config.hidden]):
            layers += [nn.Linear(inner, outer), nn.LeakyReLU(0.2)]
            layers += [nn.Dropout(config.dropout)] if config.dropout else []
        self.layers = nn.Sequential(*layers)
        self.head = Head(config.hidden[-1], shape.classes)
        if config.spectral:
            normalize(self)

    def forward(self, text: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.layers(self.words(text)), label)
        return logits


text_mlp = DiscriminatorRow(TextMLPConfig, TextMLP, "text")
