import numpy as np
import numpy.typing as npt
import pytest

from gantools.core.errors import DataError
from gantools.metrics import fid
from gantools.metrics.interval import split


def correlated(seed: int, count: int, width: int, scale: float = 1.0) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(width, width)) * scale
    return (rng.normal(size=(count, width)) @ mixing + rng.normal(size=width)).astype(np.float32)


def test_distance_of_a_set_to_itself_is_zero() -> None:
    statistics = fid.statistics(correlated(0, 300, 16))
    assert fid.distance(statistics, statistics) == pytest.approx(0.0, abs=1e-10)


def test_distance_is_zero_where_the_covariance_is_singular() -> None:
    """Fewer images than features: Heusel's own code adds to the diagonal here."""
    statistics = fid.statistics(correlated(0, 10, 64))
    assert fid.distance(statistics, statistics) == pytest.approx(0.0, abs=1e-9)


def test_distance_of_two_gaussians_with_commuting_covariances_is_the_closed_form() -> None:
    a = fid.Moments(np.array([0.0, 1.0, 2.0]), np.diag([1.0, 4.0, 9.0]))
    b = fid.Moments(np.array([3.0, 1.0, -2.0]), np.diag([4.0, 1.0, 0.25]))
    # |m_a - m_b|^2 + sum (s_a - s_b)^2 over standard deviations
    assert fid.distance(a, b) == pytest.approx((9.0 + 16.0) + (1.0 + 1.0 + 6.25), rel=1e-12)


def test_distance_equals_the_formula_with_scipys_matrix_root() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    a, b = correlated(1, 400, 24), correlated(2, 300, 24, 2.0)
    c_a, c_b = np.cov(a.astype(np.float64), rowvar=False), np.cov(b.astype(np.float64), rowvar=False)
    shift = a.astype(np.float64).mean(0) - b.astype(np.float64).mean(0)
    expected = shift @ shift + np.trace(c_a + c_b - 2.0 * linalg.sqrtm(c_a @ c_b).real)
    assert fid.distance(fid.statistics(a), fid.statistics(b)) == pytest.approx(expected, rel=1e-8)


def test_leaving_a_group_out_equals_computing_without_it() -> None:
    a, reference = correlated(3, 103, 12), fid.statistics(correlated(4, 150, 12))
    groups = split(len(a), 10)
    expected = [fid.distance(fid.statistics(np.delete(a, group, axis=0)), reference) for group in groups]
    assert len(expected) == 10
    np.testing.assert_allclose(fid.deleted(a, groups, reference), expected, rtol=1e-9)


def test_features_of_different_widths_are_refused() -> None:
    with pytest.raises(DataError, match="8 wide and the reference's are 16"):
        fid.distance(fid.statistics(correlated(0, 50, 8)), fid.statistics(correlated(0, 50, 16)))
