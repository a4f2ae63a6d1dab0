"""Samples as PNG files in one folder, made by many: what a piece of them is, and all pieces on a cluster."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gantools.core.artifact import Artifact
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.optional import require
from gantools.media.grid import save_images
from gantools.runtime.session import Where
from gantools.samplers import Generator
from gantools.scale.cluster import Needs, joined, settled
from gantools.scale.here import file_here, folder_here, generator_here
from gantools.scale.plan import PIECE, Row, Rows, pieces_of, whole_batches

EACH = "each"


@dataclass(frozen=True)
class Order:
    """What all samples of a run have in common. It travels to every worker.

    Attributes:
        artifact: Where it lies, on every machine.
        digest: Of the artifact. A worker that finds another refuses.
        out: Folder of the PNG files, on every machine.
        batch: Samples in one run of the graph.
        where: Who runs it.
        graph: Which; none: the artifact's main one.
        settings: As ``Generator.sample`` takes them.
        label: The class of all by name or number, ``each`` where rows say it; none: drawn from the seeds.
        scale: Enlargement of pixels.
    """

    artifact: Path
    digest: str
    out: Path
    batch: int
    where: Where
    graph: str | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    label: str | None = None
    scale: int = 1

    @property
    def needs(self) -> Needs:
        """Of each task."""
        return Needs.of(self.where)


@dataclass(frozen=True)
class Report:
    """What was done.

    Attributes:
        out: The folder.
        count: Samples that were asked for.
        made: By this run; the others were there.
        pieces: Tasks.
        seconds: Of this run.
    """

    out: Path
    count: int
    made: int
    pieces: int
    seconds: float


def order_of(
    artifact: Artifact,
    out: Path,
    *,
    where: Where | None = None,
    batch: int | None = None,
    graph: str | None = None,
    settings: Mapping[str, float] | None = None,
    label: str | None = None,
    scale: int = 1,
) -> Order:
    """An order whose paths are absolute, and in which what is left out is as the artifact has it.

    A task computes with one thread where nobody says otherwise: it shares its machine with other tasks.

    Raises:
        ArtifactError: The artifact does not make images.
        UnknownNameError: It has no such graph.
    """
    artifact.manifest.image  # noqa: B018 - or it says that there are none
    _, entry = artifact.graph(graph)
    where = settled(where or Where(), entry)
    batch = batch or entry.spec.largest_batch
    path = artifact.path.resolve()
    return Order(path, artifact.digest, out.resolve(), batch, where, graph, settings or {}, label, scale)


def name_of(row: Row) -> str:
    """The name of a sample's file, without suffix."""
    seed, number = row
    return str(seed) if number is None else f"{seed}-{number}"


def origin_of(generator: Generator, label: str | None, settings: Mapping[str, float]) -> dict[str, str]:
    """Where samples come from, as their files say it, but for the seed."""
    origin = generator.origin
    if label is not None:
        origin["gantools.label"] = label
    if settings:
        origin["gantools.settings"] = ", ".join(f"{name}={value:g}" for name, value in settings.items())
    return origin


@dataclass(frozen=True)
class Piece:
    """What one task makes."""

    order: Order
    rows: Sequence[Row]


def make(piece: Piece) -> int:
    """Make the files of a piece that are not there yet; how many those were.

    Runs of the graph have the rows that they would have in one process, so that rounding is the same.

    Raises:
        ArtifactError: The artifact, or the folder, is not what the order says, or the disk refused.
    """
    order, rows = piece.order, piece.rows
    generator = generator_here(order.artifact, order.digest, order.where, order.graph)
    folder_here(order.out)
    origin, made = origin_of(generator, order.label, order.settings), 0
    size = generator.artifact.manifest.image
    shape = (size.width * order.scale, size.height * order.scale)
    for start in range(0, len(rows), order.batch):
        part = rows[start : start + order.batch]
        own = [{"gantools.seeds": str(seed)} for seed, _ in part]
        left = [
            place
            for place, row in enumerate(part)
            if not _is_there(order.out / f"{name_of(row)}.png", {**origin, **own[place]}, shape)
        ]
        if left:
            label = [number for _, number in part if number is not None] if order.label == EACH else order.label
            samples = generator.sample(
                [seed for seed, _ in part], batch=order.batch, settings=order.settings, label=label
            )
            names = [name_of(part[place]) for place in left]
            own = [own[place] for place in left]
            save_images(order.out, samples[np.array(left)], names, metadata=origin, own=own, scale=order.scale)
            made += len(left)
    return made


def sample(order: Order, rows: Rows, address: str, *, piece: int = PIECE, on_event: OnEvent = ignore) -> Report:
    """Make a PNG file for each row, on a cluster. Files that are there and say the same origin stay.

    Args:
        order: What they have in common.
        rows: One for each file.
        address: As ``joined`` takes it.
        piece: Samples of one task, which is rounded up to whole batches.
        on_event: Who watches.

    Raises:
        ArtifactError: Workers do not see the same artifact or folder, or the disk refused.
        BackendError: The cluster cannot be joined, or a piece killed its workers again and again.
        MissingDependencyError: Ray, or a runtime, is not installed.
    """
    begun_at = time.perf_counter()
    count = -(-len(rows) // whole_batches(piece, order.batch))
    pieces = (Piece(order, part) for part in pieces_of(rows, piece, order.batch))
    done = made = 0
    try:
        with joined(address) as cluster:
            order.out.mkdir(parents=True, exist_ok=True)
            on_event(Note(f"{count} pieces, {cluster.places(order.needs)} side by side"))
            for outcome in cluster.run(make, pieces, order.needs):
                if outcome.error is not None:
                    raise outcome.error
                file_here(order.out / f"{name_of(outcome.task.rows[-1])}.png")
                made += outcome.result or 0
                done += len(outcome.task.rows)
                rate = made / (time.perf_counter() - begun_at)
                on_event(Progress("sample", done, len(rows), "samples", {"samples/s": rate}))
    finally:
        _sweep(order.out)
    return Report(order.out, len(rows), made, count, time.perf_counter() - begun_at)


def _is_there(path: Path, origin: Mapping[str, str], size: tuple[int, int]) -> bool:
    """Whether a file is the sample that would be made; its pixels are not looked at."""
    image = require("PIL.Image", extra="media", why="to read PNG files")
    try:
        with image.open(path) as found:
            said = {name: value for name, value in found.info.items() if name.startswith("gantools.")}
            return said == origin and found.size == size
    except (OSError, SyntaxError, ValueError):
        return False


def _sweep(out: Path) -> None:
    """Take away what killed workers had half written, and a folder in which there is nothing."""
    if out.is_dir():
        for path in out.glob(".*.png.*.partial"):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            out.rmdir()
