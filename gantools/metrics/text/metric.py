"""What a metric of words is: figures of generated sentences, some of them against real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from gantools.core.errors import DataError
from gantools.metrics.metric import Doubles, Groups
from gantools.metrics.text.counts import Counts, Ints, counted
from gantools.metrics.text.splitters import Sentences

LONGEST = 5  # n of the longest n-grams that are counted for all metrics together


@dataclass(frozen=True)
class Texts:
    """What is scored, and against what. Sentences are lists of words.

    Attributes:
        samples: Generated.
        references: Real, and not seen in training.
        training: What the generator was trained on, where it is known; it is searched for what was copied.
        unknown: The word that stands for all words that the generator does not know.
    """

    samples: Sentences
    references: Sentences = ()
    training: Sentences = ()
    unknown: str = "<unk>"

    @property
    def sample_counts(self) -> tuple[Counts, ...]:
        """N-grams of the samples, for n = 1 to 5."""
        return self._counts[0]

    @property
    def reference_counts(self) -> tuple[Counts, ...]:
        """N-grams of the references, for n = 1 to 5.

        Raises:
            DataError: There are no references.
        """
        if not len(self.references):
            raise DataError("there are no reference sentences.", hint="score against the sentences of a test set")
        return self._counts[1]

    @property
    def training_counts(self) -> tuple[Counts, ...]:
        """N-grams of what was trained on, for n = 1 to 5."""
        return self._counts[2]

    @cached_property
    def _counts(self) -> list[tuple[Counts, ...]]:
        return counted((self.samples, self.references, self.training), LONGEST)


class Figure(NamedTuple):
    """One value and what its interval is made of.

    Attributes:
        name: Such as ``"bleu-4"``.
        value: Of all samples.
        without: (groups,) float64, the values with each group of samples left out.
        protocol: The free choices of the metric, such as ``"n 4"``.
    """

    name: str
    value: float
    without: Doubles
    protocol: str


@dataclass(frozen=True)
class TextMetric:
    """Figures that are computed together.

    Attributes:
        names: Of the figures, in their order.
        figures: (texts, groups of samples) -> figures, always those.
        against: What the samples are compared with.
        biased_by: The counts on which the expected values depend. Values compare only where these counts are equal.
        bounds: Least and largest value there can be.
        higher_is_better: Which way is up; None where a figure is to be as that of real text.
    """

    names: tuple[str, ...]
    figures: Callable[[Texts, Groups], list[Figure]]
    against: Literal["references", "training", "nothing"]
    biased_by: tuple[Literal["samples", "references"], ...]
    bounds: tuple[float, float]
    higher_is_better: bool | None = False


def group_of(groups: Groups) -> Ints:
    """For each sample, the number of its group: (samples,)."""
    found = np.zeros(sum(len(group) for group in groups), np.int64)
    for number, group in enumerate(groups):
        found[group] = number
    return found


def ratio_without(parts: Ints, wholes: Ints, groups: Groups) -> tuple[float, Doubles]:
    """The sum of ``parts`` (n,) over that of ``wholes`` (n,), and the same with each group left out: (len(groups),).

    Where there is no whole, there is no part of it either, and the ratio is 0.
    """
    part = parts.sum() - np.array([parts[group].sum() for group in groups])
    whole = wholes.sum() - np.array([wholes[group].sum() for group in groups])
    left: Doubles = part / np.maximum(whole, 1)
    return float(parts.sum() / max(wholes.sum(), 1)), left
