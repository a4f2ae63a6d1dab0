"""Discriminators that read a text token by token: an LSTM and a GRU. Their states are averaged over the text.

The cells are those that read images by rows, which can be differentiated twice. The mean over the text, and not the
last state, because a text is filled up behind its end: nothing there shall count.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.discriminators.head import Head
from gantools.models.discriminators.recurrent import GRU, LSTM
from gantools.models.discriminators.spectral import normalize
from gantools.models.discriminators.words import Words, inside
from gantools.models.model import DiscriminatorRow, TextShape


class TextRecurrentConfig(Frozen):
    """Options of the discriminators ``text_lstm`` and ``text_gru``.

    Attributes:
        embedding: Length of the vectors of tokens.
        hidden: Units of the state.
        dropout: Share of the units of the mean state dropped before the logit.
        spectral: Divide weights by their largest singular value (Miyato et al., ICLR 2018).
        every_place: Judge the text so far at every place, instead of the whole one.
    """

    embedding: int = Field(default=64, ge=1)
    hidden: int = Field(default=128, ge=4)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    spectral: bool = False
    every_place: bool = False


class TextRecurrent(nn.Module):
    """tokens (batch, steps) int64, or shares (batch, steps, vocabulary) float32 [, label] -> logits.

    They are (batch,) of whole texts, or (batch, steps) where every place is judged, by what stands up to there.

    Args:
        cell: Which one.
        config: Its options.
        shape: What it reads.
    """

    def __init__(self, cell: type[LSTM] | type[GRU], config: TextRecurrentConfig, shape: TextShape) -> None:
        super().__init__()
        self.words = Words(shape.vocabulary, config.embedding)
        self.cell = cell(config.embedding, config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.head = Head(config.hidden, shape.classes)
        self.every_place = config.every_place
        if config.spectral:
            normalize(self)

    def forward(self, text: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        states = self.cell.states(self.words(text))
        if self.every_place:
            found: Tensor = self.head(self.dropout(states).transpose(1, 2)[..., None], label)
            return found
        weights = inside(text)
        weights = weights / weights.sum(1, keepdim=True)
        logits: Tensor = self.head(self.dropout((states * weights[:, :, None]).sum(1)), label)
        return logits


def _lstm(config: TextRecurrentConfig, shape: TextShape) -> nn.Module:
    return TextRecurrent(LSTM, config, shape)


def _gru(config: TextRecurrentConfig, shape: TextShape) -> nn.Module:
    return TextRecurrent(GRU, config, shape)


text_lstm = DiscriminatorRow(TextRecurrentConfig, _lstm, "text")
text_gru = DiscriminatorRow(TextRecurrentConfig, _gru, "text")
