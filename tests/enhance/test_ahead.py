"""Stages on threads: order, bounds, errors, and that nothing goes on when nobody takes it."""

import threading
import time
from collections.abc import Iterator

import pytest

from gantools.enhance.ahead import ahead


def test_items_come_in_order_from_another_thread() -> None:
    seen = []

    def items() -> Iterator[int]:
        for number in range(100):
            seen.append(threading.current_thread().name)
            yield number

    assert list(ahead(items(), 3, "stage")) == list(range(100))
    assert set(seen) == {"stage"}


def test_no_more_than_the_depth_waits() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    for number in ahead(items(), 2, "stage"):
        time.sleep(0.002)
        # Two wait, one is on its way into the queue, and one is in the hands of the caller.
        assert len(made) <= number + 4
    assert len(made) == 50


def test_an_error_comes_after_what_was_made_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    stage = ahead(items(), 2, "stage")
    assert next(stage) == 1
    with pytest.raises(ValueError, match="broken"):
        next(stage)


def test_a_caller_who_stops_ends_the_thread() -> None:
    closed = []

    def items() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.current_thread().name)

    stage = ahead(items(), 1, "endless")
    next(stage)
    stage.close()
    assert closed == ["endless"]
    assert "endless" not in {thread.name for thread in threading.enumerate()}


def test_stages_of_stages_end_together() -> None:
    def numbers() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    first = ahead(numbers(), 1, "first")

    def doubled() -> Iterator[int]:
        try:
            for number in first:
                yield 2 * number
        finally:
            first.close()

    second = ahead(doubled(), 1, "second")
    assert [next(second) for _ in range(3)] == [0, 2, 4]
    second.close()
    assert not {"first", "second"} & {thread.name for thread in threading.enumerate()}
