"""The one way to run a graph: all checks are here, none in the backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import Artifact, GraphFile
from gantools.core.errors import BackendError
from gantools.runtime.backends import BACKENDS
from gantools.runtime.backends.base import Arrays, ComputedLayer, Graph, OpenOptions
from gantools.runtime.checks import input_problems, raise_input_problems


@dataclass(frozen=True)
class Where:
    """The choice of who runs a graph; what is left out comes from the artifact.

    Attributes:
        backend: Name in the table of backends.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads for one run.
        settings: Settings of the backend, by its own names; those of the artifact that are not among them hold too.
        sleeps: Whether threads sleep between runs: where other work of this machine waits for the CPUs.
    """

    backend: str | None = None
    device: str | None = None
    threads: int | None = None
    settings: Mapping[str, Any] | None = None
    sleeps: bool = False


@final
class Session:
    """An opened graph whose inputs and outputs are checked against its spec.

    Usable as a context manager. Not thread-safe.

    Args:
        path: The graph's file.
        graph: Its manifest entry.
        where: Who runs it.

    Raises:
        BackendError: The backend cannot open this format, or the runtime or device refused.
        ArtifactError: An engine is damaged.
        MissingDependencyError: The runtime is not installed.
        UnknownNameError: No such backend.
    """

    def __init__(self, path: Path, graph: GraphFile, where: Where = Where()) -> None:
        self.backend = where.backend or graph.backend
        self.device = where.device or graph.device
        self.graph = graph
        self.spec = graph.spec
        loaded = BACKENDS.load(self.backend)
        if graph.format not in loaded.formats:
            raise BackendError(
                f"backend '{self.backend}' opens {' and '.join(loaded.formats)}, and '{path.name}' is {graph.format}.",
                hint="leave --backend out to use the artifact's own",
            )
        self._dtypes = {tensor.name: np.dtype(tensor.dtype) for tensor in self.spec.inputs}
        tuned: Mapping[str, Any] = graph.settings if self.backend == graph.backend else {}
        settings = {**tuned, **(where.settings or {})}
        options = OpenOptions(self.device, where.threads or graph.threads, settings, where.sleeps)
        self._graph: Graph | None = loaded.open(path, graph, options)

    @classmethod
    def of(cls, artifact: Artifact, name: str | None = None, where: Where = Where()) -> Session:
        """Open a graph of an artifact; without a name, the one an application runs."""
        return cls(*artifact.graph(name), where)

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Compute all outputs.

        Args:
            inputs: One array for each input of the spec, of exactly its dtype and shape.

        Returns:
            Output name -> array, owned by the caller.

        Raises:
            InputMismatchError: Names, dtypes, shapes or axis sizes do not fit; all problems at once.
            BackendError: The session is closed, or the runtime failed.
        """
        if self._graph is None:
            raise BackendError("this session is closed.", hint="open another")
        if problems := input_problems(self.spec, self._dtypes, inputs):
            raise_input_problems(problems)
        return self._graph.run(inputs)

    def on_device(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Callable[[], None]:
        """A run whose inputs lie on the device before and whose outputs stay there: what computing alone takes.

        Args:
            inputs: As for ``run``; copied now.

        Returns:
            To be called again and again, until this session runs something else. It waits for the device.

        Raises:
            InputMismatchError: As ``run``.
            BackendError: As ``run``, or the device has no memory of its own.
        """
        if self._graph is None:
            raise BackendError("this session is closed.", hint="open another")
        if problems := input_problems(self.spec, self._dtypes, inputs):
            raise_input_problems(problems)
        call = self._graph.on_device(inputs)
        if call is None:
            raise BackendError(
                f"{self.backend} computes in the host's memory on '{self.device}': there are no copies to leave out.",
                hint="measure the span 'run'",
            )
        return call

    def layers(self) -> list[ComputedLayer]:
        """The layers as the runtime compiled them, for attestation."""
        if self._graph is None:
            raise BackendError("this session is closed.", hint="open another")
        return self._graph.layers()

    def times_ms(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, float] | None:
        """Precision -> milliseconds of one run, by the runtime's own profiler; None where it does not tell.

        Args:
            inputs: As for ``run``.

        Raises:
            InputMismatchError: As ``run``.
            BackendError: As ``run``.
        """
        if self._graph is None:
            raise BackendError("this session is closed.", hint="open another")
        if problems := input_problems(self.spec, self._dtypes, inputs):
            raise_input_problems(problems)
        return self._graph.times_ms(inputs)

    def close(self) -> None:
        """Free the graph. A second call does nothing."""
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
