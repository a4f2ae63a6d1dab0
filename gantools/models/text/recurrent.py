"""Recurrent language models: an LSTM (Mikolov et al. 2010; Zaremba et al. 2014) and a GRU (Cho et al. 2014).

A latent or a class, where there is one, sets the first state and is read at every step, as in the decoder of Bowman et
al., "Generating Sentences from a Continuous Space", CoNLL 2016.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.models.model import Architecture, Model
from gantools.models.text.cells import Cells, Kind
from gantools.models.text.generator import DEFAULTS, Context, State, TextConfig, TextGenerator, before
from gantools.models.text.graphs import text_model
from gantools.models.text.loop import Tensors

_SMALL = 0.1  # deviation of the vectors of tokens: where they are the output's too, with 1 logits would begin large


class RecurrentConfig(TextConfig):
    """Options of ``text_lstm`` and ``text_gru``, beside those of ``TextConfig``.

    Attributes:
        embedding: Length of the vectors of tokens.
        hidden: Units of each layer's state.
        layers: How many states lie above each other.
        dropout: Share of the units dropped before and after each layer (Zaremba et al. 2014).
        tied: The output has the vectors of the input (Press and Wolf 2017; Inan et al. 2017).
    """

    embedding: int = Field(default=256, ge=1)
    hidden: int = Field(default=512, ge=1)
    layers: int = Field(default=1, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    tied: bool = False


class RecurrentGenerator(TextGenerator):
    """See ``TextGenerator``. Its state is that of its cells; then the context, where there is one.

    Args:
        config: Sizes.
        kind: Which cell.
    """

    def __init__(self, config: RecurrentConfig, kind: Kind) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocabulary, config.embedding)
        self.context = Context(config, config.embedding)
        whole = self.context.size
        self.kept = 1 if whole else 0
        self.cells = Cells(kind, config.embedding + whole, config.hidden, config.layers, config.dropout)
        self.start = nn.Linear(whole, self.cells.parts * config.layers * config.hidden) if whole else None
        self.dropout = nn.Dropout(config.dropout)
        self.reshape = nn.Linear(config.hidden, config.embedding) if config.tied else nn.Identity()
        self.output = None if config.tied else nn.Linear(config.hidden, config.vocabulary)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary)) if config.tied else None
        nn.init.normal_(self.embedding.weight, 0.0, _SMALL)

    def begin(self, latent: Tensor | None, label: Tensor | None, batch: int) -> State:
        """See ``TextGenerator``."""
        if self.start is None:
            return self.cells.zeros(batch)
        context = self.context(latent, label)
        first = torch.tanh(self.start(context)).float()
        return (*first.view(-1, self.cells.parts, self.cells.layers, self.cells.hidden).unbind(1), context)

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """See ``TextGenerator``."""
        context = state[self.cells.parts :]
        top, states = self.cells.step(self._read(token, context), state[: self.cells.parts])
        return self.logits(top), (*states, *(part.clone() for part in context))

    def features(self, tokens: Tensor, latent: Tensor | None = None, label: Tensor | None = None) -> Tensor:
        """See ``TextGenerator``."""
        state = self.begin(latent, label, tokens.shape[0])
        parts = self.cells.parts
        everywhere = tuple(part[:, None].expand(-1, tokens.shape[1], -1) for part in state[parts:])
        found: Tensor = self.cells(self._read(self.previous(tokens), everywhere), state[:parts])
        return found

    def previous(self, tokens: Tensor) -> Tensor:
        """What it reads to predict each of the tokens: (batch, steps) int64 -> (batch, steps) int64."""
        return before(tokens)

    def _read(self, tokens: Tensor, context: Tensors) -> Tensor:
        return torch.cat([self.dropout(self.embedding(tokens)), *context], -1)

    def logits(self, features: Tensor) -> Tensor:
        """See ``TextGenerator``."""
        features = self.reshape(self.dropout(features))
        if self.output is None:
            return F.linear(features, self.embedding.weight, self.bias).float()
        logits: Tensor = self.output(features)
        return logits.float()


def _build(config: RecurrentConfig, kind: Kind) -> Model:
    return text_model(RecurrentGenerator(config, kind))


_DEFAULTS = {"objective": {"name": "likelihood"}, **DEFAULTS}
text_lstm = Architecture(RecurrentConfig, partial(_build, kind="lstm"), defaults=_DEFAULTS)
text_gru = Architecture(RecurrentConfig, partial(_build, kind="gru"), defaults=_DEFAULTS)
