"""Ratios of percentiles of two runs that were not interleaved: nothing that happened to one happened to the other.

The rounds of each run are therefore resampled by themselves. The interval holds the noise within both runs; what
differs from run to run, such as where memory came to lie, it cannot know of.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np

from gantools.timing.stats import CONFIDENCE, MIN_ROUNDS, Ratio, Values, nearest_rank

_RESAMPLES = 1000


def ratios_of_percentiles(
    before: Sequence[float],
    after: Sequence[float],
    percents: Sequence[int],
    *,
    blocks: tuple[int, int],
    seed: int = 0,
) -> dict[int, Ratio]:
    """How many times larger each percentile is after than before, with a bootstrap over the rounds of each run.

    Args:
        before: Every call of the first run in ms, in order.
        after: Every call of the second run in ms, in order.
        percents: Which percentiles.
        blocks: Calls in each round, of the first and of the second run. An incomplete last round is in the ratio and
            not in its interval.
        seed: Of the resampling.
    """
    values = (np.asarray(before, np.float64), np.asarray(after, np.float64))
    rounds = [_rounds(each, block) for each, block in zip(values, blocks, strict=True)]
    fewest = min(map(len, rounds))
    points = {percent: nearest_rank(values[1], percent) / nearest_rank(values[0], percent) for percent in percents}
    if fewest < MIN_ROUNDS:
        return {percent: Ratio(value=value, interval=None, rounds=fewest) for percent, value in points.items()}
    rng = np.random.default_rng(seed)
    first, second = (_resampled(each, percents, rng) for each in rounds)
    tail = (1 - CONFIDENCE) / 2
    found = {}
    for index, percent in enumerate(percents):
        low, high = np.quantile(second[:, index] / first[:, index], [tail, 1 - tail])
        found[percent] = Ratio(value=points[percent], interval=(float(low), float(high)), rounds=fewest)
    return found


def _rounds(values: Values, block: int) -> Values:
    """(complete rounds, calls of each)."""
    return values[: len(values) - len(values) % block].reshape(-1, block)


def _resampled(rounds: Values, percents: Sequence[int], rng: np.random.Generator) -> Values:
    """Percentiles of as many rounds drawn with replacement, (resamples, percents)."""
    found = np.empty((_RESAMPLES, len(percents)))
    ranks = [ceil(percent * rounds.size / 100) - 1 for percent in percents]
    for index, picked in enumerate(rng.integers(0, len(rounds), (_RESAMPLES, len(rounds)))):
        found[index] = np.partition(rounds[picked], ranks, axis=None)[ranks]
    return found
