"""Inception score: whether a classifier is sure of each generated image and sees all classes. There is no reference.

Salimans et al., "Improved techniques for training GANs", 2016, section 4: exp of the mean Kullback-Leibler divergence
between the class probabilities of an image and their mean over all images; the mean of the scores of 10 splits. It
lies between 1 and the number of classes, grows with the number of images in a split, and depends wholly on what the
classifier was taught: only with ``inception-v3-tf`` it is the score of papers, and only on photographs it means much.
"""

from __future__ import annotations

import math

import numpy as np

from gantools.core.errors import DataError
from gantools.metrics.metric import Doubles, Features, Groups, Metric, checked

SPLITS = 10


def statistics(probabilities: Features) -> Doubles:
    """Probabilities (n, classes) as float64.

    Raises:
        DataError: Fewer rows than splits, or rows that do not sum to 1.
    """
    p = checked(probabilities)
    if len(p) < SPLITS:
        raise DataError(f"the Inception score is a mean over {SPLITS} splits, got {len(p)} images.")
    if (p < 0.0).any() or np.abs(p.sum(1) - 1.0).max() > 1e-3:
        raise DataError("rows of class probabilities must be 0 or more and sum to 1.")
    return p


def score(probabilities: Doubles, _reference: object = None) -> float:
    """The mean score over the splits; row i belongs to split i mod 10, so that an order in the rows does not matter."""
    return float(np.mean([_score(probabilities[first::SPLITS]) for first in range(SPLITS)]))


def leave_out(probabilities: Features, groups: Groups, _reference: object = None) -> tuple[float, Doubles]:
    """The score, and the scores with each group left out, where the groups are the splits.

    The splits are independent, so leaving out one of them is leaving its score out of the mean.
    """
    p = statistics(probabilities)
    scores = np.array([_score(p[group]) for group in groups])
    return float(scores.mean()), (scores.sum() - scores) / (len(scores) - 1)


def _score(p: Doubles) -> float:
    """The exponential of the entropy of the mean less the mean entropy, which is the mean divergence."""
    return float(np.exp(_entropies(p.mean(0, keepdims=True))[0] - _entropies(p).mean()))


def _entropies(p: Doubles) -> Doubles:
    entropies: Doubles = -(p * np.log(np.maximum(p, np.finfo(np.float64).tiny))).sum(1)
    return entropies


INCEPTION_SCORE = Metric(
    statistics,
    score,
    leave_out,
    biased_by=("samples",),
    higher_is_better=True,
    rows="probabilities",
    against_references=False,
    protocol=f"{SPLITS} splits",
    bounds=(1.0, math.inf),
    groups=SPLITS,
)
