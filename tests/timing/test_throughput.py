"""Throughput: every caller has its own thread, all count, and what one raises is raised."""

import threading
from itertools import count

import pytest

from gantools.timing.throughput import runs_per_second


def test_runs_are_divided_by_the_time_they_took() -> None:
    now = [0.0]

    def call() -> None:
        now[0] += 0.25

    assert runs_per_second([call], 1.0, clock=lambda: now[0]) == pytest.approx(4.0)


def test_a_run_that_is_under_way_at_the_end_counts_with_its_time() -> None:
    now = [0.0]

    def call() -> None:
        now[0] += 0.4

    assert runs_per_second([call], 1.0, clock=lambda: now[0]) == pytest.approx(3 / 1.2)


def test_every_caller_has_a_thread_of_its_own() -> None:
    threads: list[set[int]] = [set(), set()]
    meet = threading.Barrier(2, timeout=30)
    runs = [0, 0]

    def caller(place: int) -> None:
        runs[place] += 1
        if runs[place] == 2:  # the first run of a round: both are under way
            threads[place].add(threading.get_ident())
            meet.wait()

    rate = runs_per_second([lambda: caller(0), lambda: caller(1)], 0.05, rounds=1)
    assert rate > 0
    assert len(threads[0] | threads[1]) == 2


def test_what_a_caller_raises_is_raised() -> None:
    runs = count()

    def call() -> None:
        if next(runs) == 5:
            raise ValueError("it broke")

    with pytest.raises(ValueError, match="it broke"):
        runs_per_second([call], 60.0)
