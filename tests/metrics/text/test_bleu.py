import math

import numpy as np
import pytest

from gantools.core.errors import DataError
from gantools.metrics.text.bleu import ORDERS, closest, sentence_bleu
from tests.metrics.text import by_definition
from tests.metrics.text.by_definition import written


def one(hypothesis: str, *references: str) -> list[float]:
    return [float(value) for value in sentence_bleu([hypothesis.split()], [line.split() for line in references])[:, 0]]


def test_every_score_is_that_of_the_definition() -> None:
    hypotheses, references = written(0, 60), written(1, 25)
    found = sentence_bleu(hypotheses, references, (1, 2, 3, 4, 5))
    assert found.shape == (5, 60)
    for order in (1, 2, 3, 4, 5):
        expected = [by_definition.bleu(sentence, references, order) for sentence in hypotheses]
        np.testing.assert_allclose(found[order - 1], expected, rtol=1e-12)


def test_a_sentence_of_the_references_has_one() -> None:
    references = written(2, 20, longest=12, shortest=5)
    np.testing.assert_allclose(sentence_bleu(references[:7], references), 1.0, rtol=1e-12)


def test_counts_are_clipped_by_the_reference_that_holds_most() -> None:
    """The example of Papineni et al., section 2.1: 2 of 7 unigrams, not 7 of 7; no bigram."""
    references = ("the cat is on the mat", "there is a cat on the mat")
    found = sentence_bleu([["the"] * 7], [line.split() for line in references], (1, 2))
    assert found[0, 0] == pytest.approx(2 / 7)
    assert found[1, 0] == pytest.approx(math.sqrt(2 / 7 * 0.1 / 6))


def test_precisions_are_averaged_geometrically_and_an_absent_one_counts_a_tenth() -> None:
    # 4 of 5 words, 2 of 4 pairs, 1 of 3 triples, none of 2 and none of 1
    found = one("a b c x e", "a b c d e")
    precisions = [4 / 5, 2 / 4, 1 / 3, 0.1 / 2, 0.1 / 1]
    expected = [math.prod(precisions[:order]) ** (1 / order) for order in ORDERS]
    assert found == pytest.approx(expected)


def test_short_sentences_pay_and_long_ones_do_not() -> None:
    assert one("a b c d e", "a b c d e f g h i j") == pytest.approx([math.exp(-1.0)] * 4)
    matched = math.prod([5 / 6, 4 / 5]) ** 0.5
    assert one("a b c d e x", "a b c d e")[0] == pytest.approx(matched)


def test_of_two_references_equally_close_in_length_the_shorter_counts() -> None:
    assert one("a b c d e f", "a b c d", "a b c d e f g h")[0] == pytest.approx(1.0)
    assert closest(np.array([1, 6, 7, 9]), np.array([8, 4, 4])).tolist() == [4, 4, 8, 8]


def test_a_sentence_without_a_known_word_has_nothing() -> None:
    assert one("x y z", "a b c") == [0.0] * 4
    assert one("", "a b c") == [0.0] * 4


def test_a_sentence_of_fewer_words_than_n_has_one_unmatched_ngram() -> None:
    """So does NLTK's: precisions 1, 1, 0.1 and 0.1 for two words."""
    assert one("a b", "a b") == pytest.approx([1.0, 0.1 ** (1 / 3), 0.1 ** (2 / 4), 0.1 ** (3 / 5)])


def test_more_references_never_lower_the_precision() -> None:
    hypotheses, references = written(4, 50, shortest=6, longest=6), written(5, 60, shortest=6, longest=6)
    values = [sentence_bleu(hypotheses, references[:count]).mean() for count in (5, 20, 60)]
    assert values == sorted(values)
    assert values[0] < values[-1] - 0.05


def test_without_references_there_is_no_bleu() -> None:
    with pytest.raises(DataError, match="BLEU needs references, got none"):
        sentence_bleu([["a"]], [])
