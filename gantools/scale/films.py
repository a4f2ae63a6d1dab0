"""A folder of films and pictures through a network of images on a cluster: one file is one task."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gantools.core.artifact import Artifact
from gantools.core.errors import ArtifactError, DataError, GantoolsError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.data.pairs.clips import FILMS
from gantools.enhance import Options, enhance
from gantools.enhance.files import check_apart
from gantools.enhance.work import Work
from gantools.media.pictures import SUFFIXES
from gantools.runtime.session import Where
from gantools.scale.cluster import Needs, joined, settled
from gantools.scale.here import artifact_here, file_here, folder_here

_SHOWN = 3  # of the files that failed, in the message


@dataclass(frozen=True)
class File:
    """What one task makes.

    Attributes:
        artifact: Where it lies, on every machine.
        digest: Of the artifact. A worker that finds another refuses.
        source: The film or picture.
        out: The file to come.
        options: As for one process.
        where: Who runs it.
    """

    artifact: Path
    digest: str
    source: Path
    out: Path
    options: Options
    where: Where


@dataclass(frozen=True)
class Report:
    """What was done.

    Attributes:
        out: The folder that appeared.
        files: In it.
        made: By this run; the others were finished by an earlier one.
        seconds: Of this run.
    """

    out: Path
    files: int
    made: int
    seconds: float


def make(file: File) -> None:
    """Enhance one file, or go on with it where a worker that died had left off.

    Raises:
        GantoolsError: As ``enhance``; or the artifact or the folder is not what it was where the run began.
    """
    artifact_here(file.artifact, file.digest)
    folder_here(file.source.parent)
    folder_here(file.out.parent)
    where, options = file.where, replace(file.options, resume=True)
    enhance(
        file.artifact,
        file.source,
        file.out,
        options,
        backend=where.backend,
        device=where.device,
        threads=where.threads,
    )


def enhance_all(
    artifact: Artifact,
    source: Path,
    out: Path,
    options: Options,
    address: str,
    *,
    where: Where | None = None,
    on_event: OnEvent = ignore,
) -> Report:
    """Make a folder OUT of all films and pictures of a folder and those below it, under the same names.

    A file that cannot be made does not keep the others from it. OUT appears when all are there; what is finished
    before lies beside it, and a later run goes on from there.

    Args:
        artifact: One that makes images of images.
        source: The folder.
        out: The folder to come.
        options: For each file; ``resume`` is as if it were given.
        address: As ``joined`` takes it.
        where: Who runs the network. A task computes with one thread where nobody says otherwise.
        on_event: Who watches.

    Raises:
        DataError: There is no film and no picture, or some of them could not be made; all others are finished.
        ArtifactError: OUT is there and not empty, or the disk refused.
        RecipeError: The earlier run to OUT did something else, or OUT lies in the folder.
        BackendError: The cluster cannot be joined.
        MissingDependencyError: Ray is not installed.
    """
    begun_at = time.perf_counter()
    source, out = source.resolve(), out.resolve()
    check_apart(source, out)
    names = _names(source, on_event)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ArtifactError(f"'{out}' exists and is not empty, so it is not overwritten.", hint="give another folder")
    where = settled(where or Where(), artifact.graph()[1])
    needs = Needs.of(where)
    work = Work(out, resume=True)
    folder = work.folder / "files"
    failed: list[tuple[Path, GantoolsError]] = []
    try:
        with joined(address) as cluster:
            facts = {**asdict(replace(options, resume=False)), **asdict(where)}
            work.begin({"input": str(source), "artifact": artifact.digest, **facts}, {})
            left = [name for name in names if not (folder / name).is_file()]
            on_event(Note(f"{len(left)} of {len(names)} files, {cluster.places(needs)} side by side"))
            for name in left:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            paths = artifact.path.resolve(), artifact.digest
            tasks = [File(*paths, source / name, folder / name, options, where) for name in left]
            for done, outcome in enumerate(cluster.run(make, tasks, needs), len(names) - len(left) + 1):
                if outcome.error is not None:
                    failed.append((outcome.task.source.relative_to(source), outcome.error))
                else:
                    file_here(outcome.task.out)
                on_event(Progress("enhance", done, len(names), "files"))
        if failed:
            raise _failure(failed, len(names))
        if out.is_dir():
            out.rmdir()  # empty, as was checked
        _sweep(folder)
        work.appear(folder)
    finally:
        work.drop_if_empty()
    return Report(out, len(names), len(left), time.perf_counter() - begun_at)


def _names(source: Path, on_event: OnEvent) -> list[Path]:
    """Films and pictures, relative to the folder."""
    if not source.is_dir():
        raise DataError(f"'{source}' is not a folder.", hint="--ray takes a folder of films and pictures")
    files = sorted(path for path in source.rglob("*") if path.is_file() and not path.name.startswith("."))
    found = [path.relative_to(source) for path in files if path.suffix.lower() in (*SUFFIXES, *FILMS)]
    if not found:
        raise DataError(
            f"'{source}' holds no films and no pictures: {len(files)} files, and none ends in "
            f"{', '.join((*SUFFIXES, *FILMS))}.",
            hint="rename them, or give them one by one",
        )
    if others := len(files) - len(found):
        on_event(Note(f"{others} files of '{source}' are no films and no pictures, and are left out", "warning"))
    return found


def _failure(failed: Sequence[tuple[Path, GantoolsError]], count: int) -> GantoolsError:
    """One error for all files that failed: that of the first where all have the same reason."""
    first = failed[0][1]
    if len(failed) == count and len({error.message for _, error in failed}) == 1:
        return first
    shown = "\n  ".join(f"'{name}': {error.message}" for name, error in sorted(failed, key=lambda one: one[0])[:_SHOWN])
    more = f"\n  and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    return DataError(
        f"{len(failed)} of {count} files could not be made:\n  {shown}{more}",
        hint="the others are finished and kept: mend these, or take them away, and run the same again",
    )


def _sweep(folder: Path) -> None:
    """Take away what killed workers left: half a picture, or the pieces of a film that was just finished."""
    for path in [*folder.rglob(".*.partial"), *folder.rglob(".*.pieces")]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
