import numpy as np
import pytest

from gantools.metrics.video.metric import mean_of


def test_frames_without_a_value_do_not_count() -> None:
    assert mean_of([None, 1.0, 3.0]) == (2.0, None, None)
    assert mean_of([None]) == (None, None, None)


def test_alike_neighbours_widen_the_interval() -> None:
    """Two hundred values of which ten in a row are equal say no more than twenty do."""
    alone = np.random.default_rng(0).normal(size=200)
    alike = np.repeat(np.random.default_rng(0).normal(size=20), 10)
    widths = []
    for values in (alone, alike):
        mean, low, high = mean_of(list(values))
        assert mean is not None
        assert low is not None
        assert high is not None
        assert low < mean < high
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]
    assert mean_of([1.0] * 20)[1:] == pytest.approx((1.0, 1.0))
