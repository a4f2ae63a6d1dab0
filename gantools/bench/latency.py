"""Closed-loop latency of generators: one caller, who waits for each batch before asking for the next.

No queue, no second caller, no request rate: those are ``scenarios``. All variants are opened together and measured
interleaved, with the same number of CPU threads. A variant that fails is a row that says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from gantools.bench.ceilings import Ceilings
from gantools.bench.partial import Partial
from gantools.bench.results import SPANS, BenchReport, BenchRow, Comparison
from gantools.bench.roofline import of_artifact
from gantools.bench.target import BenchTarget
from gantools.bench.variant import Apart, Shared, Variant
from gantools.core.errors import BackendError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.timing.conditions import Conditions, ConditionsWatch
from gantools.timing.environment import LoadWatch, default_threads, environment
from gantools.timing.measure import BenchPlan, Clock, Timings, measure, reason
from gantools.timing.stats import dispersion, drift, median_interval, outliers, percentile, ratio_of_medians
from gantools.verify.attest import Attestation

ENERGY_SECONDS = 2.0
DRIFT_LIMIT = 0.1
"""A latency that ends by more than this share away from where it began is worth a sentence."""


@dataclass
class _Opened:
    """A variant, or why it could not be opened."""

    target: BenchTarget
    variant: Variant | None = None
    failure: str | None = None


def bench(
    targets: Sequence[BenchTarget],
    plan: BenchPlan = BenchPlan(),  # noqa: B008 - frozen
    on_event: OnEvent = ignore,
    *,
    gaps_ms: Sequence[float] = (0.0,),
    isolate: bool = False,
    ceilings: Ceilings | None = None,
    kept: Path | None = None,
    clock: Clock = time.perf_counter_ns,
) -> BenchReport:
    """Measure all targets interleaved, at every batch size of the plan.

    Args:
        targets: What to measure; the first of each span is what the others of that span are compared with.
        plan: How long and how carefully.
        on_event: Who watches.
        gaps_ms: Pauses before every call; each is measured by itself, like a batch size.
        isolate: Whether every variant gets a process of its own. Then a crash is a row, and cold start, memory and
            energy are told; artifacts are opened again from their paths.
        ceilings: What the machine reaches at best; None: rows do not say how far from it they are.
        kept: A file that keeps the rows of every batch size as soon as they are there. What it has already, of the same
            targets, plan and machine, is not measured again.
        clock: What time it is, in ns, for variants that share this process.

    Raises:
        MissingDependencyError: psutil is not installed.
        ArtifactError: ``kept`` cannot be written, or is no such file.
    """
    names = [target.name for target in targets]
    if len(set(names)) != len(names):
        raise ValueError(f"names of variants repeat: {names}")
    plan = plan.model_copy(update={"threads": plan.threads or default_threads()})
    machine = environment()
    cells = list(product(gaps_ms, plan.batches))
    unfinished = Partial(kept, [[target.to_words(), target.artifact.digest] for target in targets], plan, machine)
    found = {cell: unfinished.rows(*cell) for cell in cells}
    missing = [cell for cell in cells if found[cell] is None]
    watch = LoadWatch()
    with ExitStack() as stack:
        opened = [_open(target, plan, clock, isolate, stack) for target in targets] if missing else []
        for index, (gap_ms, batch) in enumerate(missing):
            how = plan.model_copy(update={"gap_ms": gap_ms})
            found[gap_ms, batch] = _measure(opened, batch, how, clock, _progress(on_event, index, len(missing)))
            unfinished.keep(gap_ms, batch, found[gap_ms, batch] or [])
        attested = {one.target.name: _attested(one) for one in opened}
    for cell in cells if opened else ():  # also those that were kept before anybody had asked
        measured = found[cell] or []
        found[cell] = [row.model_copy(update={"attested": attested[row.name]}) for row in measured]
        unfinished.keep(*cell, found[cell] or [])
    rows = [row for cell in cells for row in found[cell] or []]
    if ceilings is not None:
        rows = list(map(partial(_with_roofline, {target.name: target for target in targets}, ceilings), rows))
    load = watch.stop()
    for warning in dict.fromkeys([*load.warnings, *(flag for row in rows for flag in row.flags)]):
        on_event(Note(warning, "warning"))
    return BenchReport(
        schema=2,
        plan=plan,
        spans={target.span: SPANS[target.span] for target in targets},
        environment=machine,
        load=load,
        ceilings=None if ceilings is None else ceilings.model_dump(mode="json"),
        rows=tuple(rows),
        comparisons=tuple(_comparisons(rows)),
        isolated=isolate,
    )


def _open(target: BenchTarget, plan: BenchPlan, clock: Clock, isolate: bool, stack: ExitStack) -> _Opened:
    try:
        threads = plan.threads or 1
        variant: Variant = Apart(target, threads) if isolate else Shared(target, threads, clock)
    except Exception as err:  # whatever a runtime raises is the reason in its row
        return _Opened(target, failure=reason(err))
    stack.callback(variant.close)
    return _Opened(target, variant)


def _measure(
    opened: Sequence[_Opened], batch: int, plan: BenchPlan, clock: Clock, on_round: Callable[[int, int], None]
) -> list[BenchRow]:
    """All variants at one batch size and one gap."""
    runners: dict[str, Any] = {}
    timings: dict[str, Timings] = {}
    for one in opened:
        name = one.target.name
        try:
            if one.variant is not None:
                runners[name] = one.variant.runner(batch)
            else:
                timings[name] = Timings(failure=one.failure)
        except Exception as err:  # such as a span that its device does not have
            timings[name] = Timings(failure=reason(err))
    devices = [one.variant.device for one in opened if one.variant is not None]
    watch = ConditionsWatch(next((device for device in devices if device != "cpu"), "cpu"))

    def tell(done: int, total: int) -> None:
        watch.look()
        on_round(done, total)

    timings |= measure(runners, plan, clock=clock, on_round=tell)
    conditions = watch.stop()
    return [_row(one, batch, plan, timings[one.target.name], conditions) for one in opened]


def _row(one: _Opened, batch: int, plan: BenchPlan, timing: Timings, conditions: Conditions) -> BenchRow:
    target, variant = one.target, one.variant
    manifest = target.artifact.manifest
    known: dict[str, Any] = {
        "name": target.name,
        "span": target.span,
        "artifact": None if target.checkpoint else target.artifact.digest,
        "backend": variant and variant.backend,
        "device": variant and variant.device,
        "threads": plan.threads,
        "batch": batch,
        "gap_ms": plan.gap_ms,
        "asked": variant and variant.asked,
        "warmup_calls": timing.warmup_calls,
        "first_call_ms": timing.first_call_ms,
        "load_ms": variant and variant.load_ms,
        "build_seconds": None if target.checkpoint else target.entry[1].build_seconds,
        "quality": () if target.checkpoint else manifest.quality,
        "losses": () if target.checkpoint else manifest.steps[-1].losses if manifest.steps else (),
    }
    if timing.failure is not None or variant is None:
        return BenchRow(**known, status=f"failed: {timing.failure}")
    values = np.array(timing.values_ms)
    rounds = values.reshape(-1, timing.block)
    p50, p90, p99 = (percentile(values, percent) for percent in (50, 90, 99))
    flags = list(conditions.flags)
    if (moved := drift(rounds)) is not None and abs(moved) > DRIFT_LIMIT:
        flags.append(f"the latency of '{target.name}' changed by {moved:+.0%} from the first rounds to the last.")
    return BenchRow(
        **known,
        values_ms=tuple(timing.values_ms),
        block=timing.block,
        count=len(values),
        p50_ms=p50,
        p50_interval_ms=median_interval(rounds) if p50 is not None else None,
        p90_ms=p90,
        p99_ms=p99,
        outliers=outliers(values),
        spread=dispersion(values),
        samples_per_s=batch / p50 * 1000 if p50 else None,
        steady=timing.steady,
        cold=variant.cold(timing.first_call_ms or 0.0),
        memory=variant.memory(),
        energy=variant.energy(batch, ENERGY_SECONDS),
        flags=tuple(flags),
    )


def _attested(one: _Opened) -> Attestation | None:
    """What a variant computes in. Asked last, because some runtimes have to open the graph again to tell."""
    try:
        return None if one.variant is None else one.variant.attest()
    except BackendError:  # its process has ended, and its row says so
        return None


def _with_roofline(targets: Mapping[str, BenchTarget], ceilings: Ceilings, row: BenchRow) -> BenchRow:
    """The row, with how far it is from what the machine reaches, where its graph can be counted."""
    target = targets[row.name]
    if not row.ok or target.device.partition(":")[0] != ceilings.machine.device.partition(":")[0]:
        return row
    # PyTorch runs the network that the artifact's fp32 graph was exported of, in the precision that it is told.
    computed = {"fp32": target.entry[1].precision} if target.checkpoint else None
    found = of_artifact(target.artifact, target.graph, {"batch": row.batch}, ceilings, row.p50_ms, computed=computed)
    return row.model_copy(update={"roofline": found.roofline})


def _comparisons(rows: Sequence[BenchRow]) -> list[Comparison]:
    found = []
    for batch, gap_ms, span in dict.fromkeys((row.batch, row.gap_ms, row.span) for row in rows):
        cell = [row for row in rows if (row.batch, row.gap_ms, row.span) == (batch, gap_ms, span)]
        measured = [row for row in cell if row.p50_ms is not None]
        found += [compare(measured[0], other) for other in measured[1:]]
    return found


def compare(baseline: BenchRow, other: BenchRow) -> Comparison:
    """How many times faster ``other`` is. Both rows are of one report, so that their rounds are the same rounds."""
    first, second = (np.reshape(row.values_ms, (-1, row.block)) for row in (baseline, other))
    return Comparison(
        baseline=baseline.name,
        name=other.name,
        batch=other.batch,
        gap_ms=other.gap_ms,
        faster=ratio_of_medians(first, second),
    )


def _progress(on_event: OnEvent, index: int, count: int) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        on_event(Progress("bench", index * total + done, count * total, "rounds"))

    return tell
