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
from gantools.bench.results import SPANS, BenchReport, BenchRow, ColdStart, Comparison
from gantools.bench.roofline import of_artifact
from gantools.bench.target import BenchTarget
from gantools.bench.variant import Apart, Shared, Variant
from gantools.core.errors import BackendError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.timing.conditions import ConditionsWatch
from gantools.timing.environment import LoadWatch, default_threads, environment
from gantools.timing.measure import BenchPlan, Clock, Timings, measure, reason
from gantools.timing.paired import ratio_over_launches
from gantools.timing.stats import MIN_ROUNDS, dispersion, drift, median_interval, outliers, percentile, ratio_of_medians
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
        shared = [_open(target, plan, clock, isolate, stack) for target in targets] if missing and not isolate else []
        for index, (gap_ms, batch) in enumerate(missing):
            how = plan.model_copy(update={"gap_ms": gap_ms, "launches": plan.launches if isolate else 1})
            tell = _progress(on_event, index * how.launches, len(missing) * how.launches)
            cell = _Cell(batch, how, clock, [target.name for target in targets])
            for launch in range(how.launches):
                with ExitStack() as started:
                    opened = shared or [_open(target, plan, clock, isolate, started) for target in targets]
                    cell.measure(opened, partial(tell, launch))
                    if launch == how.launches - 1:
                        found[gap_ms, batch] = [cell.row(one) for one in opened]
            unfinished.keep(gap_ms, batch, found[gap_ms, batch] or [])
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


class _Cell:
    """All variants at one batch size and one gap, over all launches."""

    def __init__(self, batch: int, plan: BenchPlan, clock: Clock, names: Sequence[str]) -> None:
        self._batch, self._plan, self._clock = batch, plan, clock
        self._launches: dict[str, list[Timings]] = {name: [] for name in names}
        self._colds: dict[str, list[ColdStart]] = {name: [] for name in names}
        self._flags: dict[str, None] = {}

    def measure(self, opened: Sequence[_Opened], on_round: Callable[[int, int], None]) -> None:
        """One launch: warm up and record."""
        runners: dict[str, Any] = {}
        timings: dict[str, Timings] = {}
        for one in opened:
            name, before = one.target.name, self._launches[one.target.name]
            try:
                if before and before[0].failure is not None:
                    timings[name] = before[0]
                elif one.variant is None:
                    timings[name] = Timings(failure=one.failure)
                else:
                    runners[name] = one.variant.runner(self._batch)
            except Exception as err:  # such as a span that its device does not have
                timings[name] = Timings(failure=reason(err))
        devices = [one.variant.device for one in opened if one.variant is not None]
        watch = ConditionsWatch(next((device for device in devices if device != "cpu"), "cpu"))

        def tell(done: int, total: int) -> None:
            watch.look()
            on_round(done, total)

        firsts = {name: self._launches[name][0] for name in runners if self._launches[name]}
        launch = max(map(len, self._launches.values()))  # with an order of its own, or all would share its chances
        plan = self._plan.model_copy(update={"seed": self._plan.seed + launch})
        timings |= measure(runners, plan, clock=self._clock, on_round=tell, like=firsts or None)
        self._flags |= dict.fromkeys(watch.stop().flags)
        for one in opened:
            timing = timings[one.target.name]
            self._launches[one.target.name].append(timing)
            if one.variant is not None and timing.failure is None:
                cold = one.variant.cold(timing.first_call_ms or 0.0)
                self._colds[one.target.name] += [cold] if cold is not None else []

    def row(self, one: _Opened) -> BenchRow:
        """Of a variant, while the processes of the last launch are there."""
        name, variant, plan = one.target.name, one.variant, self._plan
        launches = self._launches[name]
        known = _known(one, self._batch, plan, launches[0])
        failure = next((timing.failure for timing in launches if timing.failure is not None), None)
        if failure is not None or variant is None:
            return BenchRow(**known, attested=_attested(one), status=f"failed: {failure or one.failure}")
        try:
            memory, energy = variant.memory(), variant.energy(self._batch, ENERGY_SECONDS)
        except BackendError as err:  # its process has ended after the last round
            return BenchRow(**known, status=f"failed: {reason(err)}")
        values = np.array([value for timing in launches for value in timing.values_ms])
        rounds = values.reshape(-1, launches[0].block)
        drawn = values.reshape(len(launches), -1) if len(launches) >= MIN_ROUNDS else rounds
        p50, p90, p99 = (percentile(values, percent) for percent in (50, 90, 99))
        flags = list(self._flags)
        if (moved := drift(rounds)) is not None and abs(moved) > DRIFT_LIMIT:
            flags.append(f"the latency of '{name}' changed by {moved:+.0%} from the first rounds to the last.")
        colds = sorted(self._colds[name], key=lambda cold: cold.total_ms)
        return BenchRow(
            **known,
            values_ms=tuple(values.tolist()),
            block=launches[0].block,
            launches=len(launches),
            count=len(values),
            p50_ms=p50,
            p50_interval_ms=median_interval(drawn) if p50 is not None else None,
            p90_ms=p90,
            p99_ms=p99,
            outliers=outliers(values),
            spread=dispersion(values),
            samples_per_s=self._batch / p50 * 1000 if p50 else None,
            steady=all(timing.steady for timing in launches),
            cold=colds[len(colds) // 2] if colds else None,
            memory=memory,
            energy=energy,
            attested=_attested(one),
            flags=tuple(flags),
        )


def _known(one: _Opened, batch: int, plan: BenchPlan, first: Timings) -> dict[str, Any]:
    """What a row says in any case."""
    target, variant = one.target, one.variant
    manifest = target.artifact.manifest
    return {
        "name": target.name,
        "span": target.span,
        "artifact": None if target.checkpoint else target.artifact.digest,
        "backend": variant and variant.backend,
        "device": variant and variant.device,
        "threads": plan.threads,
        "batch": batch,
        "gap_ms": plan.gap_ms,
        "asked": variant and variant.asked,
        "warmup_calls": first.warmup_calls,
        "first_call_ms": first.first_call_ms,
        "load_ms": variant and variant.load_ms,
        "build_seconds": None if target.checkpoint else target.entry[1].build_seconds,
        "quality": () if target.checkpoint else manifest.quality,
        "losses": () if target.checkpoint else manifest.steps[-1].losses if manifest.steps else (),
    }


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
    precision = target.entry[1].precision
    tf32 = precision == "fp32" and target.device != "cpu" and (target.where.settings or {}).get("tf32")
    computed = {"fp32": "tf32" if tf32 else precision} if target.checkpoint else None
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
    first, second = (np.reshape(row.values_ms, (row.launches, -1, row.block)) for row in (baseline, other))
    several = baseline.launches > 1
    return Comparison(
        baseline=baseline.name,
        name=other.name,
        batch=other.batch,
        gap_ms=other.gap_ms,
        faster=ratio_over_launches(first, second) if several else ratio_of_medians(first[0], second[0]),
    )


def _progress(on_event: OnEvent, before: int, launches: int) -> Callable[[int, int, int], None]:
    def tell(launch: int, done: int, total: int) -> None:
        on_event(Progress("bench", (before + launch) * total + done, launches * total, "rounds"))

    return tell
