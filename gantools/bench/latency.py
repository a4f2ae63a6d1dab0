"""Closed-loop latency of generators: one caller, who waits for each batch before asking for the next.

Not a load test: no queue, no second caller, no request rate. All variants are opened together and measured interleaved,
with the same number of CPU threads. A variant that fails is a row that says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from gantools.bench.results import SPANS, BenchReport, BenchRow, Comparison
from gantools.bench.target import BenchTarget
from gantools.core.errors import BackendError, MissingDependencyError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.runtime.session import Session
from gantools.timing.environment import LoadWatch, default_threads, environment
from gantools.timing.measure import BenchPlan, Clock, Timings, measure, reason
from gantools.timing.stats import dispersion, percentile, ratio_of_medians
from gantools.verify.attest import Attestation, attest


@dataclass
class _Opened:
    """What is known of a variant before it is timed."""

    target: BenchTarget
    session: Session | None = None
    load_ms: float | None = None
    attested: Attestation | None = None
    failure: str | None = None


def bench(
    targets: Sequence[BenchTarget],
    plan: BenchPlan = BenchPlan(),  # noqa: B008 - frozen
    on_event: OnEvent = ignore,
    *,
    clock: Clock = time.perf_counter_ns,
) -> BenchReport:
    """Measure all targets interleaved, at every batch size of the plan.

    Args:
        targets: What to measure; the first of each span is what the others of that span are compared with.
        plan: How long and how carefully.
        on_event: Who watches.
        clock: What time it is, in ns.

    Raises:
        MissingDependencyError: psutil is not installed.
    """
    names = [target.name for target in targets]
    if len(set(names)) != len(names):
        raise ValueError(f"names of variants repeat: {names}")
    plan = plan.model_copy(update={"threads": plan.threads or default_threads()})
    machine = environment()
    rows: list[BenchRow] = []
    with ExitStack() as stack:
        opened = [_open(target, plan, clock, stack) for target in targets]
        watch = LoadWatch()
        for index, batch in enumerate(plan.batches):
            rows += _measure_batch(opened, batch, plan, clock, _progress(on_event, index, len(plan.batches)))
        load = watch.stop()
    for warning in load.warnings:
        on_event(Note(warning, "warning"))
    spans = {target.span: SPANS[target.span] for target in targets}
    comparisons = tuple(_comparisons(rows, plan.batches))
    return BenchReport(
        schema=2, plan=plan, spans=spans, environment=machine, load=load, rows=tuple(rows), comparisons=comparisons
    )


def _open(target: BenchTarget, plan: BenchPlan, clock: Clock, stack: ExitStack) -> _Opened:
    started = clock()
    try:
        session = target.open(plan.threads or 1)
    except Exception as err:  # whatever a runtime raises is the reason in its row
        return _Opened(target, failure=reason(err))
    load_ms = (clock() - started) / 1e6
    stack.callback(session.close)
    try:
        attested = attest(session)
    except (BackendError, MissingDependencyError):  # it does not tell: the row then shows no precision
        attested = None
    return _Opened(target, session, load_ms, attested)


def _measure_batch(
    opened: Sequence[_Opened], batch: int, plan: BenchPlan, clock: Clock, on_round: Callable[[int, int], None]
) -> list[BenchRow]:
    calls = {}
    timings: dict[str, Timings] = {}
    for one in opened:
        if one.session is None:
            timings[one.target.name] = Timings(failure=one.failure)
        else:
            calls[one.target.name] = one.target.call(one.session, batch)
    timings |= measure(calls, plan, clock=clock, on_round=on_round)
    return [_row(one, batch, timings[one.target.name]) for one in opened]


def _row(one: _Opened, batch: int, timing: Timings) -> BenchRow:
    known: dict[str, Any] = {
        "name": one.target.name,
        "span": one.target.span,
        "artifact": None if one.target.checkpoint else one.target.artifact.digest,
        "backend": one.session and one.session.backend,
        "device": one.session and one.session.device,
        "batch": batch,
        "asked": one.session and one.session.graph.precision,
        "attested": one.attested,
        "warmup_calls": timing.warmup_calls,
        "first_call_ms": timing.first_call_ms,
        "load_ms": one.load_ms,
    }
    if timing.failure is not None:
        return BenchRow(**known, status=f"failed: {timing.failure}")
    values = np.array(timing.values_ms)
    p50, p90, p99 = (percentile(values, percent) for percent in (50, 90, 99))
    return BenchRow(
        **known,
        values_ms=tuple(timing.values_ms),
        block=timing.block,
        count=len(values),
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        spread=dispersion(values),
        samples_per_s=batch / p50 * 1000 if p50 else None,
        steady=timing.steady,
    )


def _comparisons(rows: Sequence[BenchRow], batches: Sequence[int]) -> list[Comparison]:
    found = []
    for batch in batches:
        for span in SPANS:
            measured = [row for row in rows if row.batch == batch and row.span == span and row.p50_ms is not None]
            found += [compare(measured[0], other) for other in measured[1:]]
    return found


def compare(baseline: BenchRow, other: BenchRow) -> Comparison:
    """How many times faster ``other`` is. Both rows are of one report, so that their rounds are the same rounds."""
    first, second = (np.reshape(row.values_ms, (-1, row.block)) for row in (baseline, other))
    return Comparison(
        baseline=baseline.name, name=other.name, batch=other.batch, faster=ratio_of_medians(first, second)
    )


def _progress(on_event: OnEvent, index: int, count: int) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        on_event(Progress("bench", index * total + done, count * total, "rounds"))

    return tell
