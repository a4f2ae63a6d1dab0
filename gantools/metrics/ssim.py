"""Structural similarity: how alike local means, variances and correlations of two pictures are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError
from gantools.core.optional import require
from gantools.metrics.pairs import PairMetric

_SIGMA, _RADIUS = 1.5, 5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(image: npt.NDArray[Any], original: npt.NDArray[Any]) -> float:
    """Mean over all places whose window lies inside, and over channels.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004, equation 13, with the
    paper's window: a Gaussian of 11x11 pixels with a standard deviation of 1.5, and K1 = 0.01, K2 = 0.03.

    Args:
        image: (height, width, channels), 0..255, at least 11x11.
        original: What it should be, of the same shape.

    Returns:
        At most 1, which only equal pictures have.

    Raises:
        DataError: The pictures are smaller than the window.
    """
    filters: Any = require("scipy.ndimage", extra="data", why="to compare pictures by SSIM")
    if min(image.shape[:2]) < 2 * _RADIUS + 1:
        raise DataError(f"SSIM looks through windows of 11x11, got {image.shape[0]}x{image.shape[1]} pixels.")
    x, y = image.astype(np.float64), original.astype(np.float64)

    def mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        blurred: npt.NDArray[np.float64] = filters.gaussian_filter(values, _SIGMA, radius=_RADIUS, axes=(0, 1))
        return blurred[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS]

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    alike = (2 * mx * my + _C1) * (2 * both + _C2) / ((mx * mx + my * my + _C1) * (vx + vy + _C2))
    return float(alike.mean())


SSIM = PairMetric(ssim, against_targets=True, higher_is_better=True)
