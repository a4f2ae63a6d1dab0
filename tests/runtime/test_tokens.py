"""A tokenizer as an application has it, from JSON alone. That texts come back is in tests/data/test_tokenizers."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from gantools.core.errors import ArtifactError, InputMismatchError, MissingDependencyError
from gantools.core.tokens import BEGIN, END, UNKNOWN
from gantools.data.tokenizers import train_tokenizer
from gantools.runtime.tokens import Tokenizer, padded

LINES = ["the cat sat", "the cat ran", "the dog sat"]


@pytest.fixture
def words() -> Tokenizer:
    """the 3, cat 4, sat 5, dog 6, ran 7."""
    return Tokenizer(train_tokenizer(LINES, "word", 100))


def test_the_most_frequent_words_have_the_lowest_numbers(words: Tokenizer) -> None:
    assert words.size == 8
    assert words.rows(["the cat sat dog ran"]) == [[3, 4, 5, 6, 7]]


def test_a_row_is_the_text_then_zeros(words: Tokenizer) -> None:
    encoded = words.encode(["the cat", "", "dog"], 4)
    assert encoded.dtype == np.int32
    assert encoded.tolist() == [[3, 4, 0, 0], [0, 0, 0, 0], [6, 0, 0, 0]]
    assert words.decode(encoded) == ["the cat", "", "dog"]


def test_a_long_text_is_cut_and_ends_all_the_same(words: Tokenizer) -> None:
    encoded = words.encode(["the cat sat", "the cat"], 3)
    assert encoded.tolist() == [[3, 4, 0], [3, 4, 0]]


def test_a_long_text_is_refused_where_that_is_wanted(words: Tokenizer) -> None:
    assert words.encode(["the cat"], 3, too_long="refuse").tolist() == [[3, 4, 0]]
    with pytest.raises(InputMismatchError, match="text 1 has 3 tokens, and there is room for 2 and an end"):
        words.encode(["the", "the cat sat"], 3, too_long="refuse")


def test_no_texts_are_no_rows(words: Tokenizer) -> None:
    assert words.encode([], 3).shape == (0, 3)
    assert words.decode(np.zeros((0, 3), np.int32)) == []


def test_what_is_not_in_the_vocabulary_is_unknown_and_shown_so(words: Tokenizer) -> None:
    assert words.prefix("the bird") == [3, UNKNOWN]
    assert words.decode_one([3, UNKNOWN]) == "the [UNK]"


def test_a_prefix_has_no_end(words: Tokenizer) -> None:
    assert words.prefix("the dog") == [3, 6]
    assert words.prefix("") == []


def test_what_is_behind_the_first_end_is_no_text(words: Tokenizer) -> None:
    assert words.decode(np.array([[3, END, 4, 5], [END, 3, 3, 3]])) == ["the", ""]
    assert words.decode_one(np.array([3, 4], np.int64)) == "the cat"


@pytest.mark.parametrize("kind", ["word", "bpe", "char"])
def test_the_names_of_special_tokens_are_text_like_any_other(kind: str) -> None:
    text = "[BEGIN] the cat [END] sat [UNK]"
    tokenizer = Tokenizer(train_tokenizer([text] * 3 + LINES, kind, 400))  # type: ignore[arg-type]
    (row,) = tokenizer.rows([text])
    assert END not in row
    assert BEGIN not in row
    if kind == "word":
        assert tokenizer.decode_one(row) == "[UNK] the cat [UNK] sat [UNK]"
    else:
        assert UNKNOWN not in row
        assert tokenizer.decode_one(row) == text


def test_truncation_and_padding_of_others_do_not_count(words: Tokenizer) -> None:
    content = json.loads(words.json_text)
    content["truncation"] = {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0}
    content["padding"] = {
        "strategy": {"Fixed": 9},
        "direction": "Left",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[END]",
    }
    assert Tokenizer(json.dumps(content)).rows(["the cat sat"]) == [[3, 4, 5]]


@pytest.mark.parametrize("token", [8, -1])
def test_a_token_outside_the_vocabulary_is_named(token: int, words: Tokenizer) -> None:
    with pytest.raises(InputMismatchError, match=f"row 1 holds the token {token}, expected 0 to 7"):
        words.decode(np.array([[3, 4], [3, token]]))


def test_half_of_a_surrogate_pair_is_no_text(words: Tokenizer) -> None:
    with pytest.raises(InputMismatchError, match="text 1 is no valid Unicode"):
        words.rows(["the", "\ud800"])


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"version": "1.0"}'])
def test_what_is_no_tokenizer_is_one_sentence(content: str) -> None:
    with pytest.raises(ArtifactError, match="the tokenizer cannot be read"):
        Tokenizer(content)


def test_a_tokenizer_of_another_family_is_refused(words: Tokenizer) -> None:
    other = words.json_text.replace("[END]", "<pad>")
    with pytest.raises(ArtifactError, match=r"the first tokens .* are \"<pad>\".*, expected \"\[END\]\""):
        Tokenizer(other)


def test_without_the_library_the_extra_is_named(words: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingDependencyError, match="'tokenizers' is needed to read and write text") as caught:
        Tokenizer(words.json_text)
    assert caught.value.hint == "pip install 'gantools[text]'"


def test_rows_of_any_length_become_an_array() -> None:
    assert padded([[3], [], [3, 4, 5, 6]], 3).tolist() == [[3, 0, 0], [0, 0, 0], [3, 4, 0]]
    assert padded([], 3).shape == (0, 3)
