import gc
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, repeat

import pytest

from gantools.core.errors import BackendError
from gantools.timing.measure import BenchPlan, Timings, measure, reason
from tests.fakes import FakeClock

PLAN = BenchPlan(min_calls=100, rounds=10, lead_in_calls=3, lead_in_ms=0)


def costing(clock: FakeClock, costs: Iterator[float]) -> Callable[[], None]:
    """A function that takes so many ms at each call."""
    return lambda: clock.pass_ms(next(costs))


def run(clock: FakeClock, plan: BenchPlan = PLAN, **costs: float) -> dict[str, Timings]:
    return measure({name: costing(clock, repeat(cost)) for name, cost in costs.items()}, plan, clock=clock)


def test_recorded_values_are_what_the_clock_says(clock: FakeClock) -> None:
    timings = run(clock, slow=3.0, fast=0.25)
    assert timings["slow"].values_ms == [3.0] * 100
    assert timings["fast"].values_ms == [0.25] * 100
    assert timings["fast"].block == 10


def test_warm_up_ends_when_three_windows_agree_and_is_not_recorded(clock: FakeClock) -> None:
    """First call; a window at 8 ms; then windows at 2 ms, of which three are needed."""
    costs = chain([9000.0], repeat(8.0, 10), repeat(2.0))
    timing = measure({"one": costing(clock, costs)}, PLAN, clock=clock)["one"]
    assert timing.first_call_ms == 9000.0
    assert (timing.warmup_calls, timing.steady) == (1 + 10 + 30, True)
    assert set(timing.values_ms) == {2.0}


def test_a_function_that_never_settles_is_recorded_and_marked(clock: FakeClock) -> None:
    """Each call is slower than the one before by one in a hundred, so no two windows of ten agree within 5 %."""
    costs = (1.01**step for step in range(10**6))
    plan = PLAN.model_copy(update={"max_warmup_seconds": 1.0})
    timing = measure({"one": costing(clock, costs)}, plan, clock=clock)["one"]
    assert not timing.steady
    assert len(timing.values_ms) == 100


def test_each_round_calls_every_function_in_an_order_of_its_own() -> None:
    log: list[str] = []
    clock = FakeClock()

    def logging(name: str) -> Callable[[], None]:
        def call() -> None:
            clock.pass_ms(1)
            log.append(name)

        return call

    plan = PLAN.model_copy(update={"lead_in_calls": 2})
    names = ("a", "b", "c")
    timings = measure({name: logging(name) for name in names}, plan, clock=clock)
    recorded = log[sum(timing.warmup_calls for timing in timings.values()) :]
    block = 2 + 10
    blocks = [recorded[start : start + block] for start in range(0, len(recorded), block)]
    assert len(blocks) == 10 * len(names)
    assert all(len(set(each)) == 1 for each in blocks)
    rounds = [tuple(each[0] for each in blocks[start : start + 3]) for start in range(0, len(blocks), 3)]
    assert [set(each) for each in rounds] == [set(names)] * 10
    assert len(set(rounds)) >= 3
    assert [each[::-1] for each in rounds[::2]] == rounds[1::2]  # who comes after whom evens out


def test_the_order_is_that_of_the_seed() -> None:
    def order(seed: int) -> list[str]:
        log: list[str] = []
        clock = FakeClock()

        def call(name: str) -> None:
            clock.pass_ms(1)
            log.append(name)

        calls = {name: partial(call, name) for name in ("a", "b", "c")}
        measure(calls, PLAN.model_copy(update={"seed": seed}), clock=clock)
        return log

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_calls_right_after_a_change_of_function_are_not_recorded(clock: FakeClock) -> None:
    """Each function's first three calls after the other one has run are slow, as after a lost cache."""
    last, since = "", 0

    def call(name: str) -> None:
        nonlocal last, since
        last, since = name, since + 1 if last == name else 1
        clock.pass_ms(50 if since <= 3 else 1)

    calls = {"a": lambda: call("a"), "b": lambda: call("b")}
    timings = measure(calls, PLAN, clock=clock)
    assert {value for timing in timings.values() for value in timing.values_ms} == {1.0}
    unprotected = measure(calls, PLAN.model_copy(update={"lead_in_calls": 0}), clock=clock)
    assert 50.0 in unprotected["a"].values_ms


def test_the_lead_in_lasts_its_calls_and_its_time() -> None:
    def calls_made(lead_in_ms: float) -> int:
        clock, made = FakeClock(), 0

        def call() -> None:
            nonlocal made
            made += 1
            clock.pass_ms(0.5)

        plan = PLAN.model_copy(update={"lead_in_ms": lead_in_ms})
        timing = measure({"a": call}, plan, clock=clock)["a"]
        return made - timing.warmup_calls - 100

    assert calls_made(0) == 10 * 3
    assert calls_made(2.5) == 10 * 5


def test_all_lead_ins_together_are_no_longer_than_the_recording_may_be(clock: FakeClock) -> None:
    made = 0

    def call() -> None:
        nonlocal made
        made += 1
        clock.pass_ms(0.5)

    plan = BenchPlan(min_calls=100, rounds=10, max_seconds=0.1, lead_in_ms=1000)
    timing = measure({"a": call}, plan, clock=clock)["a"]
    assert made - timing.warmup_calls - len(timing.values_ms) == 10 * 20


def test_a_slow_function_gets_the_calls_its_seconds_allow(clock: FakeClock) -> None:
    plan = BenchPlan(min_calls=1000, rounds=20, max_seconds=2.0)
    timings = run(clock, plan, slow=20.0, fast=0.5)
    assert len(timings["slow"].values_ms) == 100
    assert len(timings["fast"].values_ms) == 1000


def test_every_function_gets_the_calls_of_a_median_even_when_its_seconds_are_over(clock: FakeClock) -> None:
    plan = BenchPlan(min_calls=100, max_seconds=6.0, lead_in_calls=0, lead_in_ms=0)
    timings = run(clock, plan, slow=500.0, fast=1.0)
    assert (len(timings["slow"].values_ms), timings["slow"].block) == (20, 1)
    assert (len(timings["fast"].values_ms), timings["fast"].block) == (100, 5)


def test_measuring_ends_after_three_times_its_seconds(clock: FakeClock) -> None:
    plan = BenchPlan(min_calls=100, max_seconds=6.0, lead_in_calls=0, lead_in_ms=0)
    assert len(run(clock, plan, slow=4000.0)["slow"].values_ms) == 5


def test_few_calls_are_spread_over_few_rounds(clock: FakeClock) -> None:
    timing = run(clock, BenchPlan(min_calls=3), one=1.0)["one"]
    assert (len(timing.values_ms), timing.block) == (3, 1)


@pytest.mark.parametrize("good_calls", [0, 5, 60])
def test_a_function_that_raises_drops_out_and_the_others_go_on(clock: FakeClock, good_calls: int) -> None:
    costs = repeat(1.0, good_calls)

    def breaking() -> None:
        try:
            clock.pass_ms(next(costs))
        except StopIteration:
            raise BackendError("out of memory.") from None

    timings = measure({"bad": breaking, "good": costing(clock, repeat(1.0))}, PLAN, clock=clock)
    assert timings["bad"].failure == "out of memory."
    assert timings["good"].failure is None
    assert len(timings["good"].values_ms) == 100


def test_reasons_are_one_line() -> None:
    assert reason(BackendError("no such device.", hint="use another")) == "no such device."
    assert reason(RuntimeError("first line\nsecond line")) == "RuntimeError: first line"
    assert reason(MemoryError()) == "MemoryError"


def test_the_garbage_collector_is_off_while_recording_and_on_afterwards(clock: FakeClock) -> None:
    seen = []

    def call() -> None:
        clock.pass_ms(1)
        seen.append(gc.isenabled())

    timing = measure({"one": call}, PLAN, clock=clock)["one"]
    assert seen[: timing.warmup_calls] == [True] * timing.warmup_calls
    assert set(seen[timing.warmup_calls :]) == {False}
    assert gc.isenabled()


def test_rounds_are_announced(clock: FakeClock) -> None:
    told: list[tuple[int, int]] = []
    measure(
        {"one": costing(clock, repeat(1.0))}, PLAN, clock=clock, on_round=lambda done, total: told.append((done, total))
    )
    assert told == [(done, 10) for done in range(1, 11)]


def test_a_later_launch_has_the_rounds_of_the_first_however_slow_it_is(clock: FakeClock) -> None:
    """The first is given up by the clock: 30 s of recording are three times what one function may take."""
    plan = PLAN.model_copy(update={"max_seconds": 10.0, "launches": 2, "rounds": 10})
    first = measure({"one": costing(clock, chain(repeat(300.0, 40), repeat(3000.0)))}, plan, clock=clock)
    assert 0 < len(first["one"].values_ms) < 100
    again = measure({"one": costing(clock, repeat(90_000.0))}, plan, clock=clock, like=first)
    assert (again["one"].block, len(again["one"].values_ms)) == (first["one"].block, len(first["one"].values_ms))
