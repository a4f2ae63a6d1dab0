"""Novelty: the share of samples that are not in the training set word for word.

It sees whole copies only; ``overlap`` sees parts of sentences. Real sentences repeat each other too, short ones above
all: what is new in a held-out test set is what a perfect generator would have.
"""

from __future__ import annotations

import numpy as np

from gantools.metrics.metric import Doubles, Groups, means_without
from gantools.metrics.text.metric import Figure, TextMetric, Texts
from gantools.metrics.text.splitters import Sentences


def are_new(samples: Sentences, training: Sentences) -> Doubles:
    """1 for each sample that equals no training sentence, 0 for the others: (samples,)."""
    known = {tuple(sentence) for sentence in training}
    return np.array([tuple(sample) not in known for sample in samples], np.float64)


def figures(texts: Texts, groups: Groups) -> list[Figure]:
    """The share of new samples."""
    return [Figure("novelty", *means_without(are_new(texts.samples, texts.training), groups), "word for word")]


NOVELTY = TextMetric(
    ("novelty",), figures, against="training", biased_by=("references",), bounds=(0.0, 1.0), higher_is_better=True
)
