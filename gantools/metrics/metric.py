"""What a metric is: a distance between two sets of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError

Features = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]
Groups = Sequence[npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Metric:
    """A distance between feature sets, 0 where they have the same distribution.

    Attributes:
        statistics: features (n, d) -> what ``distance`` needs of them; made once for a reference set.
        distance: (generated, reference) statistics -> the value.
        deleted: (generated features, groups, reference statistics) -> (len(groups),) float64, the values with each
            group of rows left out, at less than the cost of starting anew.
        unbiased: Whether the expected value is the same for any number of samples. Values of a biased metric compare
            only at equal counts.
    """

    statistics: Callable[[Features], Any]
    distance: Callable[[Any, Any], float]
    deleted: Callable[[Features, Groups, Any], Doubles]
    unbiased: bool


def checked(features: Features) -> Doubles:
    """Features as float64, after refusing what no statistics can be made of.

    Raises:
        DataError: Not (n, d), fewer than two rows, or not finite.
    """
    if features.ndim != 2 or len(features) < 2:
        raise DataError(
            f"features must be (n, d) with n of 2 or more, got shape {features.shape}.", hint="score more images"
        )
    if not np.isfinite(features).all():
        raise DataError(
            f"{np.count_nonzero(~np.isfinite(features).all(1))} of {len(features)} feature rows are not finite.",
            hint="look at the images: the feature extractor may not suit them",
        )
    return features.astype(np.float64)


def check_widths(a: int, b: int) -> None:
    """Refuse features of different extractors.

    Raises:
        DataError: The widths differ.
    """
    if a != b:
        raise DataError(
            f"features are {a} wide and the reference's are {b}.", hint="use one feature extractor for both"
        )
