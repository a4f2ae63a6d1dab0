from collections.abc import Callable

import numpy as np
import pytest

from gantools.core.errors import DataError
from gantools.metrics import METRICS
from gantools.metrics.interval import interval, jackknife, plainly, split, student_quantile
from gantools.metrics.metric import Features


def mean(features: Features) -> float:
    return float(features.mean())


def drawn(seed: int, count: int, width: int = 1) -> Features:
    return np.random.default_rng(seed).normal(size=(count, width))


def coverage(
    score: Callable[[Features], tuple[float, float, float]], truth: float | None, runs: int, width: int
) -> float:
    """Share of intervals that hold the truth; without one, the mean of all values, which an unbiased value tends to."""
    found = np.array([score(drawn(seed, 200, width)) for seed in range(runs)])
    target = found[:, 0].mean() if truth is None else truth
    return float(((found[:, 1] <= target) & (target <= found[:, 2])).mean())


def test_interval_of_a_mean_holds_the_truth_as_often_as_it_says() -> None:
    # 600 runs at 95 %: a standard error of 0.9 points
    assert 0.92 < coverage(lambda x: jackknife(plainly(mean), x), 0.0, 600, 1) < 0.98
    assert 0.45 < coverage(lambda x: jackknife(plainly(mean), x, confidence=0.5), 0.0, 600, 1) < 0.55


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("kid", 0.90, 0.99),
        ("fid", 0.90, 0.99),
        ("precision", 0.90, 0.99),
        ("density", 0.90, 0.99),
        ("authenticity", 0.90, 0.99),
        ("recall", 0.93, 1.0),  # too wide, and never too narrow
        ("coverage", 0.93, 1.0),
    ],
)
def test_interval_of_a_metric_holds_the_expected_value_as_often_as_it_says(
    name: str, least: float, most: float
) -> None:
    metric = METRICS.load(name)
    reference = metric.statistics(drawn(10_000, 300, 4) + 0.5)

    def score(x: Features) -> tuple[float, float, float]:
        return jackknife(lambda rows, groups: metric.leave_out(rows, groups, reference), x)

    assert least < coverage(score, None, 200, 4) <= most


def test_interval_of_the_inception_score_holds_the_expected_value_as_often_as_it_says() -> None:
    metric = METRICS.load("is")

    def score(x: Features) -> tuple[float, float, float]:
        likelihoods = np.exp(2.0 * x)
        rows = likelihoods / likelihoods.sum(1, keepdims=True)
        return jackknife(lambda rows, groups: metric.leave_out(rows, groups, None), rows, groups=metric.groups)

    assert 0.90 < coverage(score, None, 200, 4) < 0.99


def test_one_row_a_group_gives_the_textbook_error_of_a_mean() -> None:
    x = drawn(0, 40)
    deleted = np.array([mean(np.delete(x, row, axis=0)) for row in range(40)])
    low, high = interval(mean(x), deleted)
    error = x.std(ddof=1) / np.sqrt(40)
    assert (high - low) / 2.0 == pytest.approx(student_quantile(0.975, 39) * error, rel=1e-9)


def test_more_samples_make_a_narrower_interval() -> None:
    _, low, high = jackknife(plainly(mean), drawn(0, 200))
    _, narrow_low, narrow_high = jackknife(plainly(mean), drawn(0, 20_000))
    assert narrow_high - narrow_low < (high - low) / 4.0


def test_groups_hold_every_row_once_and_differ_by_at_most_one() -> None:
    groups = split(107, 20)
    assert len(groups) == 20
    assert sorted(np.concatenate(groups)) == list(range(107))
    assert {len(group) for group in groups} == {5, 6}


@pytest.mark.parametrize(("freedom", "expected"), [(9, 2.262157), (19, 2.093024), (49, 2.009575)])
def test_student_quantiles_are_those_of_the_tables(freedom: int, expected: float) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(expected, abs=0.002)
    assert student_quantile(0.025, freedom) == pytest.approx(-expected, abs=0.002)


def test_too_few_samples_for_the_groups_are_refused() -> None:
    with pytest.raises(DataError, match="20 groups needs at least 2 groups and 2 samples in each, got 39") as caught:
        jackknife(plainly(mean), drawn(0, 39))
    assert caught.value.hint == "score at least 40 samples"
