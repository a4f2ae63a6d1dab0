from gantools.metrics.text.novelty import are_new


def test_only_what_is_equal_word_for_word_is_not_new() -> None:
    training = [["a", "dog", "runs"], ["a", "cat"]]
    samples = [["a", "dog", "runs"], ["a", "dog"], ["a", "cat", "runs"], ["a", "cat"], ["a cat"]]
    assert are_new(samples, training).tolist() == [0.0, 1.0, 1.0, 0.0, 1.0]
