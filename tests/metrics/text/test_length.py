import numpy as np
import pytest

from gantools.metrics.interval import split
from gantools.metrics.text.length import figures, length_distance
from gantools.metrics.text.metric import Texts
from tests.metrics.text.by_definition import written


def test_the_distance_is_what_has_to_be_added_or_removed() -> None:
    assert length_distance(np.array([3, 5]), np.array([5, 3])) == 0.0
    assert length_distance(np.array([3, 5]), np.array([7, 5])) == 2.0
    assert length_distance(np.array([4]), np.array([2, 6])) == 2.0  # equal means, and yet
    assert length_distance(np.array([0]), np.array([9])) == 9.0


def test_of_equally_many_the_shortest_goes_to_the_shortest() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 30, 100), rng.integers(5, 50, 100)
    assert length_distance(a, b) == pytest.approx(abs(np.sort(a) - np.sort(b)).mean(), rel=1e-12)
    assert length_distance(np.tile(a, 3), b) == pytest.approx(length_distance(a, b), rel=1e-12)


def test_mean_and_deviation_are_those_of_numpy() -> None:
    samples = written(0, 60)
    lengths = np.array([len(sample) for sample in samples])
    mean, deviation = figures(Texts(samples), split(60, 20))
    assert mean.value == pytest.approx(lengths.mean())
    assert deviation.value == pytest.approx(lengths.std())
