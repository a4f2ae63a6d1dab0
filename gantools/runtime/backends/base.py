"""What a backend is. Backends do no checking of inputs: ``Session`` has done all of it before they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        sleeps: Whether threads sleep between runs, so that others have the CPUs; else they may spin for a while, so
            that the next run begins sooner.
    """

    device: str = "cpu"
    threads: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    sleeps: bool = False


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

    def on_device(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Callable[[], None] | None:
        """A run whose inputs lie on the device before and whose outputs stay there; it waits for the device.

        None where there are no copies to leave out. Until the next ``run`` or ``on_device`` it may be called.
        """

    def layers(self) -> list[ComputedLayer]:
        """The layers as compiled, read from the runtime. Raises BackendError where the runtime does not tell."""

    def times_ms(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, float] | None:
        """Precision -> milliseconds of one run, by the runtime's own profiler; None where it does not tell."""

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


PROFILED = 11
"""Runs that a profile is the median of."""


def median_run(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The one of several runs whose total lies in the middle, without what took no time."""
    middle = sorted(runs, key=lambda run: sum(run.values()))[len(runs) // 2]
    return {name: time for name, time in middle.items() if time > 0}


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
