"""Does the measuring raise false alarms, and does it see what is there? Known answers, measured like anything else.

Two processes of the same variant are compared again and again (A/A): whenever the interval of their ratio leaves out 1,
that is a false alarm. Beside them runs a third one whose every call is made slower by a known share: whenever the
interval does not leave out 1 on the right side, the slowdown was missed. Every repeat starts its processes anew, as
often as the plan has launches, like any other measurement whose interval is over launches.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from math import comb

import numpy as np
from pydantic import Field

from gantools.bench.isolation import Worker, WorkerRunner
from gantools.bench.target import BenchTarget
from gantools.core.errors import BackendError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.spec import Frozen
from gantools.timing.environment import Environment, Load, LoadWatch, default_threads, environment
from gantools.timing.measure import BenchPlan, Timings, measure
from gantools.timing.paired import ratio_over_launches
from gantools.timing.stats import CONFIDENCE, Ratio

SELF_TEST_PLAN = BenchPlan(
    batches=(1,), min_calls=800, max_seconds=20.0, rounds=160, launches=16, lead_in_ms=5, max_warmup_seconds=0.1
)
PLANTED = 0.03
_NAMES = ("first", "second", "slower")
FOUND = 0.9
"""Share of the repeats in which a slowdown has to be found."""


class SelfTest(Frozen):
    """What came out.

    Attributes:
        variant: What was measured: an artifact, or a matrix product.
        repeats: How often.
        planted: Share by which the third process was slower.
        false_alarms: How often two equal processes were said to differ.
        found: How often the slower process was said to be slower.
        equal: Ratios of the two equal processes, in order.
        slowed: Ratios of the first to the slower one, in order.
    """

    schema_number: int = Field(default=1, alias="schema")
    variant: str
    plan: BenchPlan
    repeats: int
    planted: float
    false_alarms: int
    found: int
    equal: tuple[Ratio, ...]
    slowed: tuple[Ratio, ...]
    environment: Environment
    load: Load

    @property
    def expected_alarms(self) -> float:
        """How many false alarms the intervals promise."""
        return self.repeats * (1 - CONFIDENCE)

    @property
    def ok(self) -> bool:
        """Whether there were no more false alarms than chance explains, and the slowdown was mostly found.

        That many alarms or fewer have a probability of 99 % where each has that of the interval.
        """
        return self.false_alarms <= most_by_chance(self.repeats, 1 - CONFIDENCE) and self.found >= FOUND * self.repeats

    def to_json(self) -> str:
        """As one JSON document."""
        return self.model_dump_json(by_alias=True)


def self_test(
    target: BenchTarget | None = None,
    plan: BenchPlan = SELF_TEST_PLAN,
    *,
    repeats: int = 20,
    planted: float = PLANTED,
    on_event: OnEvent = ignore,
) -> SelfTest:
    """Measure what is known.

    Args:
        target: What is run; none: a fixed matrix product.
        plan: How long and how carefully, for each repeat; its first batch size.
        repeats: How often.
        planted: Share by which the third process is slower.
        on_event: Who watches.

    Raises:
        BackendError: It cannot be opened, or a process ended.
    """
    plan = plan.model_copy(update={"threads": plan.threads or default_threads()})
    watch = LoadWatch()
    equal, slowed = [], []
    for repeat in range(repeats):
        first, second, slower = _once(target, plan.model_copy(update={"seed": repeat}), planted)
        equal.append(ratio_over_launches(first, second))
        slowed.append(ratio_over_launches(first, slower))
        on_event(Progress("self-test", repeat + 1, repeats, "repeats"))
    return SelfTest(
        schema=1,
        variant=target.name if target else "a matrix product",
        plan=plan,
        repeats=repeats,
        planted=planted,
        false_alarms=sum(one.differs for one in equal),
        found=sum(one.differs and one.value < 1 for one in slowed),
        equal=tuple(equal),
        slowed=tuple(slowed),
        environment=environment(),
        load=watch.stop(),
    )


def most_by_chance(repeats: int, probability: float, surely: float = 0.99) -> int:
    """How many events of a probability there are at most in so many repeats, for all but 1 % of the time (binomial)."""
    total = 0.0
    for count in range(repeats + 1):
        total += comb(repeats, count) * probability**count * (1 - probability) ** (repeats - count)
        if total >= surely:
            return count
    return repeats


def _once(target: BenchTarget | None, plan: BenchPlan, planted: float) -> list[np.ndarray]:
    """Times in ms of two equal processes and a slower one: (launches, rounds, calls a round) each."""
    launches: list[dict[str, Timings]] = []
    for launch in range(plan.launches):
        order = plan.model_copy(update={"seed": plan.seed * plan.launches + launch})
        launches.append(_launched(target, order, planted, launches[0] if launches else None))
    return [
        np.stack([np.reshape(timings[name].values_ms, (-1, timings[name].block)) for timings in launches])
        for name in _NAMES
    ]


def _launched(
    target: BenchTarget | None, plan: BenchPlan, planted: float, like: dict[str, Timings] | None
) -> dict[str, Timings]:
    """Start the three processes, together because nobody looks at how long that takes, and let them take turns."""
    with ExitStack() as stack:
        with ThreadPoolExecutor(len(_NAMES)) as pool:
            starting = [pool.submit(Worker, target, plan.threads or 1) for _ in _NAMES]
        workers = {name: stack.enter_context(one.result()) for name, one in zip(_NAMES, starting, strict=True)}
        workers["slower"].ask("slow_down", share=planted)
        runners = {name: WorkerRunner(worker, plan.batches[0]) for name, worker in workers.items()}
        timings = measure(runners, plan, like=like)
    for timing in timings.values():
        if timing.failure:
            raise BackendError(timing.failure)
    return timings
