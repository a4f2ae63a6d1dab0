"""How much of the samples is put together from long pieces of the training set.

``longest-copy`` is, of each sample, the longest run of its words that stands in one training sentence, as a share of
its length: 1 for a copy or a piece of one. ``new-4-grams`` is the share of all 4-grams of the samples that the training
set does not hold (McCoy et al., "How much do language models copy from their training data?", 2023).
Neither is good or bad by itself: real sentences of a test set say what is usual.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gantools.metrics.metric import Doubles, Groups, means_without
from gantools.metrics.text.counts import Ints, longer, numbered, words_left
from gantools.metrics.text.metric import Figure, TextMetric, Texts, ratio_without
from gantools.metrics.text.splitters import Sentence, Sentences

N = 4


def longest_copies(samples: Sentences, training: Sentences) -> Ints:
    """Of each sample, how many words its longest run has that stands in one training sentence: (samples,).

    N-grams grow by a word at a time, and only those go on that both sets hold, so the work is that of a few passes
    over what is copied.
    """
    tokens, lengths = numbered((samples, training))
    sentence, left = np.repeat(np.arange(len(lengths)), lengths), words_left(lengths)
    border = int(lengths[: len(samples)].sum())
    longest = np.zeros(len(samples), np.int64)
    places, grams, n = np.arange(len(tokens)), tokens, 1
    while len(places):
        of_sample = places < border
        kinds = int(grams.max()) + 1
        shared = np.zeros(kinds, bool)
        shared[grams[of_sample]] = True
        shared &= np.bincount(grams[~of_sample], minlength=kinds) > 0
        in_both = shared[grams]
        places, grams = places[in_both], grams[in_both]
        longest[sentence[places[places < border]]] = n
        n += 1
        places, grams = longer(places, grams, tokens, left, n)
    return longest


class Copy(NamedTuple):
    """A sample, its longest run of words that stands in one training sentence, and the first such sentence."""

    sample: Sentence
    run: Sentence
    source: Sentence


def copies(samples: Sentences, training: Sentences) -> list[Copy]:
    """Where the longest run of each sample comes from; samples that share no word with the training set are left out.

    Words must hold neither spaces nor line breaks, as those of the splitters do.
    """
    known = "\n".join(f" {' '.join(sentence)} " for sentence in training)
    found = []
    for sample, length in zip(samples, longest_copies(samples, training).tolist(), strict=True):
        runs = (sample[first : first + length] for first in range(len(sample) - length + 1)) if length else ()
        for run in runs:
            if (place := known.find(f" {' '.join(run)} ")) >= 0:
                end = known.find("\n", place)
                line = known[known.rfind("\n", 0, place) + 1 : end if end >= 0 else None]
                found.append(Copy(sample, run, line.split()))
                break
    return found


def longest_figures(texts: Texts, groups: Groups) -> list[Figure]:
    """The mean share of a sample that its longest copied run makes up; of one without words it is 0."""
    lengths = np.array([max(len(sample), 1) for sample in texts.samples])
    shares: Doubles = longest_copies(texts.samples, texts.training) / lengths
    return [Figure("longest-copy", *means_without(shares, groups), "share of the sample's words")]


def new_figures(texts: Texts, groups: Groups) -> list[Figure]:
    """The share of new n-grams, over all samples together."""
    own, known = texts.sample_counts[N - 1], texts.training_counts[N - 1]
    seen = np.zeros(own.kinds, bool)
    seen[known.grams] = True
    new = own.sums(own.counts * ~seen[own.grams])
    return [Figure(f"new-{N}-grams", *ratio_without(new, own.totals(), groups), f"n {N}")]


LONGEST_COPY = TextMetric(
    ("longest-copy",), longest_figures, against="training", biased_by=("references",), bounds=(0.0, 1.0)
)
NEW_NGRAMS = TextMetric(
    (f"new-{N}-grams",),
    new_figures,
    against="training",
    biased_by=("references",),
    bounds=(0.0, 1.0),
    higher_is_better=True,
)
