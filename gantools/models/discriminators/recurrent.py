"""Discriminators that read an image row by row, from the top: an LSTM and a GRU.

The cells are written out instead of using ``nn.LSTM`` and ``nn.GRU``: those hold their weights where spectral norm
cannot reach, and their kernels for GPUs cannot be differentiated twice, which gradient penalties need. The products
with the image are made for all rows at once, so only the small recurrent product is left to the loop.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.discriminators.head import Head
from gantools.models.discriminators.spectral import normalize
from gantools.models.model import DiscriminatorRow, ImageShape


class RecurrentDiscriminatorConfig(Frozen):
    """Options of the discriminators ``lstm`` and ``gru``.

    Attributes:
        hidden: Units of the state.
        dropout: Share of the units of the last state dropped before the logit.
        spectral: Divide weights by their largest singular value (Miyato et al., ICLR 2018).
    """

    hidden: int = Field(default=128, ge=4)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    spectral: bool = False


class LSTM(nn.Module):
    """Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    Args:
        inputs: Size of a step.
        hidden: Units of the state.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.of_input = nn.Linear(inputs, 4 * hidden)
        self.of_state = nn.Linear(hidden, 4 * hidden, bias=False)

    def forward(self, sequence: Tensor) -> Tensor:
        """(batch, steps, inputs) -> the last state (batch, hidden)."""
        return self._run(sequence)[-1]

    def states(self, sequence: Tensor) -> Tensor:
        """(batch, steps, inputs) -> the state after each step (batch, steps, hidden)."""
        return torch.stack(self._run(sequence), 1)

    def _run(self, sequence: Tensor) -> list[Tensor]:
        steps = self.of_input(sequence)
        state = torch.zeros_like(steps[:, 0, : self.hidden])
        memory, states = state, []
        for step in steps.unbind(1):
            enter, forget, leave, new = (step + self.of_state(state)).chunk(4, 1)
            memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
            state = leave.sigmoid() * memory.tanh()
            states.append(state)
        return states


class GRU(nn.Module):
    """Cho et al. 2014, in the form that multiplies the state before gating it.

    Args:
        inputs: Size of a step.
        hidden: Units of the state.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.of_input = nn.Linear(inputs, 3 * hidden)
        self.of_state = nn.Linear(hidden, 3 * hidden)

    def forward(self, sequence: Tensor) -> Tensor:
        """(batch, steps, inputs) -> the last state (batch, hidden)."""
        return self._run(sequence)[-1]

    def states(self, sequence: Tensor) -> Tensor:
        """(batch, steps, inputs) -> the state after each step (batch, steps, hidden)."""
        return torch.stack(self._run(sequence), 1)

    def _run(self, sequence: Tensor) -> list[Tensor]:
        steps = self.of_input(sequence)
        state, states = torch.zeros_like(steps[:, 0, : self.hidden]), []
        for step in steps.unbind(1):
            reset_in, update_in, new_in = step.chunk(3, 1)
            reset_of, update_of, new_of = self.of_state(state).chunk(3, 1)
            update = (update_in + update_of).sigmoid()
            new = (new_in + (reset_in + reset_of).sigmoid() * new_of).tanh()
            state = new + update * (state - new)
            states.append(state)
        return states


class RecurrentDiscriminator(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW [, label] -> logits (batch,)."""

    def __init__(self, cell: type[LSTM] | type[GRU], config: RecurrentDiscriminatorConfig, shape: ImageShape) -> None:
        super().__init__()
        self.cell = cell(shape.channels * shape.resolution, config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.head = Head(config.hidden, shape.classes)
        if config.spectral:
            normalize(self)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        rows = image.transpose(1, 2).flatten(2)
        logits: Tensor = self.head(self.dropout(self.cell(rows)), label)
        return logits


def _lstm(config: RecurrentDiscriminatorConfig, shape: ImageShape) -> nn.Module:
    return RecurrentDiscriminator(LSTM, config, shape)


def _gru(config: RecurrentDiscriminatorConfig, shape: ImageShape) -> nn.Module:
    return RecurrentDiscriminator(GRU, config, shape)


lstm = DiscriminatorRow(RecurrentDiscriminatorConfig, _lstm)
gru = DiscriminatorRow(RecurrentDiscriminatorConfig, _gru)
