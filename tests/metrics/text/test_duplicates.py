from gantools.metrics.text.duplicates import duplicates


def test_the_first_of_a_kind_is_no_duplicate() -> None:
    assert duplicates([["a", "b"], ["a", "b"], ["a"], ["a", "b"]]) == 2 / 4
    assert duplicates([["a"], ["b"], []]) == 0.0


def test_words_are_compared_and_not_letters() -> None:
    assert duplicates([["a b"], ["a", "b"]]) == 0.0
