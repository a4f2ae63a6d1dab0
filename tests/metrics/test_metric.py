import numpy as np
import pytest

from gantools.core.errors import DataError
from gantools.metrics.metric import checked


@pytest.mark.parametrize("shape", [(1, 8), (8,), (2, 3, 4)])
def test_what_is_no_set_of_features_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"must be \(n, d\) with n of 2 or more, got shape"):
        checked(np.zeros(shape, np.float32))


def test_rows_that_are_not_finite_are_counted_and_refused() -> None:
    features = np.zeros((5, 3), np.float32)
    features[1, 2], features[3, 0] = np.nan, np.inf
    with pytest.raises(DataError, match="2 of 5 feature rows are not finite"):
        checked(features)


def test_the_callers_features_are_left_alone() -> None:
    features = np.ones((5, 3))
    checked(features)[:] = 0.0
    assert (features == 1.0).all()
