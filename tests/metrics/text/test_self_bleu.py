import numpy as np
import pytest

from gantools.core.errors import DataError
from gantools.metrics.interval import split
from gantools.metrics.text.counts import counted
from gantools.metrics.text.self_bleu import scores, sentence_self_bleu, without
from tests.metrics.text import by_definition
from tests.metrics.text.by_definition import written


def test_every_score_is_that_of_the_definition() -> None:
    samples = written(0, 45)
    found = sentence_self_bleu(samples, (1, 2, 3, 4, 5))
    for order in (1, 2, 3, 4, 5):
        np.testing.assert_allclose(found[order - 1], by_definition.self_bleu(samples, order), rtol=1e-12)


def test_a_sentence_is_no_reference_of_its_own() -> None:
    assert sentence_self_bleu([["a", "b"], ["c", "d"]]).tolist() == [[0.0, 0.0]] * 4


def test_the_one_that_holds_a_word_most_often_is_clipped_by_the_second() -> None:
    """Of three times 'a' two match, and of two both, where the closest length is the shorter of 1 and 3."""
    found = sentence_self_bleu([["a", "a", "a"], ["a", "a"], ["b"]], (1,))[0]
    assert found.tolist() == pytest.approx([2 / 3, 1.0, 0.0])


def test_sentences_that_were_generated_twice_have_one() -> None:
    samples = written(1, 20, shortest=5, longest=9)
    np.testing.assert_allclose(sentence_self_bleu([*samples, *samples]), 1.0, rtol=1e-12)


def test_leaving_a_group_out_equals_computing_without_it() -> None:
    samples = written(2, 120)
    (counts,) = counted((samples,), 5)
    groups = split(len(samples), 10)
    for group in groups:
        few = [sample for row, sample in enumerate(samples) if row not in set(group.tolist())]
        np.testing.assert_allclose(without(counts, group), sentence_self_bleu(few).mean(1), rtol=1e-12)
    assert len(groups) == 10
    np.testing.assert_array_equal(scores(counts), sentence_self_bleu(samples))


def test_fewer_different_sentences_have_a_higher_self_bleu() -> None:
    samples = written(3, 200, words=60, shortest=6)
    values = [sentence_self_bleu((samples[:few] * 200)[:200]).mean() for few in (200, 150, 100)]
    assert values[0] < values[1] < values[2] == pytest.approx(1.0)


def test_one_sample_has_no_others() -> None:
    with pytest.raises(DataError, match="self-BLEU needs 2 samples or more, got 1"):
        sentence_self_bleu([["a"]])
