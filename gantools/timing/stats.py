"""What may be said of a list of latencies: percentiles that the count supports, spread, and ratios with intervals.

Nothing is averaged and nothing is thrown away: slow calls are what a user notices.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.spec import Frozen

Values = npt.NDArray[np.float64]

BEYOND = 10
"""Values that must lie at or beyond a percentile on its thinner side before the percentile is stated."""
MIN_ROUNDS = 10
"""Rounds from which a bootstrap over rounds is stated."""
CONFIDENCE = 0.95
_RESAMPLES = 1000


class Ratio(Frozen):
    """A ratio of two medians.

    Attributes:
        value: Median of the first divided by the median of the second.
        interval: Percentile bootstrap over rounds; None with fewer than ``MIN_ROUNDS`` rounds. With several launches by
            the sign test over launches (``timing.paired``).
        confidence: Of the interval.
        rounds: How many rounds both took part in.
        launches: How often both were started. With 1 the interval knows nothing of what differs from start to start.
    """

    value: float
    interval: tuple[float, float] | None
    confidence: float = CONFIDENCE
    rounds: int
    launches: int = 1

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out 1."""
        return self.interval is not None and not self.interval[0] <= 1 <= self.interval[1]


def needed(percent: int) -> int:
    """How many values a percentile needs: 20 for the median, 100 for p90, 1000 for p99."""
    return ceil(BEYOND * 100 / min(percent, 100 - percent))


def nearest_rank(values: Values, percent: int) -> float:
    """The smallest value that at least ``percent`` % of all values do not exceed. No interpolation, no support rule."""
    return float(np.sort(values)[ceil(percent * len(values) / 100) - 1])


def percentile(values: Values, percent: int) -> float | None:
    """The nearest-rank percentile, or None where ``values`` are too few to support it. See ``needed``."""
    return nearest_rank(values, percent) if len(values) >= needed(percent) else None


def dispersion(values: Values) -> float | None:
    """Interquartile range as a share of the median; None with fewer values than quartiles need."""
    if len(values) < needed(25):
        return None
    return (nearest_rank(values, 75) - nearest_rank(values, 25)) / nearest_rank(values, 50)


def outliers(values: Values) -> int:
    """How many values lie beyond the third quartile by more than three interquartile ranges.

    Tukey's *far out* (Exploratory Data Analysis, 1977, 2D). Only slow ones: nothing is too fast.
    """
    if len(values) < needed(25):
        return 0
    low, high = nearest_rank(values, 25), nearest_rank(values, 75)
    return int(np.sum(values > high + 3 * (high - low)))


def drift(rounds: npt.NDArray[Any]) -> float | None:
    """By which share the median of the last third of the rounds lies above that of the first; None with too few.

    Args:
        rounds: (rounds, calls a round) in ms, in order.
    """
    if len(rounds) < MIN_ROUNDS:
        return None
    third = len(rounds) // 3
    return float(np.median(rounds[-third:]) / np.median(rounds[:third])) - 1


def median_interval(rounds: npt.NDArray[Any], *, seed: int = 0) -> tuple[float, float] | None:
    """A ``CONFIDENCE`` percentile bootstrap interval of the median, over rounds; None with fewer than ``MIN_ROUNDS``.

    Args:
        rounds: (rounds, calls a round) in ms.
        seed: Of the resampling.
    """
    if len(rounds) < MIN_ROUNDS:
        return None
    picked = np.random.default_rng(seed).integers(0, len(rounds), (_RESAMPLES, len(rounds)))
    medians = [np.median(rounds[one]) for one in picked]
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def ratio_of_medians(first: npt.NDArray[Any], second: npt.NDArray[Any], *, seed: int = 0) -> Ratio:
    """How many times larger the median of ``first`` is.

    Rounds are resampled, not single calls, and the same rounds for both: what disturbed the machine for a while
    disturbed neighbours alike, and calls within a round are not independent.

    Args:
        first: (rounds, calls a round) in ms.
        second: (rounds, its own calls a round) in ms, from the same rounds.
        seed: Of the resampling.
    """
    rounds = len(first)
    value = float(np.median(first) / np.median(second))
    if rounds < MIN_ROUNDS:
        return Ratio(value=value, interval=None, rounds=rounds)
    rng = np.random.default_rng(seed)
    ratios = np.empty(_RESAMPLES)
    for index, picked in enumerate(rng.integers(0, rounds, (_RESAMPLES, rounds))):
        ratios[index] = np.median(first[picked]) / np.median(second[picked])
    low, high = np.quantile(ratios, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Ratio(value=value, interval=(float(low), float(high)), rounds=rounds)
