import numpy as np
import pytest

from gantools.core.errors import DataError
from gantools.metrics.text.distinct import distinct, only_in
from tests.metrics.text.by_definition import ngrams, written


def test_different_ngrams_are_counted_for_each_word() -> None:
    samples = [["a", "b", "a"], ["a", "b"]]
    assert distinct(samples, 1) == 2 / 5
    assert distinct(samples, 2) == 2 / 5  # "a b" and "b a", over words and not over pairs
    assert distinct(samples, 3) == 1 / 5


def test_it_is_that_of_the_definition() -> None:
    samples = written(0, 80)
    total = sum(map(len, samples))
    for n in (1, 2, 3, 4):
        assert distinct(samples, n) == len(set().union(*(ngrams(sample, n) for sample in samples))) / total


def test_a_kind_is_only_in_a_group_when_no_other_group_holds_it() -> None:
    kinds, groups = np.array([0, 0, 1, 1, 2, 4]), np.array([0, 0, 0, 1, 2, 2])
    assert only_in(kinds, groups, 4).tolist() == [1, 0, 2, 0]


def test_samples_without_words_are_refused() -> None:
    with pytest.raises(DataError, match="there is no word in 3 samples"):
        distinct([[], [], []], 2)
