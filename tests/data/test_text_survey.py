from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from gantools.data.lines import Lines
from gantools.data.text_survey import find_text_leaks, survey_texts
from gantools.data.texts import open_texts


def lines_of(*texts: str) -> Lines:
    return Lines("here", list(texts), len(texts))


def test_words_and_characters_are_counted() -> None:
    found = survey_texts(lines_of("a b c", "a b", "a a a a a"))
    words, characters = found.words, found.characters
    assert (words.total, words.distinct) == (10, 3)
    assert words.frequent == (("a", 7), ("b", 2), ("c", 1))
    assert (words.lengths.shortest, words.lengths.median, words.lengths.longest) == (2, 3, 5)
    assert words.lengths.histogram == ((2, 2, 1), (3, 3, 1), (4, 4, 0), (5, 5, 1))
    assert (characters.total, characters.distinct) == (17, 4)
    assert characters.frequent[:2] == (("a", 7), (" ", 7)) or characters.frequent[:2] == ((" ", 7), ("a", 7))


def test_one_very_long_text_leaves_the_others_apart() -> None:
    found = survey_texts(lines_of(*(" ".join("x" * (number % 20 + 1)) for number in range(200)), "x " * 100_000))
    histogram = found.words.lengths.histogram
    assert found.words.lengths.most == 20
    assert sum(count for _, _, count in histogram) == 201
    assert len(histogram) >= 10
    assert histogram[-1] == (histogram[-2][1] + 1, 100_000, 1)
    assert all(after[0] == before[1] + 1 for before, after in pairwise(histogram))


@pytest.mark.parametrize(("kind", "vocabulary"), [("word", 100), ("word", 200), ("char", 5)])
def test_coverage_is_what_a_tokenizer_of_that_size_does(
    kind: str, vocabulary: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gantools.data.text_survey.VOCABULARIES", (vocabulary,))
    texts = [" ".join(f"w{number % modulus}" for modulus in (3, 50, 400)) for number in range(400)]
    source = tmp_path / "a.txt"
    source.write_text("\n".join(texts))
    opened = open_texts(str(source), kind=kind, vocabulary=vocabulary, steps=30)  # type: ignore[arg-type]
    found = survey_texts(lines_of(*texts))
    row, last = (found.words if kind == "word" else found.characters).coverage
    assert row.vocabulary == vocabulary
    assert row.unknown == pytest.approx(opened.found.unknown_share)
    assert row.unknown > 0
    assert row.texts == pytest.approx((opened.tokens == 2).any(axis=1).mean())
    assert (last.unknown, last.texts) == (0, 0)


def test_repetitions_are_counted_exactly_and_nearly() -> None:
    found = survey_texts(lines_of("The cat.", "the cat", "The cat.", "The cat.", "a dog", "a dog", "a bird"))
    assert (found.repeated, found.nearly_repeated) == (3, 1)
    assert found.most_repeated == (("The cat.", 3), ("a dog", 2))


def test_what_a_test_set_shares_is_found_once_each() -> None:
    train = lines_of("the cat sat .", "a dog ran .", "a bird")
    leaks = find_text_leaks(train, lines_of("a dog ran .", "a dog ran .", "The cat sat!", "a fish"))
    assert leaks.distinct == 3
    assert leaks.equal == ("a dog ran .",)
    assert leaks.near == (("the cat sat .", "The cat sat!"),)
