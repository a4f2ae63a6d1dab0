"""BLEU of each generated sentence against all real ones: how much of it has been written before.

Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", 2002: the geometric mean of the
clipped n-gram precisions for n = 1 to N (equation 1 and section 2.1), times the brevity penalty of section 2.3. As the
papers on text generators use it (Zhu et al., "Texygen", 2018; TextGAN): of one sentence at a time, with every sentence
of the test set as a reference, and the mean over sentences. A precision of 0 counts as 0.1 n-grams (method 1 of Chen
and Cherry, "A Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU", 2014, with NLTK's constant).

It grows with the number of references, and says nothing about variety: a generator that writes one good sentence over
and over has a BLEU of 1. ``self_bleu`` belongs beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gantools.core.errors import DataError
from gantools.metrics.metric import Doubles, Groups, means_without
from gantools.metrics.text.counts import Counts, Ints, counted
from gantools.metrics.text.metric import Figure, TextMetric, Texts
from gantools.metrics.text.splitters import Sentences

ORDERS = (2, 3, 4, 5)
EPSILON = 0.1
SMOOTHING = f"smoothing method 1 ({EPSILON})"


def sentence_bleu(hypotheses: Sentences, references: Sentences, orders: Sequence[int] = ORDERS) -> Doubles:
    """BLEU of every hypothesis against all references.

    Args:
        hypotheses: Sentences as lists of words.
        references: Sentences as lists of words; each is a reference for every hypothesis.
        orders: The largest n of each score; 4 is BLEU-4, with equal weights for n = 1 to 4.

    Returns:
        (len(orders), len(hypotheses)), from 0 to 1. A sentence that shares no word with the references has 0. As in
        NLTK, one that is shorter than n words has one n-gram, which is not among the references'.

    Raises:
        DataError: No references.
    """
    if not len(references):
        raise DataError("BLEU needs references, got none.", hint="score against the sentences of a test set")
    own, real = counted((hypotheses, references), max(orders))
    return scores(own, real, orders)


def scores(hypotheses: Sequence[Counts], references: Sequence[Counts], orders: Sequence[int] = ORDERS) -> Doubles:
    """``sentence_bleu`` of counts for n = 1, 2, ... that were made together."""
    matched = np.stack([_clipped(own, _most(real)) for own, real in zip(hypotheses, references, strict=True)])
    totals = np.stack([own.totals() for own in hypotheses])
    return combined(matched, totals, closest(totals[0], references[0].totals()), orders)


def combined(matched: Ints, totals: Ints, references: Ints, orders: Sequence[int]) -> Doubles:
    """Scores from counts.

    Args:
        matched: (n, sentences) clipped counts of n-grams that a reference holds, for n = 1, 2, ...
        totals: (n, sentences) counts of n-grams.
        references: (sentences,) the length of the reference that is closest in length.
        orders: The largest n of each score.

    Returns:
        (len(orders), sentences).
    """
    precisions = np.where(matched > 0, matched, EPSILON) / np.maximum(totals, 1)
    means = np.cumsum(np.log(precisions), axis=0) / np.arange(1, len(matched) + 1)[:, None]
    lengths = np.maximum(totals[0], 1)
    brevity = np.exp(np.minimum(1.0 - references / lengths, 0.0))
    found: Doubles = np.where(matched[0] > 0, brevity * np.exp(means), 0.0)
    return found[[order - 1 for order in orders]]


def closest(lengths: Ints, available: Ints) -> Ints:
    """For each length (n,), the closest of those that are ``available``; of two equally close ones the shorter."""
    known = np.unique(available)
    above = np.searchsorted(known, lengths).clip(max=len(known) - 1)
    longer, shorter = known[above], known[np.maximum(above - 1, 0)]
    found: Ints = np.where(abs(lengths - shorter) <= abs(longer - lengths), shorter, longer)
    return found


def _most(counts: Counts) -> Ints:
    """For each n-gram the most times that it occurs in one sentence: (kinds,)."""
    most = np.zeros(counts.kinds, np.int64)
    np.maximum.at(most, counts.grams, counts.counts)
    return most


def _clipped(counts: Counts, most: Ints) -> Ints:
    """For each sentence, how many of its n-grams are matched, none more often than ``most`` says: (size,)."""
    return counts.sums(np.minimum(counts.counts, most[counts.grams]))


def figures(texts: Texts, groups: Groups) -> list[Figure]:
    """BLEU-2 to BLEU-5 of the samples against the references: means over samples."""
    found = []
    for order, values in zip(ORDERS, scores(texts.sample_counts, texts.reference_counts), strict=True):
        protocol = f"n {order}, every reference for every sample, {SMOOTHING}"
        found.append(Figure(f"bleu-{order}", *means_without(values, groups), protocol))
    return found


BLEU = TextMetric(
    tuple(f"bleu-{order}" for order in ORDERS),
    figures,
    against="references",
    biased_by=("references",),
    bounds=(0.0, 1.0),
    higher_is_better=True,
)
