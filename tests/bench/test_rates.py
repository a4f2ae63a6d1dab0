"""The search for a rate, against sessions that are nothing but a limit."""

from collections.abc import Callable

import pytest

from gantools.bench.rates import find_rate, least_queries, most_late, most_queries, most_waiting
from gantools.bench.results import ServerTry


def _held_up_to(limit: float, full_limit: float, asked: list[tuple[float, bool]]) -> Callable[[float, bool], ServerTry]:
    def attempt(rate: float, full: bool) -> ServerTry:
        asked.append((rate, full))
        return ServerTry(
            asked_per_s=rate, reached_per_s=rate, latency_ms=1.0, held=rate <= (full_limit if full else limit)
        )

    return attempt


@pytest.mark.parametrize("limit", [3.0, 25.0, 90.0, 1000.0, 12345.0])
def test_a_search_ends_within_a_twentieth_of_the_limit(limit: float) -> None:
    asked: list[tuple[float, bool]] = []
    found = find_rate(_held_up_to(limit, limit, asked), 50.0, 1.0)
    assert found is not None
    assert limit / 1.05 <= found.asked_per_s <= limit
    assert [full for _, full in asked] == [False] * (len(asked) - 1) + [True]
    assert len(asked) < 20


def test_a_rate_that_holds_only_shortly_is_stepped_down() -> None:
    asked: list[tuple[float, bool]] = []
    found = find_rate(_held_up_to(100.0, 90.0, asked), 50.0, 1.0)
    assert found is not None
    assert 80 < found.asked_per_s <= 90
    assert found.held
    assert find_rate(_held_up_to(100.0, 10.0, asked), 50.0, 1.0) is None
    assert find_rate(_held_up_to(0.5, 0.5, asked), 50.0, 1.0) is None


def test_early_stopping_needs_as_many_queries_as_loadgen_says() -> None:
    # 459 with none late for 99 % (its own message asks for 662 with one), 44 for 90 %.
    assert 662 <= least_queries(99) <= 700
    assert 64 <= least_queries(90) <= 70


def test_a_test_is_given_up_only_when_it_is_lost() -> None:
    queries = most_queries(100.0, 10.0, 700)
    assert queries > 1000 + 5 * 1000**0.5
    assert most_queries(1.0, 10.0, 700) == 700
    assert most_late(1000, 99) == 11
    assert most_waiting(1000.0, 10.0, 11) > 11 + 10 + 5 * 10**0.5
