"""What lies in a source of texts before a model is chosen: lengths, words, repetitions, what it shares with another.

It needs no tokenizer: what a vocabulary of some size would not know follows from how often each word occurs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gantools.data.lines import Lines
from gantools.data.texts import folded
from gantools.runtime.tokens import SPECIAL

VOCABULARIES = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
_BINS = 12
_KEPT = 50  # most frequent units, and most repeated texts


@dataclass(frozen=True)
class Lengths:
    """How many units the texts have.

    Attributes:
        shortest: Of all texts.
        median: Half of the texts have no more.
        most: 95 of 100 texts have no more.
        longest: Of all texts.
        histogram: (from, to, texts), both ends included, without gaps; the last bin ends with the longest.
    """

    shortest: int
    median: int
    most: int
    longest: int
    histogram: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Coverage:
    """What a vocabulary of the most frequent units would not know.

    Attributes:
        vocabulary: Its size, special tokens included.
        unknown: Share of all units.
        texts: Share of the texts with at least one of them.
    """

    vocabulary: int
    unknown: float
    texts: float


@dataclass(frozen=True)
class Units:
    """Texts counted in words, or in characters.

    Attributes:
        total: In all texts.
        distinct: Different ones.
        lengths: Of the texts.
        frequent: The most frequent ones and how often they occur.
        coverage: At sizes of a vocabulary, the last of which knows all.
    """

    total: int
    distinct: int
    lengths: Lengths
    frequent: tuple[tuple[str, int], ...]
    coverage: tuple[Coverage, ...]


@dataclass(frozen=True)
class TextSurvey:
    """Of all texts of a source.

    Attributes:
        words: What stands between white space.
        characters: Of Unicode.
        repeated: Texts that are equal to an earlier one.
        nearly_repeated: Texts that differ from an earlier one in case, white space and punctuation alone.
        most_repeated: Texts that occur more than once, and how often.
    """

    words: Units
    characters: Units
    repeated: int
    nearly_repeated: int
    most_repeated: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class TextLeaks:
    """Texts of a test set that are in another set too, each once.

    Attributes:
        distinct: Different texts of the test set.
        equal: Those that the other set has exactly so.
        near: Those of which the other set has one that differs in case, white space and punctuation alone.
    """

    distinct: int
    equal: tuple[str, ...]
    near: tuple[tuple[str, str], ...]


def survey_texts(lines: Lines) -> TextSurvey:
    """Count what lies in a source.

    Args:
        lines: With at least one text.
    """
    repetitions = Counter(lines.texts)
    repeated = len(lines.texts) - len(repetitions)
    return TextSurvey(
        words=_units(lines.texts, str.split),
        characters=_units(lines.texts, list),
        repeated=repeated,
        nearly_repeated=len(repetitions) - len(set(map(folded, repetitions))),
        most_repeated=tuple((text, count) for text, count in repetitions.most_common(_KEPT) if count > 1),
    )


def find_text_leaks(lines: Lines, test: Lines) -> TextLeaks:
    """What a test set shares with the set that a model is trained on."""
    exact, near = set(lines.texts), {folded(text): text for text in lines.texts}
    distinct = tuple(dict.fromkeys(test.texts))
    return TextLeaks(
        len(distinct),
        tuple(text for text in distinct if text in exact),
        tuple((near[key], text) for text in distinct if text not in exact and (key := folded(text)) in near),
    )


def _units(texts: Sequence[str], cut: Callable[[str], Iterable[str]]) -> Units:
    counts = Counter[str]()
    lengths = np.zeros(len(texts), np.int64)
    for number, text in enumerate(texts):
        units = list(cut(text))
        counts.update(units)
        lengths[number] = len(units)
    ranked = sorted(counts, key=lambda unit: (-counts[unit], unit))
    ranks = {unit: rank for rank, unit in enumerate(ranked)}
    rarest = np.array([max(ranks[unit] for unit in cut(text)) for text in texts])  # of each text
    known = np.cumsum([counts[unit] for unit in ranked])
    total = int(known[-1])
    all_of_them = len(ranked) + len(SPECIAL)
    sizes = [size for size in VOCABULARIES if size < all_of_them]
    coverage = [
        Coverage(size, 1 - int(known[size - len(SPECIAL) - 1]) / total, float((rarest >= size - len(SPECIAL)).mean()))
        for size in (*sizes, all_of_them)
    ]
    frequent = tuple((unit, counts[unit]) for unit in ranked[:_KEPT])
    return Units(total, len(ranked), _lengths(lengths), frequent, tuple(coverage))


def _lengths(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Lengths:
    ordered = np.sort(values)
    median, most = (int(ordered[int(np.ceil(share * len(ordered))) - 1]) for share in (0.5, 0.95))
    shortest, longest = int(ordered[0]), int(ordered[-1])
    # One very long text shall not press all others into one bin: the last bin takes what is above most of them.
    width = max(1, -(-(most - shortest + 1) // (_BINS - 1)))
    starts = [start for start in range(shortest, shortest + _BINS * width, width) if start <= longest]
    ends = [*(start - 1 for start in starts[1:]), longest]
    histogram = tuple(
        (start, end, int(((values >= start) & (values <= end)).sum())) for start, end in zip(starts, ends, strict=True)
    )
    return Lengths(shortest, median, most, longest, histogram)
