"""Metrics of pairs: known values, and which way is up."""

import numpy as np
import numpy.typing as npt
import pytest

from gantools.core.errors import DataError
from gantools.metrics.feature_distance import feature_distance
from gantools.metrics.pairs import PAIR_METRICS, levels, psnr
from gantools.metrics.ssim import ssim


def picture(seed: int = 0, size: int = 24, channels: int = 3) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (size, size, channels), np.uint8)


def test_levels_and_decibels_of_a_known_difference() -> None:
    dark, light = np.full((4, 5, 3), 10, np.uint8), np.full((4, 5, 3), 13, np.uint8)
    assert levels(dark, light) == levels(light, dark) == 3
    assert psnr(dark, light) == pytest.approx(20 * np.log10(255 / 3))
    assert psnr(dark, dark) == 100, "finite, so that a mean is"


def test_equal_pictures_are_wholly_alike_and_others_less() -> None:
    one = picture()
    assert ssim(one, one) == pytest.approx(1)
    noisy = np.clip(one.astype(int) + np.random.default_rng(1).integers(-40, 41, one.shape), 0, 255).astype(np.uint8)
    assert 0.5 < ssim(noisy, one) < 0.99
    assert ssim(noisy, one) == pytest.approx(ssim(one, noisy))
    assert abs(ssim(picture(2), one)) < 0.1


def test_ssim_is_the_paper_s_equation_where_the_window_covers_everything() -> None:
    """Of 11x11 pixels there is one window, whose weights can be written down."""
    x, y = picture(3, 11, 1), picture(4, 11, 1)
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(line, line) / line.sum() ** 2
    a, b = x[..., 0].astype(float), y[..., 0].astype(float)
    ma, mb = (weights * a).sum(), (weights * b).sum()
    va, vb, both = (weights * a * a).sum() - ma**2, (weights * b * b).sum() - mb**2, (weights * a * b).sum() - ma * mb
    c1, c2 = 2.55**2, 7.65**2
    wanted = (2 * ma * mb + c1) * (2 * both + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert ssim(x, y) == pytest.approx(wanted)


def test_pictures_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(DataError, match="through windows of 11x11, got 10x24 pixels"):
        ssim(picture()[:10], picture()[:10])


def test_features_that_point_the_same_way_have_no_distance() -> None:
    one, other = np.array([3.0, 4.0], np.float32), np.array([4.0, -3.0], np.float32)
    assert feature_distance(one, 2 * one) == 0
    assert feature_distance(one, other) == pytest.approx(1)
    assert feature_distance(one, -one) == pytest.approx(2)
    third = np.array([4.0, 3.0], np.float32)
    assert feature_distance(one, third) == pytest.approx(1 - 24 / 25)


def test_every_metric_of_pairs_says_that_equal_pictures_are_best() -> None:
    assert len(PAIR_METRICS) == 4
    one, other = picture(5), picture(6)
    for name in PAIR_METRICS:
        metric = PAIR_METRICS.load(name)
        if metric.of_features:
            one, other = picture(5).ravel(), picture(6).ravel()
        better = metric.value(one, one) - metric.value(other, one)
        assert better > 0 if metric.higher_is_better else better < 0, name
