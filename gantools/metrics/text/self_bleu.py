"""Self-BLEU: BLEU of each generated sentence against all other generated ones. Higher means less variety.

Zhu et al., "Texygen: A Benchmarking Platform for Text Generation Models", 2018. The references are the
samples themselves, so the value grows with their number: compare only at equal numbers. A sentence that was generated
twice has 1.

The interval leaves groups of samples out, as hypotheses and as references at once. A bootstrap would not do: it draws
sentences twice, and their score is 1. In 200 draws of 400 out of 20,000 captions, intervals at 95 % held the expected
value in 98 to 99 % and were 1.1 to 1.3 times as wide as needed; a jackknife errs to that side (Efron and Stein 1981).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError
from gantools.metrics.metric import Doubles, Groups
from gantools.metrics.text.bleu import ORDERS, SMOOTHING, closest, combined
from gantools.metrics.text.counts import Counts, Ints, counted
from gantools.metrics.text.metric import Figure, TextMetric, Texts
from gantools.metrics.text.splitters import Sentences


def sentence_self_bleu(samples: Sentences, orders: Sequence[int] = ORDERS) -> Doubles:
    """BLEU of every sample against all others.

    Args:
        samples: Two sentences or more, as lists of words.
        orders: The largest n of each score, as in ``bleu.sentence_bleu``.

    Returns:
        (len(orders), len(samples)), from 0 to 1.

    Raises:
        DataError: Fewer than two samples.
    """
    if len(samples) < 2:
        raise DataError(f"self-BLEU needs 2 samples or more, got {len(samples)}.", hint="score more samples")
    return scores(counted((samples,), max(orders))[0], orders)


def scores(samples: Sequence[Counts], orders: Sequence[int] = ORDERS) -> Doubles:
    """``sentence_self_bleu`` of counts for n = 1, 2, ..."""
    totals = np.stack([counts.totals() for counts in samples])
    matched = np.stack([_matched(counts) for counts in samples])
    return combined(matched, totals, _closest_other(totals[0]), orders)


def _matched(counts: Counts) -> Ints:
    """For each sentence, how many of its n-grams occur in another one, clipped by that one's count: (size,).

    The most that an n-gram occurs in another sentence is the most in any, but for one sentence that holds it the most
    often; for that one it is the most among the rest.
    """
    most, second = np.zeros(counts.kinds, np.int64), np.zeros(counts.kinds, np.int64)
    np.maximum.at(most, counts.grams, counts.counts)
    holds_most = counts.counts == most[counts.grams]
    holder = np.full(counts.kinds, -1)
    holder[counts.grams[holds_most]] = counts.sentences[holds_most]
    others = counts.sentences != holder[counts.grams]
    np.maximum.at(second, counts.grams[others], counts.counts[others])
    limits = np.where(others, most[counts.grams], second[counts.grams])
    return counts.sums(np.minimum(counts.counts, limits))


def _closest_other(lengths: Ints) -> Ints:
    """For each sentence's length, the closest length of another sentence; of two equally close ones the shorter."""
    known, place, times = np.unique(lengths, return_inverse=True, return_counts=True)
    found = known.copy()
    for row in np.flatnonzero(times == 1):
        found[row] = closest(known[row : row + 1], np.delete(known, row))[0]
    return found[place]


def without(samples: Sequence[Counts], group: npt.NDArray[np.int64], orders: Sequence[int] = ORDERS) -> Doubles:
    """Self-BLEU once the sentences of ``group`` are gone, as hypotheses and as references: (len(orders),)."""
    kept = np.ones(samples[0].size, bool)
    kept[group] = False
    number = np.cumsum(kept) - 1
    left = []
    for counts in samples:
        few = counts.of(kept)
        left.append(Counts(number[few.sentences], few.grams, few.counts, int(kept.sum()), few.kinds))
    values: Doubles = scores(left, orders).mean(1)
    return values


def figures(texts: Texts, groups: Groups) -> list[Figure]:
    """Self-BLEU-2 to self-BLEU-5 of the samples."""
    values = scores(texts.sample_counts).mean(1)
    left = np.stack([without(texts.sample_counts, group) for group in groups])
    return [
        Figure(
            f"self-bleu-{order}",
            float(values[place]),
            left[:, place],
            f"n {order}, every other sample for every sample, {SMOOTHING}",
        )
        for place, order in enumerate(ORDERS)
    ]


SELF_BLEU = TextMetric(
    tuple(f"self-bleu-{order}" for order in ORDERS),
    figures,
    against="nothing",
    biased_by=("samples",),
    bounds=(0.0, 1.0),
)
