"""What an architecture is. ``Model`` separates what learns (``nets``) from what ships (``graphs``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from torch import nn

from gantools.core.artifact import ImageOutput, Sampler
from gantools.core.spec import Frozen, GraphSpec


@dataclass(frozen=True)
class ExportGraph:
    """One graph that ships.

    Attributes:
        module: Takes the inputs of ``spec`` by position, in order, and returns its outputs. It shares its parameters
        with
            the nets, so it is always as trained as they are.
        spec: Its interface.
    """

    module: nn.Module
    spec: GraphSpec


@dataclass(frozen=True)
class Model:
    """Everything an architecture builds.

    Attributes:
        nets: What an objective trains, by name: ``"G"``, ``"D"``.
        graphs: What export writes, by name. ``"generator"`` returns uint8 for applications and ``"generator_float"``
            float32 in [-1, 1], for parity and metrics.
        sampler: How seeds become inputs of a graph.
        modality: What a sample is.
        output: Its size.
    """

    nets: dict[str, nn.Module]
    graphs: Mapping[str, ExportGraph]
    sampler: Sampler
    modality: Literal["image"]
    output: ImageOutput

    @property
    def shipped(self) -> tuple[str, ...]:
        """The nets that graphs are made of; these are averaged over the training."""
        inside = {id(part) for graph in self.graphs.values() for part in graph.module.modules()}
        return tuple(name for name, net in self.nets.items() if id(net) in inside)

    def eval(self) -> Model:
        """Put every net and graph in inference mode; returns the model."""
        for module in (*self.nets.values(), *(graph.module for graph in self.graphs.values())):
            module.eval()
        return self


C = TypeVar("C", bound=Frozen)


@dataclass(frozen=True)
class Architecture(Generic[C]):
    """A row of the table of models.

    Attributes:
        Config: Its options, with every check.
        build: Config -> freshly initialized model. Random numbers come from torch's global generator.
    """

    Config: type[C]
    build: Callable[[C], Model]
