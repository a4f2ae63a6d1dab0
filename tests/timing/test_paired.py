import numpy as np
import pytest

from gantools.timing.paired import MIN_LAUNCHES, ratio_over_launches
from gantools.timing.stats import ratio_of_medians


def launched(
    rng: np.random.Generator, launches: int, speed: float, *, between: float = 0.02, rounds: int = 10
) -> np.ndarray:
    """Calls in ms of processes that differ from launch to launch, with noise that only ever slows."""
    of_launch = np.exp(rng.normal(0, between, (launches, 1, 1)))
    return speed * of_launch * np.exp(rng.exponential(0.05, (launches, rounds, 5)))


def test_the_ratio_of_constants_is_exact() -> None:
    ratio = ratio_over_launches(np.full((6, 10, 5), 6.0), np.full((6, 10, 7), 2.0))
    assert (ratio.value, ratio.interval, ratio.rounds, ratio.launches) == (3.0, (3.0, 3.0), 60, 6)
    assert ratio.differs


@pytest.mark.parametrize(("launches", "beyond"), [(5, 0), (6, 1), (9, 2), (12, 3), (16, 4), (25, 8)])
def test_the_interval_is_that_of_the_sign_test(launches: int, beyond: int) -> None:
    """Ranks as tables of the sign test have them (Conover, Practical Nonparametric Statistics, 1999, table A3)."""
    of_launches = np.arange(1.0, launches + 1)
    ratio = ratio_over_launches(
        np.broadcast_to(of_launches[:, None, None], (launches, 3, 4)), np.ones((launches, 3, 4))
    )
    assert ratio.interval == ((float(beyond), float(launches + 1 - beyond)) if beyond else None)
    assert (launches >= MIN_LAUNCHES) == (ratio.interval is not None)


def test_one_launch_that_went_wrong_and_rounds_that_did_change_little() -> None:
    rng = np.random.default_rng(0)
    first, second = launched(rng, 9, 1.0, between=0.0), launched(rng, 9, 1.0, between=0.0)
    calm = ratio_over_launches(first, second)
    first[3] *= 3
    first[:, 2] *= 5
    first[:, :, 1] *= 20
    disturbed = ratio_over_launches(first, second)
    assert disturbed.value == pytest.approx(calm.value, rel=0.02)
    assert disturbed.interval is not None
    assert disturbed.interval[1] < 1.05


def test_equal_processes_are_seldom_said_to_differ_and_slower_ones_nearly_always() -> None:
    """Where an interval over rounds is wrong nearly every time."""
    rng = np.random.default_rng(1)
    alarms = found = fooled = 0
    for _ in range(200):
        first, second = launched(rng, 16, 1.0), launched(rng, 16, 1.0)
        alarms += ratio_over_launches(first, second).differs
        slower = ratio_over_launches(first, launched(rng, 16, 1.06))
        found += slower.differs and slower.value < 1
        fooled += ratio_of_medians(first[0], second[0]).differs
    assert alarms <= 10
    assert found >= 190
    assert fooled > 60
