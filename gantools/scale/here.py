"""What a worker looks at before it begins: whether artifact and folder are those of the machine that asked for it."""

from __future__ import annotations

import socket
from functools import lru_cache
from pathlib import Path

from gantools.core.artifact import load_artifact
from gantools.core.errors import ArtifactError
from gantools.runtime.session import Where
from gantools.samplers import Generator, open_artifact


@lru_cache(maxsize=1)
def artifact_here(path: Path, digest: str) -> None:
    """Check that an artifact is the one that the run began with; once in each worker.

    Raises:
        ArtifactError: There is none at this path here, or another one.
    """
    here, hint = socket.gethostname(), "workers open it by its path: put it where all machines see the same"
    try:
        artifact = load_artifact(path)
    except ArtifactError as err:
        raise ArtifactError(f"{err.message.rstrip('.')} (on '{here}').", hint=hint) from err
    if artifact.digest != digest:
        raise ArtifactError(
            f"'{path}' on '{here}' has digest {artifact.digest[:12]}, and this run began with {digest[:12]}.", hint=hint
        )


@lru_cache(maxsize=1)
def generator_here(path: Path, digest: str, where: Where, graph: str | None = None) -> Generator:
    """The artifact that the run began with, opened once in each worker.

    Raises:
        ArtifactError: As ``artifact_here``, or it cannot be opened.
    """
    artifact_here(path, digest)
    return open_artifact(path, graph=graph, backend=where.backend, device=where.device, threads=where.threads)


def folder_here(path: Path) -> None:
    """Check that a folder is there.

    Raises:
        ArtifactError: It is not.
    """
    if not path.is_dir():
        raise ArtifactError(
            f"'{path}' does not exist on '{socket.gethostname()}'.",
            hint="put it on a file system that all machines share",
        )


def file_here(path: Path) -> None:
    """Check, where the run began, that what a worker has written is there.

    Raises:
        ArtifactError: It is not.
    """
    if not path.is_file():
        raise ArtifactError(
            f"a worker has written '{path}', which is not there on '{socket.gethostname()}'.",
            hint="put it on a file system that all machines share",
        )
