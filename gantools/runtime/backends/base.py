"""What a backend is. Backends do no checking of inputs: ``Session`` has done all of it before they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from gantools.core.artifact import GraphFile

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Availability:
    """Whether a backend can be used here. ``reason`` says what is there (version, devices) or what is missing."""

    ok: bool
    reason: str
    hint: str | None = None


@dataclass(frozen=True)
class OpenOptions:
    """How to open a graph.

    Attributes:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads for one run; none: the backend's own choice.
        settings: Settings of this backend alone, by its own names.
    """

    device: str = "cpu"
    threads: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ComputedLayer:
    """One layer as the runtime really executes it.

    Attributes:
        kind: The runtime's own name for the operation.
        precision: ``fp32``, ``fp16``, ``bf16``, ``int8`` or another type's name.
        name: The runtime's name for the layer.
        is_arithmetic: Whether it multiplies and adds (convolution, matrix product); these decide a graph's precision.
    """

    kind: str
    precision: str
    name: str
    is_arithmetic: bool


class Graph(Protocol):
    """An opened graph. Not thread-safe: one graph serves one thread at a time."""

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Compute all outputs. The arrays belong to the caller and survive the next run."""

    def layers(self) -> list[ComputedLayer]:
        """The layers as compiled, read from the runtime. Raises BackendError where the runtime does not tell."""

    def close(self) -> None:
        """Free everything. A second call does nothing."""


class Backend(Protocol):
    """A runtime."""

    formats: tuple[str, ...]
    """The ``GraphFile.format`` values it opens."""

    def probe(self, device: str = "cpu") -> Availability:
        """Whether graphs can be run on ``device`` here. Never raises."""

    def open(self, path: Path, graph: GraphFile, options: OpenOptions) -> Graph:
        """Load and compile.

        Raises:
            BackendError: The runtime or the device refused.
            ArtifactError: The file is damaged.
            MissingDependencyError: The runtime is not installed.
        """


ARITHMETIC = (
    "conv",
    "deconv",
    "matmul",
    "gemm",
    "fullyconnected",
    "fully_connected",
    "matrix_multiply",
    "lstm",
    "gru",
    "rnn",
)


def is_arithmetic(kind: str) -> bool:
    """Whether an operation of this name is counted in multiply-adds."""
    return any(word in kind.lower().replace("convert", "") for word in ARITHMETIC)
