"""A convolutional discriminator of text (Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014).

Filters of several widths look for phrases anywhere, and the strongest finding of each counts. With the highway layer
of SeqGAN (Yu et al., AAAI 2017, equation 13 of the appendix) behind them, as an option.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.core.spec import Frozen
from gantools.models.discriminators.head import Head
from gantools.models.discriminators.spectral import normalize
from gantools.models.discriminators.words import Words
from gantools.models.model import DiscriminatorRow, TextShape


class TextCNNConfig(Frozen):
    """Options of the discriminator ``text_cnn``.

    Attributes:
        embedding: Length of the vectors of tokens.
        widths: Tokens that a filter sees, for each kind of filter.
        filters: How many filters there are of each width.
        highway: Let a gate choose between what filters found and what a layer makes of it (Srivastava et al. 2015).
        dropout: Share of the findings dropped before the logit.
        spectral: Divide weights by their largest singular value (Miyato et al., ICLR 2018).
    """

    embedding: int = Field(default=64, ge=1)
    widths: tuple[int, ...] = Field(default=(1, 2, 3, 4, 5), min_length=1)
    filters: int = Field(default=100, ge=1)
    highway: bool = True
    dropout: float = Field(default=0.25, ge=0, lt=1)
    spectral: bool = False


class TextCNN(nn.Module):
    """tokens (batch, steps) int64, or shares (batch, steps, vocabulary) float32 [, label] -> logits (batch,).

    Args:
        config: Its options.
        shape: What it reads.
    """

    def __init__(self, config: TextCNNConfig, shape: TextShape) -> None:
        super().__init__()
        if not 1 <= min(config.widths) <= max(config.widths) <= shape.steps:
            raise RecipeError(
                f"filters of 'text_cnn' have widths {config.widths}, texts have {shape.steps} tokens.",
                hint="set discriminator.widths to numbers from 1 up to the number of steps",
            )
        self.words = Words(shape.vocabulary, config.embedding)
        self.filters = nn.ModuleList(nn.Conv1d(config.embedding, config.filters, width) for width in config.widths)
        found = config.filters * len(config.widths)
        self.highway = nn.Linear(found, 2 * found) if config.highway else None
        self.dropout = nn.Dropout(config.dropout)
        self.head = Head(found, shape.classes)
        if config.spectral:
            normalize(self)

    def forward(self, text: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        columns = self.words(text).transpose(1, 2)
        # ReLU behind the maximum is the maximum of ReLU, on fewer values.
        found = torch.cat([one(columns).amax(2) for one in self.filters], 1).relu()
        if self.highway is not None:
            gate, changed = self.highway(found).chunk(2, 1)
            found = found + gate.sigmoid() * (changed.relu() - found)
        logits: Tensor = self.head(self.dropout(found), label)
        return logits


text_cnn = DiscriminatorRow(TextCNNConfig, TextCNN, "text")
