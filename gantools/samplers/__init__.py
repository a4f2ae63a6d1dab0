"""Seeds to samples. ``open_artifact`` gives an application its generator in one call; free of torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gantools.core.artifact import load_artifact
from gantools.core.registry import Table
from gantools.runtime.session import Session, Where
from gantools.samplers.generator import Generator

SAMPLERS: Table[Any] = Table("sampler", {"feedforward": "gantools.samplers.feedforward:sample"})


def open_artifact(
    path: str | Path,
    *,
    graph: str | None = None,
    backend: str | None = None,
    device: str | None = None,
    threads: int | None = None,
) -> Generator:
    """Open an artifact folder or a lone ``.onnx`` and return its generator, ready to sample.

    Args:
        path: What ``gantools export`` or ``gantools optimize`` wrote.
        graph: A graph other than the artifact's main one, such as ``"generator_float"``.
        backend: A runtime other than the artifact's own.
        device: ``cpu``, ``cuda`` or ``cuda:N``, other than the artifact's own.
        threads: CPU threads for one run.

    Raises:
        ArtifactError: Missing, damaged or unsafe artifact.
        BackendError: The runtime or device refused.
        MissingDependencyError: The runtime is not installed.
    """
    artifact = load_artifact(path)
    where = Where(backend, device, threads)
    session = Session.of(artifact, graph, where)
    return Generator(artifact, session, SAMPLERS.load(artifact.manifest.sampler.kind), where)


__all__ = ["SAMPLERS", "Generator", "open_artifact"]
