"""Closed-loop latency of generators: one caller, who waits for each batch before asking for the next.

Not a load test: no queue, no second caller, no request rate. All variants are opened together and measured interleaved,
with the same number of CPU threads. A variant that fails is a row that says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from gantools.core.artifact import Artifact, Precision
from gantools.core.errors import BackendError, MissingDependencyError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.spec import Frozen
from gantools.runtime.session import Session, Where
from gantools.samplers import SAMPLERS, Generator
from gantools.timing.environment import Environment, Load, LoadWatch, default_threads, environment
from gantools.timing.measure import BenchPlan, Clock, Timings, measure, reason
from gantools.timing.stats import Ratio, dispersion, percentile, ratio_of_medians
from gantools.verify.attest import Attestation, attest
from gantools.verify.trials import examples_of, trial_inputs

SCHEMA = 1
Span = Literal["run", "sample"]
SPANS: dict[Span, str] = {
    "run": "Session.run on noise drawn beforehand: from numpy arrays in host memory to numpy arrays in host memory "
    "that the caller owns; input checks and every copy are inside, drawing the noise is not.",
    "sample": "Generator.sample: from seeds to samples in host memory; drawing the noise is inside.",
}


@dataclass(frozen=True)
class BenchTarget:
    """One variant.

    Attributes:
        name: As rows shall call it; no two alike.
        artifact: What is opened, or, for a checkpoint, what says which inputs are noise and what they look like.
        graph: A graph other than the artifact's main one.
        where: Who runs it; its thread count is that of the plan.
        span: What is timed. See ``SPANS``.
        checkpoint: A run or checkpoint folder, to time the network itself through the backend ``torch``.
    """

    name: str
    artifact: Artifact
    graph: str | None = None
    where: Where = field(default_factory=Where)
    span: Span = "run"
    checkpoint: Path | None = None

    def open(self, threads: int) -> Session:
        """Open what is measured, with so many CPU threads."""
        where = replace(self.where, threads=threads)
        if self.checkpoint is None:
            return Session.of(self.artifact, self.graph, where)
        name = self.graph or self.artifact.manifest.sampler.graph
        _, entry = self.artifact.graph(name)
        changes = {"file": name, "format": "checkpoint", "precision": "fp32", "backend": "torch", "requires": None}
        return Session(self.checkpoint, entry.model_copy(update=changes), where)

    def call(self, session: Session, batch: int) -> Callable[[], object]:
        """What is timed, ready to be called."""
        sampler = self.artifact.manifest.sampler
        inputs = trial_inputs(session.spec, sampler, range(batch), examples=examples_of(self.artifact))
        if self.span == "sample":
            generator = Generator(self.artifact, session, SAMPLERS.load(sampler.kind))
            given = {sampler.image: inputs[sampler.image]} if sampler.image else None
            return lambda: generator.sample(range(batch), batch=batch, inputs=given)
        return lambda: session.run(inputs)


class BenchRow(Frozen):
    """One variant at one batch size.

    Attributes:
        name: The variant.
        span: What was timed. See ``SPANS``.
        artifact: Digest of the artifact; None for a checkpoint.
        backend: Who ran it; None if it could not be opened.
        device: Where.
        batch: Samples in one call.
        status: ``ok``, or ``failed: `` and why.
        asked: Precision that was asked for.
        attested: Precision it is computed in, as the runtime tells; None where it does not tell.
        values_ms: Every recorded call, in order.
        block: Recorded calls in each round; value i belongs to round i // block.
        count: How many were recorded.
        p50_ms: Nearest-rank percentile; None where ``count`` is too small to state it, as for the next two.
        spread: Interquartile range as a share of the median.
        images_per_s: ``batch`` divided by the median.
        warmup_calls: Unrecorded calls before the first recorded one, lead-ins not counted.
        steady: Whether the warm-up reached a steady state before its time was over.
        first_call_ms: The first call at this batch size.
        load_ms: Opening the graph, with the import of its runtime if nothing had imported that before.
    """

    name: str
    span: Span
    artifact: str | None
    backend: str | None
    device: str | None
    batch: int
    status: str = "ok"
    asked: Precision | None = None
    attested: Attestation | None = None
    values_ms: tuple[float, ...] = ()
    block: int = 1
    count: int = 0
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    spread: float | None = None
    images_per_s: float | None = None
    warmup_calls: int = 0
    steady: bool = False
    first_call_ms: float | None = None
    load_ms: float | None = None

    @property
    def ok(self) -> bool:
        """Whether it was measured."""
        return self.status == "ok"


class Comparison(Frozen):
    """How many times faster a variant is than the first one, at the same batch and over the same span."""

    baseline: str
    name: str
    batch: int
    faster: Ratio


class BenchReport(Frozen):
    """Everything measured in one run, with what is needed to judge it.

    Attributes:
        plan: As it was carried out, with the number of threads.
        spans: What the spans of the rows cover.
        load: What else ran meanwhile.
        comparisons: Every variant against the first of its span, where both medians are supported.
    """

    schema_number: Literal[1] = Field(default=1, alias="schema")
    plan: BenchPlan
    spans: dict[Span, str]
    environment: Environment
    load: Load
    rows: tuple[BenchRow, ...]
    comparisons: tuple[Comparison, ...]

    def to_json(self, *, indent: int | None = None) -> str:
        """The report as one JSON document."""
        return self.model_dump_json(by_alias=True, indent=indent)

    def row(self, name: str, batch: int) -> BenchRow:
        """The row of a variant at a batch size. Raises KeyError where there is none."""
        for row in self.rows:
            if (row.name, row.batch) == (name, batch):
                return row
        raise KeyError((name, batch))

    @property
    def deviating(self) -> tuple[BenchRow, ...]:
        """Rows that were not computed in the precision that was asked for."""
        return tuple(row for row in self.rows if row.attested is not None and row.attested.deviating)


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
        schema=1, plan=plan, spans=spans, environment=machine, load=load, rows=tuple(rows), comparisons=comparisons
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
        images_per_s=batch / p50 * 1000 if p50 else None,
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
