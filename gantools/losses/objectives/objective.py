"""What an objective is: it owns its phases, so that a new trick is a new loss and the training loop stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from gantools.core.spec import Frozen

Nets = Mapping[str, nn.Module]


@dataclass(frozen=True)
class Phase:
    """One update within a training step.

    Attributes:
        name: Such as ``"D"``, ``"D_r1"``, ``"G"``.
        updates: Names of the nets whose parameters it changes; the others stay as they are.
        every: It happens in every ``every``-th step.
    """

    name: str
    updates: tuple[str, ...]
    every: int = 1


@dataclass(frozen=True)
class Loss:
    """What a phase minimizes.

    Attributes:
        value: Scalar float32, to be differentiated.
        terms: Its parts by name, scalar float32, detached: what logs show and the not-a-number guard watches.
    """

    value: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Batch:
    """What one training step works on.

    Attributes:
        real: (batch, channels, height, width) float32 in [-1, 1], NCHW in channels-last memory.
        noise: Inputs of the generator by name, such as ``latent`` (batch, latent) float32 N(0, 1).
    """

    real: Tensor
    noise: Mapping[str, Tensor]
    _made: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """The tensor ``name``, made by the first phase that asks and shared with the later ones of this step.

        Sound for anything that depends only on networks that no phase in between updates.
        """
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]


class Objective(Protocol):
    """The losses of a training."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The updates of a step, in order."""

    def loss(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Loss:
        """The loss of a phase.

        Args:
            phase: One of ``phases``.
            nets: The networks by name.
            batch: The step's images and noise.
            rng: For further random numbers, on the CPU, seeded anew for each step and phase.
        """


C = TypeVar("C", bound=Frozen)


@dataclass(frozen=True)
class ObjectiveRow(Generic[C]):
    """A row of the table of objectives.

    Attributes:
        Config: Its options, with every check.
        build: Config -> objective.
        nets: The names of the networks it trains.
    """

    Config: type[C]
    build: Callable[[C], Objective]
    nets: tuple[str, ...]
