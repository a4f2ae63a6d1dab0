"""How much faster one variant is than another when both were started several times, and took turns each time.

Two processes of one program differ: by where their memory lies, by the cores that the kernel gave them. Rounds within a
process know nothing of that, however many there are, so an interval over rounds raises false alarms (Kalibera & Jones,
"Rigorous benchmarking in reasonable time", 2013, section 5). Here the launches are the sample.
"""

from __future__ import annotations

from math import ceil, comb
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.timing.stats import CONFIDENCE, Ratio

MIN_LAUNCHES = 6
"""Launches from which an interval of 95 % exists: all six on one side have a probability of 3 %."""


def ratio_over_launches(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Ratio:
    """How many times larger ``first`` is: the median over launches, with the interval of the sign test.

    In every launch it is the median over rounds of the ratio of the round's lower quartiles. What disturbs a call only
    ever slows it, so quartiles tell more of a program than medians do where neighbours share the machine; and a round
    or a launch in which one variant alone was disturbed counts for no more than any other.

    The interval is that of order statistics. If both are equal, their launches are as likely to fall on one side of 1
    as on the other, whatever the noise looks like, and that is all it supposes.

    Args:
        first: (launches, rounds, calls a round) in ms.
        second: (launches, rounds, its own calls a round) in ms, from the same launches and rounds.
    """
    of_rounds = _lower_quartiles(first) / _lower_quartiles(second)
    of_launches = np.sort(np.median(of_rounds, axis=1))
    launches = len(of_launches)
    return Ratio(
        value=float(np.median(of_launches)),
        interval=_interval(of_launches),
        rounds=of_rounds.size,
        launches=launches,
    )


def _lower_quartiles(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Nearest rank, over the last axis."""
    rank = ceil(values.shape[-1] / 4) - 1
    quartiles: npt.NDArray[Any] = np.partition(values, rank, axis=-1)[..., rank]
    return quartiles


def _interval(ordered: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Of the median of a population, from a sample in order; None with too few for ``CONFIDENCE``."""
    count, beyond, outside = len(ordered), 0, 0.0
    while True:
        outside += 2 * comb(count, beyond) / 2**count
        if outside > 1 - CONFIDENCE:
            break
        beyond += 1
    return (float(ordered[beyond - 1]), float(ordered[-beyond])) if beyond else None
