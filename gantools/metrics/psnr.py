"""Peak signal-to-noise ratio: how far pixels lie from those they should be. Not a judgement of how pictures look."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

_PEAK = 255.0


def psnr_db(images: npt.NDArray[Any], originals: npt.NDArray[Any]) -> float | None:
    """Of the mean squared error over all pixels of all images.

    Args:
        images: Of any shape, 0..255.
        originals: What they should be, of the same shape.

    Returns:
        Decibels; None where nothing differs.
    """
    error = float(np.square(images.astype(np.float64) - originals.astype(np.float64)).mean())
    return 10 * math.log10(_PEAK**2 / error) if error else None
