"""How work is cut into pieces, and what it takes: arithmetic on one measured rate. Needs no cluster."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PIECE = 1024
"""Samples of one task, where nobody says otherwise."""
Row = tuple[int, int | None]
"""A seed, and the number of a class where each class has a sample."""


@dataclass(frozen=True)
class Rows:
    """Samples in order: seed after seed, and of each seed class after class. Millions take no memory.

    Attributes:
        seeds: In order.
        classes: How many samples each seed has, one of each class; none: one, of whatever class.
    """

    seeds: Sequence[int]
    classes: int | None = None

    def __len__(self) -> int:
        return len(self.seeds) * (self.classes or 1)

    def part(self, start: int, stop: int) -> list[Row]:
        """The rows from ``start`` on and before ``stop``."""
        places = range(start, min(stop, len(self)))
        if self.classes is None:
            return [(self.seeds[place], None) for place in places]
        return [(self.seeds[place // self.classes], place % self.classes) for place in places]


def pieces_of(rows: Rows, piece: int, batch: int) -> Iterator[list[Row]]:
    """Cut rows into pieces of whole batches, the last one but for its end; one at a time.

    Args:
        rows: In order.
        piece: Rows of one, rounded up to a multiple of ``batch``, so that batches begin where they do in one process.
        batch: Rows that are computed together.
    """
    length = whole_batches(piece, batch)
    return (rows.part(start, start + length) for start in range(0, len(rows), length))


def whole_batches(piece: int, batch: int) -> int:
    """``piece`` rounded up to a multiple of ``batch``."""
    return -(-piece // batch) * batch


@dataclass(frozen=True)
class Rate:
    """How fast one worker is.

    Attributes:
        per_s: Samples a second, from seed to encoded file.
        source: Where the figure comes from, in words.
    """

    per_s: float
    source: str


@dataclass(frozen=True)
class Estimate:
    """What a run would take, if all workers were as fast as the one that was measured and none waited for a disk.

    Attributes:
        samples: To be made.
        piece: Samples of each task but the last.
        machines: How many.
        workers: Tasks side by side on each machine.
        rate: Of one worker.
        price_per_hour: Of one machine, in any currency; none: unknown.
    """

    samples: int
    piece: int
    machines: int
    workers: int
    rate: Rate
    price_per_hour: float | None = None

    @property
    def pieces(self) -> int:
        """Tasks."""
        return -(-self.samples // self.piece)

    @property
    def hours(self) -> float:
        """Of time on the clock: whole pieces go through all workers, wave after wave."""
        waves = math.ceil(self.pieces / (self.machines * self.workers))
        return waves * min(self.piece, self.samples) / self.rate.per_s / 3600

    @property
    def machine_hours(self) -> float:
        """Of all machines together, which are paid until the last one is done."""
        return self.machines * self.hours

    @property
    def cost(self) -> float | None:
        """In the currency of the price."""
        return None if self.price_per_hour is None else self.machine_hours * self.price_per_hour
