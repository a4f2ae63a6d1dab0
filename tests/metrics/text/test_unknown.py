import pytest

from gantools.metrics.interval import split
from gantools.metrics.text.metric import Texts
from gantools.metrics.text.unknown import empty_figures, unknown_figures

SAMPLES = [["a", "<unk>"], [], ["<unk>", "b", "<unk>", "a"], ["a"], []] * 10


def test_empty_samples_are_counted_among_samples() -> None:
    (figure,) = empty_figures(Texts(SAMPLES), split(50, 5))
    assert figure.value == pytest.approx(2 / 5)


def test_unknown_words_are_counted_among_words() -> None:
    (figure,) = unknown_figures(Texts(SAMPLES), split(50, 5))
    assert figure.value == pytest.approx(3 / 7)
    (figure,) = unknown_figures(Texts(SAMPLES, unknown="b"), split(50, 5))
    assert figure.value == pytest.approx(1 / 7)


def test_where_there_is_no_word_none_is_unknown() -> None:
    (figure,) = unknown_figures(Texts([[]] * 40), split(40, 20))
    assert figure.value == 0.0
