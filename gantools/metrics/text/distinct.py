"""Distinct-n: how many different n-grams the samples hold, for each word of theirs.

Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models", 2016, section 5:
different n-grams over all samples, divided by the number of generated words. The more samples, the fewer of their
n-grams are new, so compare only at equal numbers.
"""

from __future__ import annotations

import numpy as np

from gantools.core.errors import DataError
from gantools.metrics.metric import Doubles, Groups
from gantools.metrics.text.counts import Counts, Ints, counted
from gantools.metrics.text.metric import Figure, TextMetric, Texts, group_of
from gantools.metrics.text.splitters import Sentences

ORDERS = (1, 2, 3)


def distinct(samples: Sentences, n: int) -> float:
    """Different n-grams for each word.

    Args:
        samples: Sentences as lists of words.
        n: Of the n-grams.

    Returns:
        From 0 to 1.

    Raises:
        DataError: There are no words.
    """
    (counts,) = counted((samples,), n)
    return len(np.unique(counts[n - 1].grams)) / _words(counts[0])


def only_in(kinds: Ints, groups: Ints, number: int) -> Ints:
    """How many kinds occur in one group alone, for each group: (number,).

    Args:
        kinds: (entries,) what occurs, as numbers.
        groups: (entries,) the group in which it does.
        number: How many groups there are.
    """
    size = int(kinds.max(initial=-1)) + 1
    first, last = np.full(size, number), np.full(size, -1)
    np.minimum.at(first, kinds, groups)
    np.maximum.at(last, kinds, groups)
    return np.bincount(first[first == last], minlength=number)


def figures(texts: Texts, groups: Groups) -> list[Figure]:
    """Distinct-1 to distinct-3 of the samples."""
    of_sentence, found = group_of(groups), []
    lengths = texts.sample_counts[0].totals()
    total = _words(texts.sample_counts[0])
    totals = total - np.array([lengths[group].sum() for group in groups])
    for n in ORDERS:
        counts = texts.sample_counts[n - 1]
        kinds = len(np.unique(counts.grams))
        left: Doubles = (kinds - only_in(counts.grams, of_sentence[counts.sentences], len(groups))) / totals
        found.append(Figure(f"distinct-{n}", kinds / total, left, f"n {n}, for each word"))
    return found


def _words(counts: Counts) -> int:
    total = int(counts.counts.sum())
    if not total:
        raise DataError(f"there is no word in {counts.size} samples.", hint="look at the samples: all are empty")
    return total


DISTINCT = TextMetric(
    tuple(f"distinct-{n}" for n in ORDERS),
    figures,
    against="nothing",
    biased_by=("samples",),
    bounds=(0.0, 1.0),
    higher_is_better=True,
)
