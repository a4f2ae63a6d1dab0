"""Duplicates: the share of samples that repeat another one word for word, the first of each kind not counted.

The more samples, the more of them repeat, so compare only at equal numbers.
"""

from __future__ import annotations

import numpy as np

from gantools.metrics.metric import Groups
from gantools.metrics.text.counts import Ints
from gantools.metrics.text.distinct import only_in
from gantools.metrics.text.metric import Figure, TextMetric, Texts, group_of
from gantools.metrics.text.splitters import Sentences


def duplicates(samples: Sentences) -> float:
    """The share of samples that are not the first of their kind: 0 where all differ."""
    return 1.0 - len(np.unique(_kinds(samples))) / len(samples)


def figures(texts: Texts, groups: Groups) -> list[Figure]:
    """The share, over all samples."""
    kinds, size = _kinds(texts.samples), len(texts.samples)
    left = len(np.unique(kinds)) - only_in(kinds, group_of(groups), len(groups))
    kept = size - np.array([len(group) for group in groups])
    return [Figure("duplicates", duplicates(texts.samples), 1.0 - left / kept, "word for word")]


def _kinds(samples: Sentences) -> Ints:
    """A number for each sample, equal where they say the same: (samples,)."""
    known: dict[tuple[str, ...], int] = {}
    return np.array([known.setdefault(tuple(sample), len(known)) for sample in samples], np.int64)


DUPLICATES = TextMetric(("duplicates",), figures, against="nothing", biased_by=("samples",), bounds=(0.0, 1.0))
