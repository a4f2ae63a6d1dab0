from collections import Counter

import numpy as np

from gantools.metrics.text.counts import Counts, counted
from tests.metrics.text.by_definition import ngrams, written


def of_sentence(counts: Counts, row: int) -> Counter[int]:
    here = counts.sentences == row
    return Counter(dict(zip(counts.grams[here].tolist(), counts.counts[here].tolist(), strict=True)))


def test_counts_are_those_of_every_sentence_and_equal_ngrams_have_equal_numbers() -> None:
    sets = [written(0, 40), written(1, 30)]
    found = counted(sets, 4)
    cases = 0
    for n in range(1, 5):
        numbers: dict[tuple[str, ...], set[int]] = {}
        for sentences, counts in zip(sets, found, strict=True):
            for row, sentence in enumerate(sentences):
                expected, own = ngrams(sentence, n), of_sentence(counts[n - 1], row)
                assert sorted(own.values()) == sorted(expected.values())
                assert counts[n - 1].totals()[row] == expected.total()
                for number, count in own.items():
                    named = [gram for gram, times in expected.items() if times == count]
                    assert named
                    if len(named) == 1:
                        numbers.setdefault(named[0], set()).add(number)
                cases += 1
        assert all(len(some) == 1 for some in numbers.values())
        assert len(set.union(*numbers.values())) == len(numbers)
    assert cases == 4 * 70


def test_no_ngram_reaches_over_the_end_of_a_sentence() -> None:
    (counts,) = counted(([["a", "b"], ["c"], ["a", "b"]],), 3)
    assert counts[1].sentences.tolist() == [0, 2]
    assert len(set(counts[1].grams.tolist())) == 1
    assert counts[2].totals().tolist() == [0, 0, 0]


def test_sentences_without_words_are_rows_like_others() -> None:
    first, second = counted(([[], ["a"], []], [[]]), 2)
    assert first[0].totals().tolist() == [0, 1, 0]
    assert second[0].totals().tolist() == [0]


def test_without_any_word_there_is_nothing_to_count() -> None:
    found = counted(([[], []], []), 3)
    assert [counts.totals().tolist() for counts in found[0]] == [[0, 0]] * 3
    assert [counts.size for counts in found[1]] == [0] * 3


def test_sentences_that_are_left_out_have_no_entries() -> None:
    (counts,) = counted((written(3, 10),), 2)
    kept = np.arange(10) % 2 == 0
    totals = counts[1].of(kept).totals()
    assert totals[kept].tolist() == counts[1].totals()[kept].tolist()
    assert totals[~kept].sum() == 0
