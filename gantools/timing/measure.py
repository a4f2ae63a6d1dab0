"""Time several functions in one run, interleaved, so that whatever the machine does happens to all of them.

Each round gives every function one block of calls, in an order that is shuffled anew and turned round in the next, so
that who comes after whom evens out. A block starts with calls that
are not recorded, because the caches, and threads that still spin, belong to whoever ran before.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple, Protocol

from pydantic import Field

from gantools.core.errors import GantoolsError
from gantools.core.spec import Frozen
from gantools.timing.stats import needed

Clock = Callable[[], int]
"""Nanoseconds from any fixed moment; never goes back."""


class BenchPlan(Frozen):
    """How long and how carefully to measure.

    Attributes:
        batches: Batch sizes, each measured by itself.
        min_calls: Recorded calls of each variant at each batch, if ``max_seconds`` allows. 1000 support a p99.
        max_seconds: Recording time of one variant at one batch. Slow graphs get fewer calls, down to the 20 that a
            median needs. Warm-up and all lead-ins together are bounded by the same time each.
        threads: CPU threads of every variant; none: as many as there are physical cores to run on.
        rounds: Blocks over which the calls of a variant are spread.
        launches: How often every variant is started, where it has a process of its own; its calls are spread over them.
        lead_in_calls: Least unrecorded calls at the start of a block.
        lead_in_ms: Least time of those calls. OpenVINO needs 40 ms after another runtime has run until it is as fast as
            alone (0.17 ms after 0.25 ms, tried on two cores), ONNX Runtime and PyTorch 2 ms.
        gap_ms: Pause before every recorded call, in which threads fall asleep and clocks and caches go cold, as between
            the requests of an application. There are no lead-ins then.
        window: Calls of a warm-up window.
        steady_windows: Warm-up ends when the medians of so many consecutive windows ...
        steady_within: ... differ by at most this share.
        max_warmup_seconds: Or after this long; the row then says that it was not steady.
        seed: Of the order.
    """

    batches: tuple[int, ...] = Field(default=(1, 16), min_length=1)
    min_calls: int = Field(default=1000, ge=1)
    max_seconds: float = Field(default=10.0, gt=0)
    threads: int | None = Field(default=None, ge=1)
    rounds: int = Field(default=20, ge=1)
    launches: int = Field(default=1, ge=1)
    lead_in_calls: int = Field(default=1, ge=0)
    lead_in_ms: float = Field(default=50.0, ge=0)
    gap_ms: float = Field(default=0.0, ge=0)
    window: int = Field(default=10, ge=1)
    steady_windows: int = Field(default=3, ge=2)
    steady_within: float = Field(default=0.05, gt=0)
    max_warmup_seconds: float = Field(default=5.0, gt=0)
    seed: int = 0


_LEAST_ROUNDS = 10
"""Of a launch, as far as the plan has them: fewer would leave the median over rounds to chance."""


class WarmUp(NamedTuple):
    """How a function got ready.

    Attributes:
        first_call_ms: The very first call.
        calls: All calls, the first among them.
        steady: Whether it ended by its rule and not by its limit.
        estimate_ms: What a call takes now.
    """

    first_call_ms: float
    calls: int
    steady: bool
    estimate_ms: float


class Runner(Protocol):
    """Whoever calls a function and times it: here, or in another process. Whatever it raises ends its part."""

    def warm_up(self, plan: BenchPlan) -> WarmUp:
        """Call until the medians of consecutive windows agree."""

    def block(self, calls: int, lead_in_calls: int, lead_in_ms: float, gap_ms: float) -> list[float]:
        """Times in ms of so many calls, after unrecorded ones."""


@dataclass
class Timings:
    """What was recorded of one function.

    Attributes:
        first_call_ms: The very first call at this batch: allocation, compilation for this shape.
        warmup_calls: Unrecorded calls before the first round, the first call among them.
        steady: Whether warm-up ended by its rule and not by its limit.
        block: Recorded calls in each round; value i belongs to round i // block.
        values_ms: Every recorded call, in order.
        failure: Why the function dropped out; None: it did not.
    """

    first_call_ms: float | None = None
    warmup_calls: int = 0
    steady: bool = False
    block: int = 1
    values_ms: list[float] = field(default_factory=list)
    failure: str | None = None


def reason(err: Exception) -> str:
    """An exception as the reason in a row."""
    if isinstance(err, GantoolsError):
        return err.message
    lines = str(err).strip().splitlines()
    return f"{type(err).__name__}: {lines[0]}" if lines else type(err).__name__


def measure(
    calls: Mapping[str, Callable[[], object] | Runner],
    plan: BenchPlan,
    *,
    clock: Clock = time.perf_counter_ns,
    on_round: Callable[[int, int], None] | None = None,
    like: Mapping[str, Timings] | None = None,
) -> dict[str, Timings]:
    """Warm every function up, then record them round by round.

    A function that raises drops out; the others go on. Python's garbage collector is off while calls are recorded.

    Args:
        calls: Name -> what is timed, called without arguments; or who calls and times it.
        plan: How long and how carefully.
        clock: What time it is.
        on_round: Told how many rounds of how many are done.
        like: Timings of a former launch, whose rounds and blocks are to be had again; none: what the plan allows.
    """
    runners = {name: CallRunner(call, clock) if callable(call) else call for name, call in calls.items()}
    timings = {name: Timings() for name in calls}
    estimates_ms = {}
    for name, runner in runners.items():
        try:
            warm = runner.warm_up(plan)
        except Exception as err:  # whatever a runtime raises is the reason in its row
            timings[name].failure = reason(err)
        else:
            timings[name].first_call_ms, timings[name].warmup_calls, timings[name].steady, estimates_ms[name] = warm
    if not estimates_ms:
        return timings
    rounds = _spread(estimates_ms, timings, plan) if like is None else _as_before(timings, like)
    order = list(estimates_ms)
    shuffle = random.Random(plan.seed).shuffle
    deadline = clock() + int(3 * plan.max_seconds * len(order) * 1e9)
    lead_in_calls = 0 if plan.gap_ms else plan.lead_in_calls
    lead_in_ms = 0.0 if plan.gap_ms else min(plan.lead_in_ms, plan.max_seconds * 1000 / rounds)
    for done in range(rounds):
        if done % 2:
            order.reverse()
        else:
            shuffle(order)
        for name in tuple(order):
            try:
                timings[name].values_ms += runners[name].block(
                    timings[name].block, lead_in_calls, lead_in_ms, plan.gap_ms
                )
            except Exception as err:
                timings[name].failure = reason(err)
                order.remove(name)
        if on_round:
            on_round(done + 1, rounds)
        if like is None and clock() > deadline:  # all launches have as many rounds
            break
    return timings


class CallRunner:
    """Calls a function of this process."""

    def __init__(self, call: Callable[[], object], clock: Clock = time.perf_counter_ns) -> None:
        self._call, self._clock = call, clock

    def warm_up(self, plan: BenchPlan) -> WarmUp:
        """As ``Runner``. Ends by its limit after ``max_warmup_seconds``, or ``max_seconds`` if that is less."""
        first_ms, calls = self._timed_ms(), 1
        started = self._clock()  # after the first call: compiling may take longer than the whole warm-up
        medians: list[float] = []
        window: list[float] = []
        while True:
            window.append(self._timed_ms())
            calls += 1
            steady = False
            if len(window) == plan.window:
                medians.append(median(window))
                window = []
                last = medians[-plan.steady_windows :]
                steady = len(last) == plan.steady_windows and max(last) <= min(last) * (1 + plan.steady_within)
            if steady or self._clock() - started > min(plan.max_warmup_seconds, plan.max_seconds) * 1e9:
                return WarmUp(first_ms, calls, steady, medians[-1] if medians else median(window))

    def block(self, calls: int, lead_in_calls: int, lead_in_ms: float, gap_ms: float) -> list[float]:
        """As ``Runner``."""
        enabled = gc.isenabled()
        gc.disable()
        try:
            self._lead_in(lead_in_calls, lead_in_ms)
            return [self._timed_ms(gap_ms) for _ in range(calls)]
        finally:
            if enabled:
                gc.enable()

    def _lead_in(self, least_calls: int, least_ms: float) -> None:
        started, made = self._clock(), 0
        while made < least_calls or self._clock() - started < least_ms * 1e6:
            self._call()
            made += 1

    def _timed_ms(self, gap_ms: float = 0.0) -> float:
        if gap_ms:
            time.sleep(gap_ms / 1000)
        start = self._clock()
        self._call()
        return (self._clock() - start) / 1e6


def _as_before(timings: Mapping[str, Timings], like: Mapping[str, Timings]) -> int:
    """Set every function's calls a round to those of a former launch; returns the number of its rounds."""
    for name, timing in timings.items():
        timing.block = like[name].block
    return max(len(one.values_ms) // one.block for one in like.values())


def _spread(estimates_ms: Mapping[str, float], timings: Mapping[str, Timings], plan: BenchPlan) -> int:
    """Set every function's calls a round; returns the number of rounds, the same for all, to compare round by round."""
    counts = {
        name: min(
            -(-plan.min_calls // plan.launches),
            max(
                -(-needed(50) // plan.launches),
                int(plan.max_seconds / plan.launches * 1000 / max(estimate + plan.gap_ms, 1e-6)),
            ),
        )
        for name, estimate in estimates_ms.items()
    }
    rounds = min(max(-(-plan.rounds // plan.launches), _LEAST_ROUNDS), plan.rounds, *counts.values())
    for name, count in counts.items():
        whole = count == -(-plan.min_calls // plan.launches)
        timings[name].block = -(-count // rounds) if whole else count // rounds
    return rounds
