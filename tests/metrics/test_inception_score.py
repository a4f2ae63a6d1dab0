import numpy as np
import pytest

from gantools.core.errors import DataError
from gantools.metrics.inception_score import leave_out, score, statistics
from gantools.metrics.interval import split
from gantools.metrics.metric import Doubles


def probabilities(seed: int, count: int, classes: int = 7) -> Doubles:
    likelihoods = np.exp(2.0 * np.random.default_rng(seed).normal(size=(count, classes)))
    rows: Doubles = likelihoods / likelihoods.sum(1, keepdims=True)
    return rows


def test_score_is_the_mean_over_splits_of_the_papers_formula() -> None:
    p = probabilities(0, 205)
    scores = []
    for first in range(10):
        part = p[first::10]
        scores.append(np.exp((part * (np.log(part) - np.log(part.mean(0)))).sum(1).mean()))
    assert score(statistics(p)) == pytest.approx(np.mean(scores), rel=1e-12)
    assert leave_out(p, split(205, 10))[0] == pytest.approx(np.mean(scores), rel=1e-12)


def test_sure_and_varied_is_the_number_of_classes_and_anything_else_is_less() -> None:
    sure = np.eye(5)[np.arange(500) // 10 % 5]
    assert score(statistics(sure)) == pytest.approx(5.0, rel=1e-12)
    assert score(statistics(np.eye(5)[np.zeros(500, int)])) == pytest.approx(1.0, rel=1e-12)
    assert score(statistics(np.full((500, 5), 0.2))) == pytest.approx(1.0, rel=1e-12)


def test_images_sorted_by_class_have_the_score_of_shuffled_ones() -> None:
    sure = np.eye(5)[np.repeat(np.arange(5), 100)]
    assert score(statistics(sure)) == pytest.approx(5.0, rel=1e-12)


def test_rows_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(DataError, match="must be 0 or more and sum to 1"):
        statistics(np.random.default_rng(0).normal(size=(50, 4)))
    with pytest.raises(DataError, match="a mean over 10 splits, got 9 images"):
        statistics(probabilities(0, 9))
