"""Metrics of pairs: a value of each sample and of what it is compared with, instead of two sets.

A value of one pair, so that their mean over pairs and its interval need no more than the values themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gantools.core.registry import Table
from gantools.metrics.psnr import psnr_db

Image = npt.NDArray[np.uint8]
Pictures = Sequence[Image] | Image
"""Any number of (height, width, channels), each of its own size; or one array of equal ones."""
_BEST_DB = 100.0  # equal pictures, whose mean cannot be infinite


class Pairs(Protocol):
    """Images, what should be made of each, their content digest, and a name for people."""

    @property
    def inputs(self) -> Sequence[Image]:
        """(height, width, channels) uint8 each."""

    @property
    def targets(self) -> Sequence[Image]:
        """What should be made of them, in the same order."""

    @property
    def digest(self) -> str:
        """Content digest."""

    @property
    def name(self) -> str:
        """A name for people."""


@dataclass(frozen=True)
class PairMetric:
    """A value of two pictures.

    Attributes:
        value: (picture, what it is compared with), each (height, width, channels) uint8 -> the value; or of the
            extractor's features of both, each (d,), if it is ``of_features``.
        against_targets: Whether samples are compared with the pictures that they should be; else an optimized graph's
            samples are compared with its source's, for which ``value`` is the loss itself.
        higher_is_better: Which way is up.
        of_features: Whether it is of an extractor's features.
    """

    value: Callable[[npt.NDArray[Any], npt.NDArray[Any]], float]
    against_targets: bool
    higher_is_better: bool = False
    of_features: bool = False


def levels(image: Image, other: Image) -> float:
    """Mean absolute difference in levels of 0..255."""
    return float(np.abs(image.astype(np.int16) - other).mean())


def psnr(image: npt.NDArray[Any], original: npt.NDArray[Any]) -> float:
    """Peak signal-to-noise ratio over all pixels and channels in dB, at most 100."""
    found = psnr_db(image, original)
    return _BEST_DB if found is None else min(found, _BEST_DB)


LEVELS = PairMetric(levels, against_targets=False)
PSNR = PairMetric(psnr, against_targets=True, higher_is_better=True)

PAIR_METRICS: Table[PairMetric] = Table(
    "metric of pairs",
    {
        "levels": "gantools.metrics.pairs:LEVELS",
        "psnr": "gantools.metrics.pairs:PSNR",
        "ssim": "gantools.metrics.ssim:SSIM",
        "features": "gantools.metrics.feature_distance:FEATURE_DISTANCE",
    },
)
