import numpy as np
import pytest

from gantools.timing.unpaired import ratios_of_percentiles


def calls(seed: int, factor: float = 1.0, rounds: int = 20, each: int = 50) -> list[float]:
    """Rounds that differ from one another by some percent, as on a machine that is not quiet."""
    rng = np.random.default_rng(seed)
    speeds = np.repeat(rng.normal(1.0, 0.02, rounds), each)
    return [float(value) for value in factor * speeds * np.exp(rng.normal(0, 0.05, rounds * each))]


def test_a_ratio_is_that_of_the_nearest_ranks_and_its_interval_holds_the_truth() -> None:
    before, after = calls(0), calls(1, factor=1.2)
    found = ratios_of_percentiles(before, after, (50, 90), blocks=(50, 50))
    assert found[50].value == sorted(after)[499] / sorted(before)[499]
    for ratio in found.values():
        assert ratio.interval is not None
        assert ratio.interval[0] < 1.2 < ratio.interval[1]
        assert ratio.interval[0] > 1.1


def test_equal_runs_are_told_apart_about_as_often_as_the_confidence_says() -> None:
    """Of intervals at 95 % some 5 % miss; of 100 pairs of runs that is at most 12 but for one case in 500."""
    misses = 0
    for seed in range(100):
        before, after = calls(2 * seed, each=20), calls(2 * seed + 1, each=20)
        ratio = ratios_of_percentiles(before, after, (50,), blocks=(20, 20), seed=seed)[50]
        assert ratio.interval is not None
        misses += not ratio.interval[0] <= 1.0 <= ratio.interval[1]
    assert misses <= 12


def test_rounds_are_resampled_and_not_calls() -> None:
    """Rounds that differ widen the interval; were calls drawn one by one, it would be as narrow as without."""
    uneven = calls(0), calls(1)
    shuffled = [list(np.random.default_rng(5).permutation(each)) for each in uneven]
    widths = []
    for before, after in (uneven, shuffled):
        ratio = ratios_of_percentiles(before, after, (50,), blocks=(50, 50))[50]
        assert ratio.interval is not None
        widths.append(ratio.interval[1] - ratio.interval[0])
    assert widths[0] > 1.5 * widths[1]


@pytest.mark.parametrize(("count", "block"), [(9 * 50, 50), (5, 10)])
def test_few_rounds_have_a_ratio_and_no_interval(count: int, block: int) -> None:
    found = ratios_of_percentiles(calls(0)[:count], calls(1), (50,), blocks=(block, 50))
    assert found[50].interval is None
    assert found[50].rounds == count // block
    assert found[50].value > 0
