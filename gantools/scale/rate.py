"""How fast a worker makes samples: as a benchmark found, or by doing it for a moment. What a run would take by that."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from gantools.bench.results import BenchReport
from gantools.core.errors import DataError
from gantools.core.events import Note, OnEvent, ignore
from gantools.scale.cluster import Needs
from gantools.scale.plan import PIECE, Estimate, Rate, Rows, whole_batches
from gantools.scale.samples import Order, Piece, make

_SPAN = "file"  # from seeds to encoded PNG files
_SECONDS = 2.0
MEASURING = Note(f"measuring for {_SECONDS:g} s how fast one worker is ...")


def estimate(
    order: Order,
    rows: Rows,
    *,
    piece: int = PIECE,
    machines: int = 1,
    price_per_hour: float | None = None,
    report: Path | None = None,
    on_event: OnEvent = ignore,
) -> Estimate:
    """What a run would take on machines like this one.

    Args:
        order: What the samples have in common.
        rows: One for each sample.
        piece: Samples of one task, which is rounded up to whole batches.
        machines: How many; each has as many workers as tasks fit on this one.
        price_per_hour: Of one machine.
        report: What ``gantools bench --out`` wrote; none: the rate is measured now.
        on_event: Who watches.

    Raises:
        DataError: The report is none, or measured something else.
        ArtifactError: The artifact cannot be used, or the disk refused.
    """
    if report is None:
        on_event(MEASURING)
    rate = measured(order, rows) if report is None else reported(order, report)
    length, workers = whole_batches(piece, order.batch), workers_here(order.needs)
    return Estimate(len(rows), length, machines, workers, rate, price_per_hour)


def measured(order: Order, rows: Rows, seconds: float = _SECONDS) -> Rate:
    """Do what a task does, into a folder that goes away again, where OUT would be.

    The first batch is not counted: it opens the artifact. Where there is but one, it is made again.
    """
    near = next(folder for folder in order.out.parents if folder.is_dir())
    with tempfile.TemporaryDirectory(prefix=f".{order.out.name}.", suffix=".partial", dir=near) as folder:

        def once(turn: int) -> int:
            start = turn * order.batch % whole_batches(len(rows), order.batch)
            made = Path(folder) / str(turn)
            made.mkdir()
            return make(Piece(replace(order, out=made), rows.part(start, start + order.batch)))

        return timed(once, "written to disk", seconds)


def timed(once: Callable[[int], int], done: str, seconds: float = _SECONDS) -> Rate:
    """Do something again and again for a while, the first time not counted.

    Args:
        once: Takes the number of the turn, from 0; returns how many samples it did.
        done: What is done to them, in words.
        seconds: How long.
    """
    once(0)
    begun_at, count, turn = time.perf_counter(), 0, 0
    while turn == 0 or time.perf_counter() - begun_at < seconds:
        turn += 1
        count += once(turn)
    took = time.perf_counter() - begun_at
    return Rate(count / took, f"measured now on this machine: {count} samples {done} by one worker in {took:.1f} s")


def workers_here(needs: Needs) -> int:
    """How many tasks fit on this machine. Of GPUs nobody here knows more than that there is one."""
    return 1 if needs.gpus else max(1, (os.cpu_count() or 1) // needs.cpus)


def reported(order: Order, path: Path) -> Rate:
    """The rate of a benchmark of the very artifact, at this batch and with as many threads.

    Raises:
        DataError: The file is no such report, or has no such row.
    """
    try:
        report = BenchReport.from_json(path.read_bytes())
    except (OSError, ValidationError) as err:
        raise DataError(
            f"'{path}' is no report of 'gantools bench'.", hint="bench ART --span file --out R.json"
        ) from err
    for row in report.rows:
        same = (row.artifact, row.batch, row.span) == (order.digest, order.batch, _SPAN)
        if same and row.samples_per_s and (row.threads or report.plan.threads) == order.needs.cpus:
            return Rate(row.samples_per_s, f"the median of {row.count} calls in '{path}', without writing to disk")
    wanted = f"--span {_SPAN} --batch {order.batch} --threads {order.needs.cpus}"
    raise DataError(
        f"'{path}' has no rate of this artifact from seeds to files, in batches of {order.batch} on "
        f"{order.needs.cpus} threads.",
        hint=f"gantools bench {order.artifact} {wanted} --out {path}",
    )
