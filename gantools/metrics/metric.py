"""What a metric is: a value of a set of generated rows, mostly against a set of real ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError

Features = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]
Groups = Sequence[npt.NDArray[np.int64]]
GROUPS = 20


@dataclass(frozen=True)
class Metric:
    """A value of generated rows, which are features or class probabilities, one row for each image or text.

    Attributes:
        statistics: rows (n, d) -> what ``value`` needs of a set; made once for a reference set.
        value: (generated, reference) statistics -> the value.
        leave_out: (generated rows, groups, reference statistics) -> the value, and (len(groups),) float64, the values
            with each group of rows left out, at less than the cost of starting anew.
        biased_by: The counts on which the expected value depends. Values compare only where these counts are equal.
        higher_is_better: Which way is up.
        rows: What it is computed from.
        against_references: Whether there is a reference set; without one, ``reference`` is None.
        protocol: The free choices of the metric as they were made, such as ``"k 3"``.
        bounds: Least and largest value there can be.
        groups: How many groups of rows its interval is made of.
    """

    statistics: Callable[[Features], Any]
    value: Callable[[Any, Any], float]
    leave_out: Callable[[Features, Groups, Any], tuple[float, Doubles]]
    biased_by: tuple[Literal["samples", "references"], ...]
    higher_is_better: bool = False
    rows: Literal["features", "probabilities"] = "features"
    against_references: bool = True
    protocol: str = ""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    groups: int = GROUPS


def checked(features: Features) -> Doubles:
    """Features as float64, after refusing what no statistics can be made of.

    Raises:
        DataError: Not (n, d), fewer than two rows, or not finite.
    """
    if features.ndim != 2 or len(features) < 2:
        raise DataError(
            f"features must be (n, d) with n of 2 or more, got shape {features.shape}.", hint="score more samples"
        )
    if not np.isfinite(features).all():
        raise DataError(
            f"{np.count_nonzero(~np.isfinite(features).all(1))} of {len(features)} feature rows are not finite.",
            hint="look at the samples: the feature extractor may not suit them",
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


def means_without(values: Doubles, groups: Groups) -> tuple[float, Doubles]:
    """The mean of ``values`` (n,), and the means with each group left out: (len(groups),)."""
    total = values.sum()
    left = [(total - values[group].sum()) / (len(values) - len(group)) for group in groups]
    return float(total / len(values)), np.array(left)
