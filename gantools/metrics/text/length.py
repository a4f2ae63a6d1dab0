"""How long samples are, in words, and how far their lengths lie from those of real sentences.

The distance is the earth mover's (1-Wasserstein) distance between the two sets of lengths: how many words the mean
sample has to gain or lose, if that is done with least effort. It is small where the mean and everything else agrees.
Equal distributions have a distance above 0 that falls with both numbers of sentences.
"""

from __future__ import annotations

import math

import numpy as np

from gantools.metrics.metric import Doubles, Groups, means_without
from gantools.metrics.text.counts import Ints
from gantools.metrics.text.metric import Figure, TextMetric, Texts


def length_distance(lengths: Ints, others: Ints) -> float:
    """The earth mover's distance between two sets of lengths, in words.

    In one dimension it is the area between the two cumulative distributions (Vallender 1974).

    Args:
        lengths: (n,), 1 or more.
        others: (m,), 1 or more.
    """
    longest = int(max(lengths.max(), others.max()))
    return float(abs(_cumulative(lengths, longest) - _cumulative(others, longest)).sum())


def figures(texts: Texts, groups: Groups) -> list[Figure]:
    """The mean length and its standard deviation over samples."""
    lengths = texts.sample_counts[0].totals().astype(np.float64)
    mean, means = means_without(lengths, groups)
    square, squares = means_without(np.square(lengths - mean), groups)
    deviations: Doubles = np.sqrt(np.maximum(squares - np.square(means - mean), 0.0))
    return [
        Figure("length-mean", mean, means, "in words"),
        Figure("length-deviation", math.sqrt(square), deviations, "in words"),
    ]


def distance_figures(texts: Texts, groups: Groups) -> list[Figure]:
    """The distance of the samples' lengths from the references'."""
    lengths, real = texts.sample_counts[0].totals(), texts.reference_counts[0].totals()
    left = np.array([length_distance(np.delete(lengths, group), real) for group in groups])
    return [Figure("length-distance", length_distance(lengths, real), left, "earth mover's distance, in words")]


def _cumulative(lengths: Ints, longest: int) -> Doubles:
    found: Doubles = np.bincount(lengths, minlength=longest + 1).cumsum() / len(lengths)
    return found


LENGTH = TextMetric(
    ("length-mean", "length-deviation"),
    figures,
    against="nothing",
    biased_by=(),
    bounds=(0.0, math.inf),
    higher_is_better=None,
)
LENGTH_DISTANCE = TextMetric(
    ("length-distance",),
    distance_figures,
    against="references",
    biased_by=("samples", "references"),
    bounds=(0.0, math.inf),
)
