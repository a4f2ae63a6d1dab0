"""The highest rate of queries that holds a bound on their latency: bracketed, bisected by short tests, then confirmed.

Knows nothing of LoadGen, only of attempts that hold or do not.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log, sqrt

from gantools.bench.results import ServerTry

Attempt = Callable[[float, bool], ServerTry]
"""Try a rate, in queries a second; in full length or shortly."""

WITHIN = 1.05
"""Bisecting ends when the rate that does not hold is at most so many times the one that does."""
STEP_DOWN = 0.95
CONFIRMATIONS = 6
_MOST_DOUBLINGS = 24
_EARLY_CONFIDENCE = 0.99


def find_rate(attempt: Attempt, first_per_s: float, lowest_per_s: float) -> ServerTry | None:
    """The highest rate that holds.

    It is sought from above: a test that is lost is soon given up, and one that holds takes all its queries, which come
    slowly at low rates.

    Args:
        attempt: Tries a rate.
        first_per_s: Where to begin; about as much as can be done at all.
        lowest_per_s: Where to give up; nothing is tried below.

    Returns:
        The test in full length that held; None where none did.
    """
    holds, fails = first_per_s, None
    while not attempt(holds, False).held:
        holds, fails = holds / 2, holds
        if holds < lowest_per_s:
            return None
    for _ in range(_MOST_DOUBLINGS):
        if fails is not None:
            break
        if attempt(holds * 2, False).held:
            holds *= 2
        else:
            fails = holds * 2
    while fails is not None and fails / holds > WITHIN:
        middle = sqrt(holds * fails)  # rates differ by factors
        if attempt(middle, False).held:
            holds = middle
        else:
            fails = middle
    for step in range(CONFIRMATIONS):
        if (last := attempt(holds * STEP_DOWN**step, True)).held:
            return last
    return None


def least_queries(percent: int) -> int:
    """Queries from which LoadGen's early stopping can say that so many percent of all stay within a bound.

    Its rule: were exactly that share within the bound, so few late ones as were seen would have a probability of at
    most 1 %. With none late that takes log(0.01) / log(share) queries. Half as many again, so that one may be late.
    """
    return ceil(1.5 * log(1 - _EARLY_CONFIDENCE) / log(percent / 100))


def most_queries(rate_per_s: float, seconds: float, min_queries: int) -> int:
    """More queries than a Poisson process has in that time, but for one of a hundred million tests."""
    mean = rate_per_s * seconds
    return max(min_queries, ceil(mean + 6 * sqrt(mean) + 10))


def most_late(queries: int, percent: int) -> int:
    """Late answers with which a test of so many queries may still hold."""
    return ceil(queries * (100 - percent) / 100) + 1


def most_waiting(rate_per_s: float, bound_ms: float, late: int) -> int:
    """Open queries with which more than ``late`` of them are late already.

    Those that are not came within the last ``bound_ms``, and there are hardly more of them than this.
    """
    arrivals = rate_per_s * bound_ms / 1000
    return late + ceil(arrivals + 6 * sqrt(arrivals)) + 3
