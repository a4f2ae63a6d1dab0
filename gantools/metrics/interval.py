"""How sure is a metric? A delete-a-group jackknife over the scored samples, with the reference set fixed.

The interval says how the value would move with other samples of the same generator. It says nothing about other
reference images, and for a biased metric it lies around the expected value at this number of samples, not around the
limit.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from gantools.core.errors import DataError
from gantools.metrics.metric import Doubles, Features, Groups

GROUPS = 20
CONFIDENCE = 0.95


def jackknife(
    statistic: Callable[[Features], float],
    features: Features,
    *,
    groups: int = GROUPS,
    confidence: float = CONFIDENCE,
    deleted: Callable[[Features, Groups], Doubles] | None = None,
) -> tuple[float, float, float]:
    """A statistic of independent rows and its confidence interval.

    Args:
        statistic: features (n, d) -> value.
        features: The rows.
        groups: How many groups are left out in turn; row i belongs to group i mod ``groups``.
        confidence: Share of such intervals that hold the expected value.
        deleted: (features, groups) -> the statistic with each group left out, when there is a cheaper way to it than
            computing it anew.

    Returns:
        (value, low, high).

    Raises:
        DataError: Fewer than two rows for each group.
    """
    chosen = split(len(features), groups)
    if deleted is None:
        values = np.array([statistic(np.delete(features, group, axis=0)) for group in chosen])
    else:
        values = deleted(features, chosen)
    value = statistic(features)
    return (value, *interval(value, values, confidence))


def split(count: int, groups: int = GROUPS) -> Groups:
    """Row numbers of each group: every ``groups``-th row, so that an order in the rows does not matter.

    Raises:
        DataError: Fewer than two rows for each group.
    """
    if groups < 2 or count < 2 * groups:
        raise DataError(
            f"an interval over {groups} groups needs at least 2 groups and 2 samples in each, got {count} samples.",
            hint=f"score at least {2 * max(groups, 2)} samples",
        )
    return [np.arange(first, count, groups) for first in range(groups)]


def interval(value: float, deleted: Doubles, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The interval around ``value`` from the values with each group left out.

    Variance (G - 1)/G sum (v_g - mean v)^2 (Efron and Stein, "The jackknife estimate of variance", 1981, with groups
    for single observations) and Student's t with G - 1 degrees of freedom. For a difference of two statistics of
    paired samples, hand over the difference of the values and of the ``deleted`` of both.
    """
    count = len(deleted)
    error = float(np.sqrt((count - 1) / count * np.square(deleted - deleted.mean()).sum()))
    reach = student_quantile(0.5 + confidence / 2.0, count - 1) * error
    return value - reach, value + reach


def student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t from the normal one (Abramowitz and Stegun 26.7.5): within 0.002 from 9 degrees on."""
    z: float = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4.0,
        (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0,
        (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0,
    )
    return z + sum(term / float(freedom**power) for power, term in enumerate(terms, start=1))
