"""Layers of recurrent cells: torch's own for whole sequences, and the same weights step by step."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantools.models.text.loop import Tensors, loop

Kind = Literal["lstm", "gru"]
_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Cells(nn.Module):
    """Layers of LSTM (Hochreiter and Schmidhuber 1997) or GRU (Cho et al. 2014) cells.

    Args:
        kind: Which cell.
        inputs: Size of a step.
        hidden: Units of each layer's state.
        layers: How many.
        dropout: Share of the units dropped between layers.

    Attributes:
        parts: Tensors of a state, each (batch, layers, hidden) float32: one of a GRU, two of an LSTM.
    """

    def __init__(self, kind: Kind, inputs: int, hidden: int, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.kind, self.hidden, self.layers = kind, hidden, layers
        self.parts = 2 if kind == "lstm" else 1
        of_kind = nn.LSTM if kind == "lstm" else nn.GRU
        self.whole = of_kind(inputs, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)

    def zeros(self, batch: int) -> Tensors:
        """The state before anything was read."""
        weight = next(self.whole.parameters())
        shape = (batch, self.layers, self.hidden)
        return tuple(weight.new_zeros(shape, dtype=torch.float32) for _ in range(self.parts))

    def step(self, features: Tensor, states: Tensors) -> tuple[Tensor, Tensors]:
        """(batch, inputs) and a state -> what the highest layer makes (batch, hidden), and the next state."""
        made: list[Tensors] = []
        for layer in range(self.layers):
            weights = [getattr(self.whole, f"{name}_l{layer}") for name in _WEIGHTS]
            last = [part[:, layer] for part in states]
            if self.kind == "lstm":
                made.append(torch.lstm_cell(features, last, *weights))
            else:
                made.append((torch.gru_cell(features, last[0], *weights),))
            features = made[-1][0]
            if layer + 1 < self.layers:
                features = F.dropout(features, self.whole.dropout, self.training)
        return features, tuple(torch.stack(part, 1).float() for part in zip(*made, strict=True))

    def forward(self, features: Tensor, states: Tensors) -> Tensor:
        """(batch, steps, inputs) and a state -> what the highest layer makes of each step (batch, steps, hidden)."""
        if torch.compiler.is_exporting():  # torch would unroll its own cells, for one number of steps

            def body(carried: Tensors, given: Tensors) -> tuple[Tensors, Tensors]:
                top, carried = self.step(given[0], carried)
                return carried, (top.clone(),)

            _, (tops,) = loop(body, states, (features.transpose(0, 1),))
            return tops.transpose(0, 1)
        first = [part.transpose(0, 1).contiguous() for part in states]
        found: Tensor = self.whole(features, (first[0], first[1]) if self.kind == "lstm" else first[0])[0]
        return found
