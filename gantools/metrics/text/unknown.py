"""What a generator owes its reader: the share of samples without a word, and of words that stand for an unknown one."""

from __future__ import annotations

import numpy as np

from gantools.metrics.metric import Groups, means_without
from gantools.metrics.text.metric import Figure, TextMetric, Texts, ratio_without


def empty_figures(texts: Texts, groups: Groups) -> list[Figure]:
    """The share of samples that hold no word."""
    empty = np.array([not len(sample) for sample in texts.samples], np.float64)
    return [Figure("empty", *means_without(empty, groups), "without a word")]


def unknown_figures(texts: Texts, groups: Groups) -> list[Figure]:
    """The share of words that are ``texts.unknown``, over all samples together."""
    unknown = np.array([list(sample).count(texts.unknown) for sample in texts.samples], np.int64)
    lengths = texts.sample_counts[0].totals()
    return [Figure("unknown", *ratio_without(unknown, lengths, groups), f"words that are {texts.unknown}")]


EMPTY = TextMetric(("empty",), empty_figures, against="nothing", biased_by=(), bounds=(0.0, 1.0))
UNKNOWN = TextMetric(("unknown",), unknown_figures, against="nothing", biased_by=(), bounds=(0.0, 1.0))
