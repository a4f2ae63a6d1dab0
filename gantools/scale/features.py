"""Features on a cluster: of samples, which are drawn where they are looked at, and of images, which are sent there.

A task gives back rows of numbers, and those of each task are taken once, whoever did it and however often.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import final

import numpy as np

from gantools.core.artifact import Artifact
from gantools.core.errors import ArtifactError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.metrics.features import Extractor, Images, Rows, check_images, load_extractor
from gantools.runtime.session import Where
from gantools.scale.cluster import AT_ONCE, Cluster, Needs, joined, settled
from gantools.scale.here import generator_here
from gantools.scale.plan import Estimate, whole_batches
from gantools.scale.rate import MEASURING, timed, workers_here

_PIECE = 256  # images of one task: seconds of work
_SENT_BYTES = 2**23  # of the images of one task, where there is more than one batch of them
_AHEAD = 2  # tasks for each place that have their images already


@dataclass(frozen=True)
class Draw:
    """Samples of an evaluation.

    Attributes:
        artifact: Where it lies, on every machine.
        digest: Of the artifact. A worker that finds another refuses.
        where: Who runs it.
        batch: Samples in one run of the graph.
        settings: As ``Generator.sample`` takes them.
        seeds: One for each sample.
    """

    artifact: Path
    digest: str
    where: Where
    batch: int
    settings: Mapping[str, float] = field(default_factory=dict)
    seeds: range = range(0)

    @classmethod
    def of(cls, artifact: Artifact, count: int, where: Where, settings: Mapping[str, float]) -> Draw:
        """The samples of the seeds from 0 on, in runs as large as one process makes them."""
        _, entry = artifact.graph()
        path, batch = artifact.path.resolve(), entry.spec.largest_batch
        return cls(path, artifact.digest, settled(where, entry), batch, settings, range(count))

    def part(self, start: int, stop: int) -> Draw:
        """The samples from ``start`` on and before ``stop``."""
        return replace(self, seeds=self.seeds[start:stop])


@dataclass(frozen=True)
class Piece:
    """What one task looks at.

    Attributes:
        extractor: By its name in the table.
        sha256: Of the extractor. A worker that finds another refuses.
        where: Who runs it.
        images: (n, height, width, channels) uint8, or samples that are to be drawn first.
        first: The place of the first one among all.
    """

    extractor: str
    sha256: str
    where: Where
    images: Images | Draw
    first: int


def make(piece: Piece) -> Rows:
    """Look at the images of a piece.

    Raises:
        ArtifactError: The artifact or the extractor is not the one that the run began with.
        GantoolsError: As ``Generator.sample``, or the extractor cannot be opened here.
    """
    images = piece.images
    if isinstance(images, Draw):
        generator = generator_here(images.artifact, images.digest, images.where)
        images = generator.sample(images.seeds, batch=images.batch, settings=images.settings)
    return _extractor_here(piece.extractor, piece.sha256, piece.where).rows(images)


@final
class SpreadExtractor:
    """An extractor that many workers have, each a part of the images. Their rows are those of one process.

    Args:
        cluster: Where they are.
        extractor: The one that is asked for.
        where: Who runs it there.

    Attributes:
        card: As an ``Extractor`` has it.
        name: Likewise.
        sha256: Likewise.
    """

    def __init__(self, cluster: Cluster, extractor: Extractor, where: Where) -> None:
        self._cluster, self._where = cluster, where
        self.card, self.name, self.sha256 = extractor.card, extractor.name, extractor.sha256

    def rows(self, images: Images, *, on_event: OnEvent = ignore) -> Rows:
        """As ``Extractor.rows``; images go to the workers a few pieces ahead.

        Raises:
            DataError: Not such images.
            BackendError: A piece killed its workers again and again.
        """
        check_images(images)
        most = min(_PIECE, _SENT_BYTES // images[0].nbytes) // self.card.batch * self.card.batch
        length = max(most, self.card.batch)
        pieces = (
            self._piece(np.ascontiguousarray(images[first : first + length]), first)
            for first in range(0, len(images), length)
        )
        needs = Needs.of(self._where)
        at_once = _AHEAD * max(1, self._cluster.places(needs))
        return self._run(pieces, len(images), needs, on_event, at_once=at_once)

    def rows_of(self, draw: Draw, *, on_event: OnEvent = ignore) -> Rows:
        """Features and class probabilities of samples, in the order of their seeds.

        Raises:
            GantoolsError: As ``make``.
            BackendError: A piece killed its workers again and again.
        """
        length, count = piece_of(draw, self.card.batch), len(draw.seeds)
        pieces = (self._piece(draw.part(first, first + length), first) for first in range(0, count, length))
        needs = Needs.of(self._where, draw.where)
        on_event(Note(f"{-(-count // length)} pieces of samples, {self._cluster.places(needs)} side by side"))
        return self._run(pieces, count, needs, on_event)

    def _piece(self, images: Images | Draw, first: int) -> Piece:
        return Piece(self.name, self.sha256, self._where, images, first)

    def _run(
        self, pieces: Iterable[Piece], count: int, needs: Needs, on_event: OnEvent, *, at_once: int = AT_ONCE
    ) -> Rows:
        found: dict[int, Rows] = {}
        done = 0
        for outcome in self._cluster.run(make, pieces, needs, at_once=at_once):
            if outcome.error is not None or outcome.result is None:
                raise outcome.error or AssertionError("a task has a result or an error")
            found[outcome.task.first] = outcome.result
            done += len(outcome.result.features)
            on_event(Progress("features", done, count, "images"))
        in_order = [found[first] for first in sorted(found)]
        return Rows(*(np.concatenate(outputs) for outputs in zip(*in_order, strict=True)))


@contextmanager
def spread(address: str, extractor: Extractor, where: Where) -> Iterator[SpreadExtractor]:
    """An extractor on a cluster, while the block runs.

    Args:
        address: As ``joined`` takes it.
        extractor: The one that is asked for, in this process.
        where: Who runs it on the cluster; one thread where it says nothing.

    Raises:
        RecipeError: This is no address.
        BackendError: The cluster cannot be joined.
        MissingDependencyError: Ray is not installed.
    """
    with joined(address) as cluster:
        yield SpreadExtractor(cluster, extractor, replace(where, threads=where.threads or 1))


def piece_of(draw: Draw, batch: int) -> int:
    """Samples of one task: whole runs of the generator and of an extractor, so that both are those of one process."""
    return whole_batches(_PIECE, math.lcm(draw.batch, batch))


def estimate(
    draw: Draw,
    extractor: Extractor,
    where: Where,
    others: int,
    *,
    machines: int = 1,
    price_per_hour: float | None = None,
    on_event: OnEvent = ignore,
) -> Estimate:
    """What an evaluation would take on machines like this one; each image is reckoned as one that is drawn first.

    Args:
        draw: The samples.
        extractor: Who looks at them.
        where: Who runs it.
        others: Real images that are to be looked at besides.
        machines: How many.
        price_per_hour: Of one machine.
        on_event: Who watches.

    Raises:
        GantoolsError: As ``make``.
    """
    on_event(MEASURING)
    where = replace(where, threads=where.threads or 1)
    length, step = piece_of(draw, extractor.card.batch), math.lcm(draw.batch, extractor.card.batch)

    def once(_turn: int) -> int:
        return len(make(Piece(extractor.name, extractor.sha256, where, draw.part(0, step), 0)).features)

    rate = timed(once, "drawn and looked at")
    workers = workers_here(Needs.of(where, draw.where))
    return Estimate(len(draw.seeds) + others, length, machines, workers, rate, price_per_hour)


@lru_cache(maxsize=1)
def _extractor_here(name: str, sha256: str, where: Where) -> Extractor:
    """The extractor of a run, opened once in each worker."""
    extractor = load_extractor(name, where)
    if extractor.sha256 != sha256:
        raise ArtifactError(
            f"the feature extractor '{name}' of a worker has digest {extractor.sha256[:12]}, and this run began with "
            f"{sha256[:12]}.",
            hint="install the same gantools on every machine of the cluster",
        )
    return extractor
