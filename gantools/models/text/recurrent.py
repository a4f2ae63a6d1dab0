"""Recurrent language models: an LSTM (Mikolov et al. 2010; Zaremba et al. 2014) and a GRU (Cho et al. 2014).

A latent or a class, where there is one, sets the first state and is read at every step, as in the decoder of Bowman et
al., "Generating Sentences from a Continuous Space", CoNLL 2016.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.models.model import Architecture, Model
from gantools.models.text.generator import Context, State, TextConfig, TextGenerator, before
from gantools.models.text.graphs import text_model
from gantools.models.text.loop import Tensors, loop

Kind = Literal["lstm", "gru"]


class RecurrentConfig(TextConfig):
    """Options of ``text_lstm`` and ``text_gru``.

    Attributes:
        vocabulary: See ``TextConfig``.
        steps: See ``TextConfig``.
        latent: See ``TextConfig``.
        classes: See ``TextConfig``.
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
    """See ``TextGenerator``. The state is (batch, layers, hidden) float32, twice for an LSTM; then the context.

    Args:
        config: Sizes.
        kind: Which cell.
    """

    def __init__(self, config: RecurrentConfig, kind: Kind) -> None:
        super().__init__(config)
        self.kind, self.layers, self.hidden = kind, config.layers, config.hidden
        self.parts = 2 if kind == "lstm" else 1
        self.embedding = nn.Embedding(config.vocabulary, config.embedding)
        self.context = Context(config, config.embedding)
        whole = self.context.size
        self.start = nn.Linear(whole, self.parts * config.layers * config.hidden) if whole else None
        self.dropout = nn.Dropout(config.dropout)
        cells = nn.LSTM if kind == "lstm" else nn.GRU
        self.cells = cells(
            config.embedding + whole,
            config.hidden,
            config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.reshape = nn.Linear(config.hidden, config.embedding) if config.tied else nn.Identity()
        self.output = None if config.tied else nn.Linear(config.hidden, config.vocabulary)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary)) if config.tied else None
        nn.init.normal_(self.embedding.weight, 0.0, 0.1)  # tied, with a deviation of 1, logits would begin too large

    def begin(self, latent: Tensor | None, label: Tensor | None, batch: int) -> State:
        """See ``TextGenerator``."""
        if self.start is None:
            weight = self.embedding.weight
            zeros = [weight.new_zeros(batch, self.layers, self.hidden, dtype=torch.float32) for _ in range(self.parts)]
            return tuple(zeros)
        context = self.context(latent, label)
        first = torch.tanh(self.start(context)).float().view(-1, self.parts, self.layers, self.hidden)
        return (*first.unbind(1), context)

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """See ``TextGenerator``."""
        states, context = state[: self.parts], state[self.parts :]
        top, states = self._through(self._read(token, context), states)
        return self._logits(top), (*states, *(part.clone() for part in context))

    def forward(self, tokens: Tensor, latent: Tensor | None = None, label: Tensor | None = None) -> Tensor:
        """See ``TextGenerator``."""
        state = self.begin(latent, label, tokens.shape[0])
        states, context = state[: self.parts], state[self.parts :]
        read = self._read(before(tokens), tuple(part[:, None].expand(-1, tokens.shape[1], -1) for part in context))
        if torch.compiler.is_exporting():  # torch would unroll its own cells

            def body(carried: Tensors, given: Tensors) -> tuple[Tensors, Tensors]:
                top, carried = self._through(given[0], carried)
                return carried, (top.clone(),)

            _, (tops,) = loop(body, states, (read.transpose(0, 1),))
            return self._logits(tops.transpose(0, 1))
        first = [part.transpose(0, 1).contiguous() for part in states]
        tops, _ = self.cells(read, (first[0], first[1]) if self.kind == "lstm" else first[0])
        return self._logits(tops)

    def _read(self, tokens: Tensor, context: Tensors) -> Tensor:
        return torch.cat([self.dropout(self.embedding(tokens)), *context], -1)

    def _through(self, features: Tensor, states: Tensors) -> tuple[Tensor, Tensors]:
        """One step of all layers: what the highest one makes, and all states."""
        made: list[tuple[Tensor, ...]] = []
        for layer in range(self.layers):
            weights = [getattr(self.cells, f"{name}_l{layer}") for name in _WEIGHTS]
            before_it = [part[:, layer] for part in states]
            if self.kind == "lstm":
                made.append(torch.lstm_cell(features, before_it, *weights))
            else:
                made.append((torch.gru_cell(features, before_it[0], *weights),))
            features = made[-1][0]
            if layer + 1 < self.layers:
                features = F.dropout(features, self.cells.dropout, self.training)
        return features, tuple(torch.stack(part, 1).float() for part in zip(*made, strict=True))

    def _logits(self, features: Tensor) -> Tensor:
        features = self.reshape(self.dropout(features))
        if self.output is None:
            return F.linear(features, self.embedding.weight, self.bias).float()
        logits: Tensor = self.output(features)
        return logits.float()


_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _build(config: RecurrentConfig, kind: Kind) -> Model:
    return text_model(RecurrentGenerator(config, kind))


_DEFAULTS = {"objective": {"name": "likelihood"}}
text_lstm = Architecture(RecurrentConfig, partial(_build, kind="lstm"), defaults=_DEFAULTS)
text_gru = Architecture(RecurrentConfig, partial(_build, kind="gru"), defaults=_DEFAULTS)
