import pytest

from gantools.metrics.interval import split
from gantools.metrics.text.metric import Texts
from gantools.metrics.text.overlap import Copy, copies, longest_copies, longest_figures, new_figures
from tests.metrics.text import by_definition
from tests.metrics.text.by_definition import ngrams, written


def test_the_longest_run_is_that_of_the_definition() -> None:
    samples, training = written(0, 60), written(1, 15, longest=14)
    found = longest_copies(samples, training)
    assert found.tolist() == [by_definition.longest_copy(sample, training) for sample in samples]
    assert len(set(found.tolist())) > 3


def test_a_run_stands_in_one_sentence() -> None:
    """'b c' is in the training set only across two sentences."""
    assert longest_copies([["a", "b", "c", "d"], ["x"], []], [["a", "b"], ["c", "d"]]).tolist() == [2, 0, 0]


def test_a_copied_sentence_of_any_length_is_seen_whole() -> None:
    long = [f"w{number % 7}" for number in range(300)]
    assert longest_copies([long, long[10:200]], [["a"], long]).tolist() == [300, 190]


def test_nothing_is_copied_from_nothing() -> None:
    assert longest_copies([["a", "b"], ["a"]], []).tolist() == [0, 0]
    assert longest_copies([[], []], [["a"]]).tolist() == [0, 0]


def test_a_copy_names_its_run_and_the_first_sentence_that_holds_it() -> None:
    training = [["a", "bc", "d"], ["c", "d", "e"], ["x", "c", "d"], ["c"]]
    found = copies([["b", "c", "d"], ["q"], [], ["c", "q"], ["a", "bc", "d"]], training)
    assert found == [
        Copy(["b", "c", "d"], ["c", "d"], ["c", "d", "e"]),  # words, not letters: "bc d" holds "c d"
        Copy(["c", "q"], ["c"], ["c", "d", "e"]),
        Copy(["a", "bc", "d"], ["a", "bc", "d"], ["a", "bc", "d"]),
    ]
    assert copies([["a"]], []) == []


def test_the_runs_of_copies_are_the_longest() -> None:
    samples, training = written(0, 60), written(1, 15, longest=14)
    found = copies(samples, training)
    assert len(found) > 30
    assert all(len(one.run) == by_definition.longest_copy(one.sample, training) for one in found)
    assert all(list(one.source) in training for one in found)


def test_the_share_is_the_mean_over_samples() -> None:
    texts = Texts([["a", "b", "x", "y"], ["a", "b"], ["x"], []] * 20, training=[["a", "b"]])
    (figure,) = longest_figures(texts, split(80, 20))
    assert figure.value == pytest.approx((2 / 4 + 1 + 0 + 0) / 4)


def test_new_ngrams_are_those_of_no_training_sentence() -> None:
    samples, training = written(2, 80), written(3, 200)
    known = set().union(*(ngrams(sentence, 4) for sentence in training))
    own = [gram for sample in samples for gram in ngrams(sample, 4).elements()]
    (figure,) = new_figures(Texts(samples, training=training), split(80, 20))
    assert figure.value == pytest.approx(sum(gram not in known for gram in own) / len(own))
    assert 0.1 < figure.value < 0.9
