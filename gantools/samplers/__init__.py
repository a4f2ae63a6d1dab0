"""Seeds to samples. ``open_artifact`` gives an application its generator in one call; free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gantools.core.artifact import load_artifact
from gantools.core.registry import Table
from gantools.runtime.session import Where
from gantools.samplers.chain import first_that_opens
from gantools.samplers.generator import Generator

SAMPLERS: Table[Any] = Table(
    "sampler",
    {
        "feedforward": "gantools.samplers.feedforward:sample",
        "sequence": "gantools.samplers.sequence:sample",
    },
)


def open_artifact(
    path: str | Path | Sequence[str | Path],
    *,
    graph: str | None = None,
    backend: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    sleeps: bool = False,
) -> Generator:
    """Open an artifact folder or a lone ``.onnx`` and return its generator, ready to sample.

    Args:
        path: What ``gantools export`` or ``gantools optimize`` wrote. Of several, in order of preference, the first
            that opens here is used, and ``Generator.passed_over`` says why it is not one before it. They must be of one
            generator, and all of them whole.
        graph: A graph other than the artifact's main one, such as ``"generator_float"``.
        backend: A runtime other than the artifact's own.
        device: ``cpu``, ``cuda`` or ``cuda:N``, other than the artifact's own.
        threads: CPU threads for one run.
        sleeps: Whether they sleep between runs, where other work of this machine waits for the CPUs.

    Raises:
        ArtifactError: Missing, damaged or unsafe artifact, or several that are not the same generator.
        BackendError: The runtime or device refused; of several, all of them.
        MissingDependencyError: The runtime is not installed.
    """
    paths = [path] if isinstance(path, str | Path) else list(path)
    where = Where(backend, device, threads, sleeps=sleeps)
    artifact, session, passed_over = first_that_opens([load_artifact(one) for one in paths], graph, where)
    return Generator(artifact, session, SAMPLERS.load(artifact.manifest.sampler.kind), where, passed_over)


__all__ = ["SAMPLERS", "Generator", "open_artifact"]
