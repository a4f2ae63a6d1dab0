"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gantools.core.errors import ArtifactError, RecipeError


def sha256_file(path: Path) -> str:
    """Hex digest of a file's bytes, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomic(path: Path, content: bytes) -> None:
    """Write ``content`` under a temporary name beside ``path``, flush it to disk, then rename.

    Raises:
        ArtifactError: The disk refused (full, read-only, no permission). Nothing is left behind.
    """
    with _os_errors_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def refuse_in_place(target: Path, source: Path) -> None:
    """Keep what a stage reads from being replaced by what it writes.

    Raises:
        RecipeError: ``target`` is ``source``, or a folder that holds it.
    """
    if target.resolve() in (source.resolve(), *source.resolve().parents):
        raise RecipeError(
            f"'{target}' is or holds the source '{source}', which is never changed.", hint="give --out another folder"
        )


@contextmanager
def staged_folder(target: Path, *, marker: str) -> Iterator[Path]:
    """Yield an empty folder beside ``target``; on success it becomes ``target``, on any error it is removed.

    A folder that already stands at ``target`` is replaced only when it holds ``marker`` (it is ours) or is empty.

    Raises:
        ArtifactError: ``target`` holds something else, or the disk refused.
    """
    if target.is_file() or (target.is_dir() and any(target.iterdir()) and not (target / marker).exists()):
        raise ArtifactError(
            f"'{target}' exists and holds no {marker}, so it is not overwritten.", hint="give --out another folder"
        )
    with _os_errors_named(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        try:
            staging.chmod(0o755)
            yield staging
            _swap(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _swap(staging: Path, target: Path) -> None:
    """Put ``staging`` at ``target``. A folder cannot be renamed over a full one, so the old one steps aside first."""
    if not target.exists():
        staging.rename(target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
    target.rename(aside / "old")
    try:
        staging.rename(target)
    except OSError:
        (aside / "old").rename(target)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _os_errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise ArtifactError(
            f"cannot write '{path}': {err.strerror or err}.", hint="nothing half-written was left"
        ) from err
