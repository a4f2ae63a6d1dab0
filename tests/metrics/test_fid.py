import sys

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


def test_distance_equals_the_formula_as_torch_fidelity_computes_it() -> None:
    """The trace of the root of the product, by the roots of the product's own, complex, eigenvalues."""
    a, b = correlated(1, 400, 24).astype(np.float64), correlated(2, 300, 24, 2.0).astype(np.float64)
    c_a, c_b, shift = np.cov(a, rowvar=False), np.cov(b, rowvar=False), a.mean(0) - b.mean(0)
    overlap = np.sqrt(np.linalg.eigvals(c_a @ c_b).astype(np.complex128)).real.sum()
    expected = shift @ shift + np.trace(c_a) + np.trace(c_b) - 2.0 * overlap
    assert fid.distance(fid.statistics(a), fid.statistics(b)) == pytest.approx(expected, rel=1e-8)


def test_distance_is_the_same_without_the_library_that_limits_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = correlated(1, 400, 24), correlated(2, 300, 24, 2.0)
    limited = fid.distance(fid.statistics(a), fid.statistics(b))
    monkeypatch.setattr(fid, "_WIDE", 2)
    assert fid.distance(fid.statistics(a), fid.statistics(b)) == pytest.approx(limited, rel=1e-12)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert fid.distance(fid.statistics(a), fid.statistics(b)) == pytest.approx(limited, rel=1e-12)


def test_leaving_a_group_out_equals_computing_without_it() -> None:
    a, reference = correlated(3, 103, 12), fid.statistics(correlated(4, 150, 12))
    groups = split(len(a), 10)
    expected = [fid.distance(fid.statistics(np.delete(a, group, axis=0)), reference) for group in groups]
    assert len(expected) == 10
    value, values = fid.leave_out(a, groups, reference)
    assert value == fid.distance(fid.statistics(a), reference)
    np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_leaving_a_group_out_equals_computing_without_it_where_there_are_fewer_images_than_features() -> None:
    a, reference = correlated(3, 43, 60), fid.statistics(correlated(4, 150, 60))
    groups = split(len(a), 10)
    expected = [fid.distance(fid.statistics(np.delete(a, group, axis=0)), reference) for group in groups]
    assert len(expected) == 10
    np.testing.assert_allclose(fid.leave_out(a, groups, reference)[1], expected, rtol=1e-6)


def test_features_of_different_widths_are_refused() -> None:
    with pytest.raises(DataError, match="8 wide and the reference's are 16"):
        fid.distance(fid.statistics(correlated(0, 50, 8)), fid.statistics(correlated(0, 50, 16)))
