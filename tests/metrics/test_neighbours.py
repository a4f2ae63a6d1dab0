import numpy as np
import pytest

from gantools.core.errors import DataError
from gantools.metrics import METRICS, neighbours
from gantools.metrics.interval import split
from gantools.metrics.metric import Doubles, Metric
from gantools.metrics.neighbours import Neighbours

NAMES = ("precision", "recall", "density", "coverage", "authenticity")


def drawn(seed: int, count: int, width: int = 3, shift: float = 0.0) -> Doubles:
    return np.random.default_rng(seed).normal(size=(count, width)) + shift


def by_definition(generated: Doubles, real: Doubles) -> dict[str, float]:
    """The papers' equations, distance by distance."""

    def away(a: Doubles, b: Doubles) -> Doubles:
        distances: Doubles = np.linalg.norm(a[:, None] - b[None], axis=2)
        return distances

    def radii(x: Doubles, k: int) -> Doubles:
        return np.sort(away(x, x), axis=1)[:, k]  # the nearest of all is the row itself

    across = away(generated, real)
    nearest = across.argmin(1)
    return {
        "precision": float((across <= radii(real, 3)).any(1).mean()),
        "recall": float((radii(generated, 3) >= across.T).any(1).mean()),
        "density": float((across <= radii(real, 5)).sum(1).mean() / 5),
        "coverage": float((across.min(0) <= radii(real, 5)).mean()),
        "authenticity": float((across.min(1) > radii(real, 1)[nearest]).mean()),
    }


def value(metric: Metric, a: Doubles, b: Doubles) -> float:
    return metric.value(metric.statistics(a), metric.statistics(b))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_values_are_those_of_the_papers_equations(name: str, shift: float) -> None:
    generated, real = drawn(0, 130, shift=shift), drawn(1, 170)
    found = value(METRICS.load(name), generated, real)
    assert found == pytest.approx(by_definition(generated, real)[name], abs=1e-12)
    assert found > 0.0


@pytest.mark.parametrize("name", NAMES)
def test_blocks_do_not_change_the_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_ROWS", 17)
    monkeypatch.setattr(neighbours, "_COLUMNS", 23)
    generated, real = drawn(0, 130, shift=0.5), drawn(1, 170)
    metric = METRICS.load(name)
    assert value(metric, generated, real) == pytest.approx(by_definition(generated, real)[name], abs=1e-12)
    whole, values = metric.leave_out(generated, split(130), metric.statistics(real))
    assert whole == value(metric, generated, real)
    assert values[3] == pytest.approx(value(metric, np.delete(generated, split(130)[3], axis=0), real), abs=1e-12)


@pytest.mark.parametrize("kept", [24, 4])
def test_radii_without_a_group_are_those_of_the_rest(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With few nearest remembered, most rows have to look again."""
    monkeypatch.setattr(neighbours, "_KEPT", kept)
    x, group = drawn(2, 90), np.arange(0, 90, 2)
    found = Neighbours(x).radii_without(3, group)
    rest = np.setdiff1d(np.arange(90), group)
    np.testing.assert_allclose(found[rest], Neighbours(x[rest]).radii(3), rtol=1e-9)
    assert (found[group] < 0.0).all()


def test_the_nearest_are_the_nearest_and_never_the_row_itself() -> None:
    x = drawn(3, 60)
    nearest = Neighbours(x).nearest
    away = np.square(x[:, None] - x[None]).sum(2)
    np.fill_diagonal(away, np.inf)
    np.testing.assert_array_equal(nearest.rows, np.argsort(away, axis=1)[:, :24])
    np.testing.assert_allclose(nearest.distances, np.sort(away, axis=1)[:, :24], rtol=1e-9)


def test_equal_rows_are_at_no_distance_however_far_they_lie_from_zero() -> None:
    """By the squares and the product alone, rounding would put them apart, or at a negative distance."""
    x = np.repeat(drawn(4, 20, 50, shift=1000.0), 5, axis=0)
    assert (Neighbours(x).radii(3) == 0.0).all()
    assert value(METRICS.load("precision"), x, x) == 1.0


def test_too_few_images_for_k_neighbours_are_refused() -> None:
    with pytest.raises(DataError, match="5 samples have no 5 nearest others each"):
        value(METRICS.load("coverage"), drawn(0, 50), drawn(1, 5))
    with pytest.raises(DataError, match="3 samples have no 3 nearest others each"):
        Neighbours(drawn(0, 6)).radii_without(3, np.arange(3))


def test_features_of_different_widths_are_refused() -> None:
    for name in NAMES:
        with pytest.raises(DataError, match="wide and the reference's are"):
            value(METRICS.load(name), drawn(0, 50, 3), drawn(1, 50, 4))


def test_a_copied_image_is_not_authentic_and_a_new_one_is() -> None:
    real = drawn(5, 100)
    metric = METRICS.load("authenticity")
    assert value(metric, real[:40] + 1e-6, real) == 0.0
    assert value(metric, drawn(6, 40, shift=30.0), real) == 1.0
    assert 0.3 < value(metric, drawn(7, 400), drawn(8, 400)) < 0.8


def test_an_outlier_among_real_images_moves_precision_and_hardly_density() -> None:
    """The motive of Naeem et al. 2020, figure 2: between the images and the outlier lies its large ball."""
    real, generated = drawn(9, 500), drawn(10, 500, shift=4.0)
    with_outlier = np.concatenate([real, np.full((1, 3), 12.0)])
    precision, density = METRICS.load("precision"), METRICS.load("density")
    assert value(precision, generated, real) < 0.05
    assert value(precision, generated, with_outlier) > 0.9
    assert value(density, generated, with_outlier) < 0.3
