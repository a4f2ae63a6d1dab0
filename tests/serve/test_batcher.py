"""Who rides with whom, who waits, who is told that it is too late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from time import monotonic

import pytest

from gantools.serve.batcher import Batcher, FullError, Job, LateError, RetiredError

Ints = Batcher[int, int]


class Runner:
    """Doubles numbers, when it is let; 13 breaks every run that it is in."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []
        self.may = threading.Event()
        self.began = threading.Event()
        self.may.set()

    def __call__(self, works: Sequence[int]) -> list[int]:
        self.began.set()
        assert self.may.wait(10)
        self.runs.append([*works])
        if 13 in works:
            raise ValueError("13")
        return [2 * work for work in works]

    def hold(self, batcher: Ints) -> Future[int]:
        """A job that stays in its run until ``may`` is set: those that come now have to wait."""
        self.may.clear()
        self.began.clear()
        held = batcher.submit(job(0))
        assert self.began.wait(10)
        return held


def job(work: int, *, key: str = "", count: int = 1, seconds: float = 10) -> Job[int, int]:
    return Job(work, key, count, monotonic() + seconds)


@pytest.fixture
def runner() -> Runner:
    return Runner()


Start = Callable[..., Ints]


@pytest.fixture
def start(runner: Runner) -> Iterator[Start]:
    made: list[Ints] = []

    def begin(largest: int = 4, delay: float = 0.0, depth: int = 100) -> Ints:
        made.append(Batcher(runner, largest=largest, max_delay_s=delay, depth=depth, name="test"))
        return made[-1]

    yield begin
    runner.may.set()
    for batcher in made:
        batcher.retire()
    assert not [thread for thread in threading.enumerate() if thread.name == "test"]


def test_those_that_come_during_a_run_share_the_next_one(runner: Runner, start: Start) -> None:
    batcher = start()
    held = runner.hold(batcher)
    others = [batcher.submit(job(number)) for number in (1, 2, 3)]
    assert batcher.waiting == 3
    runner.may.set()
    assert [held.result(10), *(one.result(10) for one in others)] == [0, 2, 4, 6]
    assert runner.runs == [[0], [1, 2, 3]]


def test_a_run_takes_no_more_than_it_may_and_no_one_is_passed_over_for_ever(runner: Runner, start: Start) -> None:
    batcher = start(largest=4)
    held = runner.hold(batcher)
    counts = {1: 3, 2: 2, 3: 1, 4: 4, 5: 9, 6: 1}
    done = [batcher.submit(job(number, count=count)) for number, count in counts.items()]
    runner.may.set()
    assert [one.result(10) for one in [held, *done]] == [0, 2, 4, 6, 8, 10, 12]
    assert runner.runs == [[0], [1, 3], [2, 6], [4], [5]]


def test_only_equal_keys_share_a_run(runner: Runner, start: Start) -> None:
    batcher = start()
    runner.hold(batcher)
    done = [batcher.submit(job(number, key="ab"[number % 2])) for number in (1, 2, 3)]
    runner.may.set()
    assert [one.result(10) for one in done] == [2, 4, 6]
    assert runner.runs == [[0], [1, 3], [2]]


def test_the_first_waits_for_company_as_long_as_it_may(runner: Runner, start: Start) -> None:
    batcher = start(largest=2, delay=5)
    began = monotonic()
    done = [batcher.submit(job(1)), batcher.submit(job(2))]
    assert [one.result(10) for one in done] == [2, 4]
    assert runner.runs == [[1, 2]]
    assert monotonic() - began < 4, "a full run does not wait"


def test_nobody_waits_for_company_longer_than_its_own_time(runner: Runner, start: Start) -> None:
    late = start(delay=60).submit(job(1, seconds=0.05))
    with pytest.raises(LateError):
        late.result(10)
    alone = start(delay=0.01).submit(job(2))
    assert alone.result(10) == 4
    assert runner.runs == [[2]]


def test_who_is_late_is_told_and_not_computed(runner: Runner, start: Start) -> None:
    batcher = start()
    runner.hold(batcher)
    late, left, fine = batcher.submit(job(1, seconds=-1)), batcher.submit(job(2)), batcher.submit(job(3))
    left.cancel()
    runner.may.set()
    assert fine.result(10) == 6
    assert runner.runs == [[0], [3]]
    assert isinstance(late.exception(10), LateError)


def test_a_full_queue_is_an_error_at_once(runner: Runner, start: Start) -> None:
    batcher = start(depth=2)
    runner.hold(batcher)
    done = [batcher.submit(job(number)) for number in (1, 2)]
    with pytest.raises(FullError):
        batcher.submit(job(3))
    runner.may.set()
    assert [one.result(10) for one in done] == [2, 4]
    assert batcher.submit(job(3)).result(10) == 6


def test_one_that_fails_does_not_take_others_along(runner: Runner, start: Start) -> None:
    batcher = start()
    runner.hold(batcher)
    done = [batcher.submit(job(number)) for number in (1, 13, 2)]
    runner.may.set()
    assert (done[0].result(10), done[2].result(10)) == (2, 4)
    assert isinstance(done[1].exception(10), ValueError)
    assert runner.runs == [[0], [1, 13, 2], [1], [13], [2]]
    assert batcher.submit(job(4)).result(10) == 8, "and the thread goes on"


def test_who_retires_finishes_what_waits_and_takes_nothing_more(runner: Runner, start: Start) -> None:
    batcher = start(delay=60)
    done = [batcher.submit(job(number)) for number in (1, 2)]
    batcher.retire()
    assert [one.result(0) for one in done] == [2, 4]
    with pytest.raises(RetiredError):
        batcher.submit(job(3))
