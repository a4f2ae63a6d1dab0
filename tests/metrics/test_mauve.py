"""MAUVE, where it can be told by hand."""

import numpy as np
import pytest

from gantools.metrics.mauve import Grouped, area, mauve


def test_equal_distributions_have_the_whole_area_and_distant_ones_hardly_any() -> None:
    counts = np.array([30.0, 50.0, 20.0])
    assert area(counts, counts) == pytest.approx(1.0)
    assert area(np.array([1e6, 0.0]), np.array([0.0, 1e6])) < 0.05


def test_the_area_is_that_of_the_definition() -> None:
    """By sums over a much finer frontier."""
    p, q = np.array([600.5, 399.5]) / 1000, np.array([300.5, 699.5]) / 1000
    weight = np.linspace(0, 1, 100_001)[:, None]
    mixed = weight * p + (1 - weight) * q
    x, y = (np.exp(-5 * (each * np.log(each / mixed)).sum(1)) for each in (q, p))
    x, y = np.concatenate([[1.0], x, [0.0]]), np.concatenate([[0.0], y, [1.0]])
    expected = float(((y[1:] + y[:-1]) / 2 * (x[:-1] - x[1:])).sum())
    assert area(np.array([600.0, 399.0]), np.array([300.0, 699.0])) == pytest.approx(expected, abs=1e-3)


def test_rows_fall_into_the_groups_of_the_references_and_lost_groups_cost() -> None:
    rng = np.random.default_rng(0)
    centres = 10.0 * rng.normal(size=(10, 8))
    real, other = (centres[np.arange(400) % 10] + 0.1 * rng.normal(size=(400, 8)) for _ in range(2))
    reference = Grouped(real)
    assert len(reference.centres) == 20
    near, far = mauve(Grouped(other), reference), mauve(Grouped(other[np.arange(400) % 10 < 5]), reference)
    assert near > 0.9
    assert far < near - 0.3


def test_references_that_are_all_alike_are_one_group() -> None:
    alike = np.ones((100, 3))
    assert mauve(Grouped(alike), Grouped(alike)) == pytest.approx(1.0)
