"""How often which n-gram occurs in which sentence, as integers: what every metric of words is made of.

N-grams get numbers instead of hashes, so that no two can be mistaken for each other: an n-gram is the number of its
first n - 1 words' n-gram and that of its last word, and equal pairs get equal numbers. All of that is sorting in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt

from gantools.metrics.text.splitters import Sentences

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """The n-grams of a set of sentences for one n: one entry for each n-gram that a sentence holds.

    Attributes:
        sentences: (entries,) the sentence's row; ascending.
        grams: (entries,) the n-gram's number, below ``kinds``; the same in all sets that were counted together.
        counts: (entries,) how often it occurs there, 1 or more.
        size: How many sentences there are, those without an n-gram included.
        kinds: How many different n-grams occur in all sets that were counted together.
    """

    sentences: Ints
    grams: Ints
    counts: Ints
    size: int
    kinds: int

    def totals(self) -> Ints:
        """How many n-grams each sentence holds: (size,)."""
        return self.sums(self.counts)

    def sums(self, values: Ints) -> Ints:
        """Of values of the entries (entries,), the sum for each sentence: (size,)."""
        return np.bincount(self.sentences, values, self.size).astype(np.int64)

    def of(self, kept: npt.NDArray[np.bool_]) -> Counts:
        """The same without the sentences that ``kept`` (size,) is false for; rows keep their numbers."""
        entries = kept[self.sentences]
        return Counts(self.sentences[entries], self.grams[entries], self.counts[entries], self.size, self.kinds)


def counted(sets: Sequence[Sentences], longest: int) -> list[tuple[Counts, ...]]:
    """Count the n-grams of several sets, with the same numbers for the same n-grams in all of them.

    Args:
        sets: Sentences as lists of words.
        longest: The largest n.

    Returns:
        For each set, its counts for n = 1 to ``longest``.
    """
    sizes = [len(some) for some in sets]
    tokens, lengths = numbered(sets)
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    left = words_left(lengths)
    found: list[tuple[Counts, ...]] = [() for _ in sets]
    places, grams = np.arange(len(tokens)), tokens
    for n in range(1, longest + 1):
        if n > 1:
            places, grams = longer(places, grams, tokens, left, n)
        kinds = int(grams.max(initial=-1)) + 1
        keys, counts = np.unique(sentence[places] * max(kinds, 1) + grams, return_counts=True)
        rows, kind = np.divmod(keys, max(kinds, 1))
        ends = np.searchsorted(rows, np.cumsum([0, *sizes]))
        for number, (first, last) in enumerate(pairwise(ends)):
            part = slice(first, last)
            own = rows[part] - sum(sizes[:number])
            found[number] += (Counts(own, kind[part], counts[part], sizes[number], kinds),)
    return found


def numbered(sets: Sequence[Sentences]) -> tuple[Ints, Ints]:
    """All words of all sets as numbers (words,), and the lengths of all sentences (sentences,)."""
    vocabulary: dict[str, int] = {}
    flat = chain.from_iterable(chain.from_iterable(sets))
    tokens = np.fromiter((vocabulary.setdefault(word, len(vocabulary)) for word in flat), np.int64)
    return tokens, np.fromiter((len(sentence) for some in sets for sentence in some), np.int64)


def longer(places: Ints, grams: Ints, tokens: Ints, left: Ints, n: int) -> tuple[Ints, Ints]:
    """From the n-grams of n - 1 words to those of n.

    Args:
        places: (p,) where n-grams of n - 1 words begin.
        grams: (p,) their numbers.
        tokens: (words,) the words' numbers.
        left: (words,) how many words there are from each on to the end of its sentence.
        n: Of the n-grams to be made.

    Returns:
        Where those of n words begin, and their numbers, which count from 0 without gaps.
    """
    fits = left[places] >= n
    places, grams = places[fits], grams[fits]
    keys = grams * (int(tokens.max(initial=0)) + 1) + tokens[places + n - 1]
    return places, np.unique(keys, return_inverse=True)[1].astype(np.int64)


def words_left(lengths: Ints) -> Ints:
    """For each word, how many there are from it on to the end of its sentence: (words,)."""
    ends = np.repeat(np.cumsum(lengths), lengths)
    return ends - np.arange(len(ends))
