"""How many runs a second several callers get done at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

Call = Callable[[], object]
Clock = Callable[[], float]
"""Seconds from any fixed moment."""


def runs_per_second(
    calls: Sequence[Call], seconds: float, *, rounds: int = 3, clock: Clock = time.perf_counter
) -> float:
    """Runs a second, all callers together: the median of some rounds. Each caller has a thread of its own.

    Args:
        calls: Each is called again and again by one thread, for as long as a round lasts.
        seconds: Of a round. A call that is under way when it ends is waited for, and counts with the time it took.
        rounds: How many.
        clock: What time it is.

    Raises:
        Exception: Whatever a call raises, once all threads have ended.
    """
    for call in calls:  # the first run allocates
        call()
    return median(_rate(calls, seconds, clock) for _ in range(rounds))


def _rate(calls: Sequence[Call], seconds: float, clock: Clock) -> float:
    ready = threading.Barrier(len(calls))

    def work(call: Call) -> int:
        ready.wait()
        end, count = clock() + seconds, 0
        while clock() < end:
            call()
            count += 1
        return count

    with ThreadPoolExecutor(len(calls)) as pool:
        started = clock()
        done = sum(pool.map(work, calls))
    return done / (clock() - started)
