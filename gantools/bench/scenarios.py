"""The scenarios of MLPerf Inference, made by its own load generator, with a session as the system under test.

    single-stream   one sample at a time; the next query comes when the one before is answered
    multi-stream    the same with several samples a query
    server          single samples come at random, as users do, and do not wait for each other (Poisson arrivals)
    offline         everything at once

In ``server`` a latency begins at the moment a query was due, whatever kept it from being served: what a stall does to
the queries behind it is in their latencies. In all others the generator waits for the session.

In accuracy mode every sample of the set goes through the same session and the same desk once, and what LoadGen got is
compared with a run of that sample alone. A runtime may add in another order for another batch, so the bits may differ;
``matches`` allows what the precision of the graph explains (``verify.tolerances``, for uint8 in fp32 one level), and
``largest_difference`` says how much it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from math import ceil, inf, isnan
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from gantools.bench.loadgen import LoadTest, Mode, Record, loadgen_library, run_test
from gantools.bench.rates import find_rate, least_queries, most_late, most_queries, most_waiting
from gantools.bench.results import Scenario, ScenarioResult, ServerTry
from gantools.bench.serving import SampleSet
from gantools.core.artifact import Artifact
from gantools.core.events import Note, OnEvent, ignore
from gantools.core.spec import Frozen
from gantools.runtime.session import Session
from gantools.timing.measure import reason
from gantools.timing.stats import nearest_rank, percentile
from gantools.verify.tolerances import tolerance_of

SEARCH_SHARE = 0.2
"""Duration of the short tests of a search, as a share of the full one."""
LEAST_LOAD = 0.01
"""A search gives up at this share of what the session does one by one: one query in a hundred meets another there."""
FUTILE_LOAD = 0.1
"""Where a sample alone takes longer than the bound, this share is tried."""
QUEUE_SECONDS = 1.0
"""At a given rate the test ends early when queries of so many seconds, and of two bounds, are waiting."""
_LONGER_TRIES = 3
_MARGIN = 1.5
_LEAST_OVERHEAD_MS = 0.015
_MOST_QUERIES = 4_000_000  # of one test, made beforehand: 1 GB


class ScenarioPlan(Frozen):
    """What LoadGen shall do with a session.

    Attributes:
        scenario: See the module.
        mode: ``performance``, or ``accuracy``: every sample of the set once.
        seconds: Least duration of a test. A search for a rate makes about ten tests of a fifth of it, and one in full.
        min_queries: Least number of queries, offline: of samples. 1000 support a p99.
        samples: Size of the set that queries ask for: those of seeds 0 to samples - 1.
        samples_per_query: Multi-stream.
        batch: Most samples that are run together; the limits of the graph bound it.
        bound_ms: Server: the latency that ``bound_percent`` % of all queries have to stay within.
        bound_percent: Server: how many of them.
        rate_per_s: Server: queries a second; none: find the highest rate that holds the bound.
        seed: Of the order of samples and of the moments of arrival.
    """

    scenario: Scenario
    mode: Mode = "performance"
    seconds: float = Field(default=10.0, gt=0)
    min_queries: int = Field(default=1000, ge=1)
    samples: int = Field(default=64, ge=1)
    samples_per_query: int = Field(default=8, ge=1)
    batch: int = Field(default=8, ge=1)
    bound_ms: float | None = Field(default=None, gt=0)
    bound_percent: int = Field(default=99, ge=50, le=99)
    rate_per_s: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _of_the_scenario(self) -> Self:
        if self.scenario == "server" and self.mode == "performance" and self.bound_ms is None:
            raise ValueError("the scenario 'server' needs bound_ms, the latency that its queries have to stay within")
        if self.scenario != "server" and (self.bound_ms is not None or self.rate_per_s is not None):
            raise ValueError(f"bound_ms and rate_per_s belong to the scenario 'server', not to '{self.scenario}'")
        return self


def run_scenario(
    session: Session, artifact: Artifact, plan: ScenarioPlan, name: str, on_event: OnEvent = ignore
) -> ScenarioResult:
    """Drive a session by LoadGen. Tests of one process take turns.

    Args:
        session: The system under test; used by another thread until this returns.
        artifact: Says which of its inputs are noise and what they look like.
        plan: What LoadGen shall do.
        name: The variant, for the result.
        on_event: Told of every rate that is tried.

    Returns:
        What was measured, or a status that says why not: what the session raised, or that no rate holds the bound.

    Raises:
        MissingDependencyError: LoadGen is not installed.
    """
    loadgen_library()
    known: dict[str, Any] = {
        "name": name,
        "scenario": plan.scenario,
        "mode": plan.mode,
        "samples_per_query": plan.samples_per_query if plan.scenario == "multi-stream" else 1,
        "bound_ms": plan.bound_ms,
        "bound_percent": plan.bound_percent,
    }
    try:
        samples = SampleSet(session, artifact, plan.samples, plan.batch)
        known["batch"] = samples.batch
        if plan.mode == "accuracy":
            return _accuracy(samples, plan, known)
        if plan.scenario == "server":
            return _server(samples, plan, known, on_event)
        return _measured(_long_enough(samples, plan), known)
    except Exception as err:  # whatever a runtime raises is the reason in its row
        return ScenarioResult(**known, status=f"failed: {reason(err)}")


def _test_of(plan: ScenarioPlan) -> LoadTest:
    return LoadTest(
        scenario=plan.scenario,
        mode=plan.mode,
        seconds=plan.seconds,
        min_queries=plan.min_queries,
        samples_per_query=plan.samples_per_query,
        seed=plan.seed,
        bound_ms=plan.bound_ms,
        bound_percent=plan.bound_percent,
    )


def _long_enough(samples: SampleSet, plan: ScenarioPlan) -> Record:
    """LoadGen makes all queries beforehand, so it has to know how fast the session is; if it ran out, ask for more."""
    test = _test_of(plan)
    if plan.scenario == "offline":
        samples.least_ms(1)  # allocates, should the set have a last part of another size
        rate_per_s = samples.batch / samples.least_ms(samples.batch) * 1000
    else:
        query = plan.samples_per_query if plan.scenario == "multi-stream" else 1
        # LoadGen makes twice as many queries as it expects. No more than needed: ending early takes closing them all.
        most_ms = 2 * plan.seconds * 1000 / _MOST_QUERIES
        expected_ms = max(_MARGIN * (samples.least_ms(query) + _LEAST_OVERHEAD_MS), most_ms)
    for _ in range(_LONGER_TRIES):
        if plan.scenario == "offline":
            # Whole batches, so that the last run is like all others. LoadGen adds a tenth to the rate itself.
            wanted = max(plan.min_queries, 1.1 * rate_per_s * plan.seconds)
            test = replace(test, rate_per_s=rate_per_s, min_queries=ceil(wanted / samples.batch) * samples.batch)
        else:
            test = replace(test, expected_ms=expected_ms)
        record = run_test(samples, test)
        if record.summary is None or record.summary.long_enough:
            break
        if plan.scenario == "offline":
            rate_per_s = 1.2 * record.trace.samples / record.trace.seconds
        else:
            expected_ms = max(record.trace.seconds * 1000 / len(record.trace.latencies_ns), most_ms)
    return record


def _server(samples: SampleSet, plan: ScenarioPlan, known: dict[str, Any], on_event: OnEvent) -> ScenarioResult:
    assert plan.bound_ms is not None
    for size in range(1, samples.batch + 1):  # any number may wait, and runtimes prepare for each size once
        samples.run([place % samples.count for place in range(size)])
    if plan.rate_per_s is not None:
        waiting = ceil(plan.rate_per_s * (QUEUE_SECONDS + 2 * plan.bound_ms / 1000)) + 4
        test = replace(_test_of(plan), rate_per_s=plan.rate_per_s, most_waiting=waiting)
        return _measured(run_test(samples, test), {**known, "rate_per_s": plan.rate_per_s})
    tried: list[ServerTry] = []
    last: Record | None = None
    bound_ms, percent = plan.bound_ms, plan.bound_percent

    def attempt(rate_per_s: float, full: bool) -> ServerTry:
        nonlocal last
        seconds = plan.seconds * (1 if full else SEARCH_SHARE)
        queries = max(least_queries(percent), plan.min_queries if full else 1)
        late = most_late(most_queries(rate_per_s, seconds, queries), percent)
        test = replace(
            _test_of(plan),
            seconds=seconds,
            min_queries=queries,
            rate_per_s=rate_per_s,
            most_late=late,
            most_waiting=most_waiting(rate_per_s, bound_ms, late),
        )
        last = run_test(samples, test)
        tried.append(_try_of(rate_per_s, last, percent))
        on_event(Note(_told(tried[-1], percent)))
        return tried[-1]

    single_ms = samples.least_ms(1)
    if single_ms > bound_ms:  # no rate can hold: one test for the record
        lowest_per_s = first_per_s = FUTILE_LOAD * 1000 / single_ms
    else:
        lowest_per_s = LEAST_LOAD * 1000 / single_ms
        first_per_s = samples.batch * 1000 / samples.least_ms(samples.batch)
    found = find_rate(attempt, first_per_s, lowest_per_s)
    if found is None or last is None:
        return ScenarioResult(**known, tried=tuple(tried), status=f"failed: {_why_none(tried, plan)}")
    return _measured(last, {**known, "rate_per_s": found.asked_per_s, "tried": tuple(tried)})


def _try_of(rate_per_s: float, record: Record, percent: int) -> ServerTry:
    trace = record.trace
    return ServerTry(
        asked_per_s=rate_per_s,
        reached_per_s=trace.samples / trace.seconds,
        latency_ms=nearest_rank(trace.latencies_ns / 1e6, percent),
        held=record.summary is not None and record.summary.valid,
        queries=len(trace.latencies_ns),
    )


def _told(one: ServerTry, percent: int) -> str:
    """An attempt as a sentence."""
    verdict = "held" if one.held else "not held"
    return (
        f"{one.asked_per_s:.3g} queries/s: p{percent} {one.latency_ms:.3g} ms after {one.queries} queries, {verdict}."
    )


def _why_none(tried: Sequence[ServerTry], plan: ScenarioPlan) -> str:
    goal = f"{plan.bound_percent} % of queries within {plan.bound_ms:g} ms"
    if held := [one.asked_per_s for one in tried if one.held]:
        return (
            f"{max(held):.3g} queries/s held {goal} in short tests, but no rate near it for {plan.seconds:g} seconds."
        )
    least = min(tried, key=lambda one: one.asked_per_s)
    return (
        f"no rate holds {goal}: at {least.asked_per_s:.3g} queries/s the {plan.bound_percent}th percentile was "
        f"{least.latency_ms:.3g} ms."
    )


def _measured(record: Record, known: dict[str, Any]) -> ScenarioResult:
    trace, summary = record.trace, record.summary
    assert summary is not None
    queries = len(trace.latencies_ns)
    latencies_ms = trace.latencies_ns / 1e6
    p50_ms, p90_ms, p99_ms = (percentile(latencies_ms, percent) for percent in (50, 90, 99))
    known = {**known, "samples_per_query": trace.samples // queries}
    return ScenarioResult(
        **known,
        valid=summary.valid,
        invalid_because=summary.invalid_because,
        queries=queries,
        seconds=trace.seconds,
        samples_per_s=trace.samples / trace.seconds,
        latencies_ms=tuple(latencies_ms.tolist()),
        p50_ms=p50_ms,
        p90_ms=p90_ms,
        p99_ms=p99_ms,
        loadgen=summary.values,
    )


def _accuracy(samples: SampleSet, plan: ScenarioPlan, known: dict[str, Any]) -> ScenarioResult:
    test = _test_of(plan)
    if plan.scenario == "server":
        # Half of what it can do, so that queries meet in batches and yet none waits long.
        rate_per_s = plan.rate_per_s or samples.batch / samples.least_ms(samples.batch) * 1000 / 2
        test = replace(test, rate_per_s=rate_per_s)
    record = run_test(samples, test)
    digest = hashlib.sha256()
    largest, matches = 0.0, True
    for sample in range(samples.count):
        answer = record.answers[sample]
        digest.update(answer)
        difference, within = _compared(samples, sample, answer)
        largest, matches = max(largest, difference), matches and within
    queries = len(record.trace.latencies_ns)
    known = {**known, "samples_per_query": ceil(record.trace.samples / queries)}
    return ScenarioResult(
        **known,
        queries=queries,
        seconds=record.trace.seconds,
        samples_sha256=digest.hexdigest(),
        matches=matches,
        largest_difference=largest,
    )


def _compared(samples: SampleSet, sample: int, answer: bytes) -> tuple[float, bool]:
    """Largest absolute difference of an answer from a run of its sample alone, and whether it is within the limits."""
    alone = samples.run([sample])
    tolerance = tolerance_of(samples.session.graph.precision)
    start, largest, within = 0, 0.0, True
    for tensor in samples.session.spec.outputs:
        expected = samples.row(alone, tensor, 0)
        got = np.frombuffer(answer, expected.dtype, expected.size, start).reshape(expected.shape)
        start += expected.nbytes
        limit = tolerance.limit(tensor.dtype)
        if tensor.dtype.startswith("float"):
            limit *= max(1.0, float(np.abs(expected).max(initial=0.0)))  # as parity and the oracles do
        difference = float(np.abs(got.astype(np.float64) - expected.astype(np.float64)).max(initial=0.0))
        difference = inf if isnan(difference) else difference
        within = within and difference <= limit
        largest = max(largest, difference)
    return largest, within and start == len(answer)
