import numpy as np
import numpy.typing as npt
import pytest

from gantools.core.errors import DataError
from gantools.metrics import kid
from gantools.metrics.interval import split


def drawn(seed: int, count: int, width: int, shift: float = 0.0) -> npt.NDArray[np.float32]:
    return (np.random.default_rng(seed).normal(size=(count, width)) + shift).astype(np.float32)


def test_distance_equals_the_sum_over_pairs() -> None:
    """Lemma 6 of Gretton et al. 2012, pair by pair."""
    x, y = drawn(0, 13, 5).astype(np.float64), drawn(1, 9, 5, 0.5).astype(np.float64)

    def kernel(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
        return float((a @ b / 5 + 1.0) ** 3)

    within_x = sum(kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / (13 * 12)
    within_y = sum(kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j) / (9 * 8)
    between = sum(kernel(a, b) for a in x for b in y) / (13 * 9)
    found = kid.distance(kid.statistics(x), kid.statistics(y))
    assert found == pytest.approx(within_x + within_y - 2.0 * between, rel=1e-12)


def test_blocks_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = drawn(0, 150, 8), drawn(1, 130, 8, 0.2)
    whole = kid.distance(kid.statistics(x), kid.statistics(y))
    monkeypatch.setattr(kid, "_BLOCK", 37)
    assert kid.distance(kid.statistics(x), kid.statistics(y)) == pytest.approx(whole, rel=1e-11)


def test_value_over_equal_distributions_is_zero_on_average() -> None:
    values = [kid.distance(kid.statistics(drawn(s, 60, 4)), kid.statistics(drawn(1000 + s, 60, 4))) for s in range(300)]
    assert np.mean(values) == pytest.approx(0.0, abs=4.0 * np.std(values) / np.sqrt(len(values)))
    assert 0.3 < np.mean(np.array(values) < 0.0) < 0.85


def test_value_does_not_depend_on_the_number_of_images() -> None:
    """FID's would; a biased estimate over 40 images would be about twice that over 400."""
    few = [
        kid.distance(kid.statistics(drawn(s, 40, 4)), kid.statistics(drawn(999 + s, 40, 4, 0.3))) for s in range(300)
    ]
    many = [
        kid.distance(kid.statistics(drawn(s, 400, 4)), kid.statistics(drawn(999 + s, 400, 4, 0.3))) for s in range(60)
    ]
    error = np.hypot(np.std(few) / np.sqrt(len(few)), np.std(many) / np.sqrt(len(many)))
    assert np.mean(few) == pytest.approx(np.mean(many), abs=4.0 * error)


def test_leaving_a_group_out_equals_computing_without_it() -> None:
    a, reference = drawn(3, 103, 12), kid.statistics(drawn(4, 150, 12, 0.3))
    groups = split(len(a), 10)
    expected = [kid.distance(kid.statistics(np.delete(a, group, axis=0)), reference) for group in groups]
    assert len(expected) == 10
    value, values = kid.leave_out(a, groups, reference)
    assert value == kid.distance(kid.statistics(a), reference)
    np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_features_of_different_widths_are_refused() -> None:
    narrow, wide = kid.statistics(drawn(0, 50, 8)), kid.statistics(drawn(0, 50, 16))
    with pytest.raises(DataError, match="8 wide and the reference's are 16"):
        kid.distance(narrow, wide)
    with pytest.raises(DataError, match="8 wide and the reference's are 16"):
        kid.leave_out(drawn(0, 50, 8), split(50, 5), wide)
