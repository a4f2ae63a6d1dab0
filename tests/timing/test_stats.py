import numpy as np
import pytest

from gantools.timing.stats import MIN_ROUNDS, dispersion, needed, percentile, ratio_of_medians

THOUSAND = np.random.default_rng(0).permutation(np.arange(1.0, 1001.0))


def test_a_percentile_needs_ten_values_beyond_it() -> None:
    assert {percent: needed(percent) for percent in (25, 50, 90, 99)} == {25: 40, 50: 20, 90: 100, 99: 1000}


@pytest.mark.parametrize(("percent", "expected"), [(50, 500.0), (90, 900.0), (99, 990.0)])
def test_percentiles_are_nearest_rank_in_any_order_of_the_values(percent: int, expected: float) -> None:
    assert percentile(THOUSAND, percent) == expected
    assert percentile(np.sort(THOUSAND), percent) == expected


@pytest.mark.parametrize("percent", [50, 90, 99])
def test_a_percentile_is_stated_from_exactly_the_count_it_needs(percent: int) -> None:
    assert percentile(THOUSAND[: needed(percent)], percent) is not None
    assert percentile(THOUSAND[: needed(percent) - 1], percent) is None


def test_dispersion_is_the_interquartile_range_over_the_median() -> None:
    assert dispersion(THOUSAND) == (750 - 250) / 500
    assert dispersion(THOUSAND[:39]) is None
    assert dispersion(THOUSAND[:40]) is not None


def test_the_ratio_of_constants_is_exact_and_its_interval_a_point() -> None:
    ratio = ratio_of_medians(np.full((20, 5), 6.0), np.full((20, 7), 2.0))
    assert (ratio.value, ratio.interval, ratio.rounds) == (3.0, (3.0, 3.0), 20)


def test_few_rounds_give_a_ratio_without_an_interval() -> None:
    assert ratio_of_medians(np.ones((MIN_ROUNDS - 1, 5)), np.ones((MIN_ROUNDS - 1, 5))).interval is None
    assert ratio_of_medians(np.ones((MIN_ROUNDS, 5)), np.ones((MIN_ROUNDS, 5))).interval is not None


def test_the_interval_covers_the_true_ratio_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for seed in range(40):
        first, second = rng.lognormal(0, 0.2, (20, 15)) * 2, rng.lognormal(0, 0.2, (20, 15))
        interval = ratio_of_medians(first, second, seed=seed).interval
        assert interval is not None
        covered += interval[0] <= 2 <= interval[1]
    assert covered >= 34


def test_what_disturbs_a_whole_round_does_not_widen_the_interval() -> None:
    """Pairing by round: both variants are slowed alike in the same rounds."""
    rng = np.random.default_rng(2)
    disturbance = rng.lognormal(0, 0.5, (30, 1))
    first, second = 2 * disturbance * np.ones((30, 9)), disturbance * np.ones((30, 9))

    def width(one: np.ndarray, other: np.ndarray) -> float:
        interval = ratio_of_medians(one, other).interval
        assert interval is not None
        return interval[1] - interval[0]

    assert width(first, second) < 1e-9
    assert width(first, rng.permutation(second)) > 0.1
