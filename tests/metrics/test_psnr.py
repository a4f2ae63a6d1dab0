import numpy as np
import pytest

from gantools.metrics.psnr import psnr_db


def test_an_error_of_one_level_everywhere_is_48_decibels() -> None:
    images = np.full((2, 3, 3, 1), 100, np.uint8)
    assert psnr_db(images + 1, images) == pytest.approx(20 * np.log10(255))
    assert psnr_db(images, images + 1) == psnr_db(images + 1, images), "bytes do not wrap around"


def test_the_largest_error_is_0_decibels_and_none_at_all_is_none() -> None:
    black, white = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)
    assert psnr_db(black, white) == 0
    assert psnr_db(white, white) is None


def test_the_error_is_averaged_before_its_logarithm() -> None:
    images = np.zeros((2, 1, 1, 1), np.uint8)
    changed = images.copy()
    changed[0] = 2
    assert psnr_db(changed, images) == pytest.approx(10 * np.log10(255**2 / 2))
