from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gantools.core.errors import DataError, UnknownNameError
from gantools.core.tokens import UNKNOWN
from gantools.data.tokenizers import train_tokenizer
from gantools.runtime.tokens import Tokenizer

SCRIPTS = [
    "我喜欢在公园里散步",
    "今天天气很好，我们去公园吧。",  # noqa: RUF001 - the comma of Chinese
    "السلام عليكم ورحمة الله",
    "नमस्ते दुनिया",
    "Привет, мир!",
    "👩‍👩‍👧‍👦 and 🇩🇪 are one picture each",
    "  two spaces,\ttab and \u00a0 no-break  ",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
BYTES = Tokenizer(train_tokenizer(SCRIPTS, "bpe", 400))
WORDS = Tokenizer(train_tokenizer(SCRIPTS, "word", 400))


@given(TEXTS)
def test_bytes_come_back_exactly_whatever_the_text(text: str) -> None:
    """NUL, zero-width characters, private use and unassigned characters included."""
    (row,) = BYTES.rows([text])
    assert not row or min(row) > UNKNOWN
    assert BYTES.decode_one(row) == text


@given(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=5))
@settings(max_examples=50)
def test_characters_come_back_exactly_but_for_their_composition(texts: list[str]) -> None:
    tokenizer = Tokenizer(train_tokenizer(texts, "char", 10_000))
    assert tokenizer.decode(tokenizer.rows(texts)) == [unicodedata.normalize("NFC", text) for text in texts]


@given(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=5))
@settings(max_examples=50)
def test_words_come_back_with_single_spaces(texts: list[str]) -> None:
    tokenizer = Tokenizer(train_tokenizer(texts, "word", 10_000))
    # Python takes 0x1c to 0x1f for white space too; the library does not.
    plain = [text for text in texts if not set(text) & set("\x1c\x1d\x1e\x1f")]
    assert tokenizer.decode(tokenizer.rows(plain)) == [" ".join(text.split()) for text in plain]


@pytest.mark.parametrize("text", SCRIPTS)
def test_other_scripts_come_back(text: str) -> None:
    characters = Tokenizer(train_tokenizer(SCRIPTS, "char", 200))
    assert BYTES.decode(BYTES.rows([text])) == [text]
    assert characters.decode(characters.rows([text])) == [unicodedata.normalize("NFC", text)]
    assert WORDS.decode(WORDS.rows([text])) == [" ".join(text.split())]


def test_chinese_has_a_token_for_each_character_and_shares_them() -> None:
    tokenizer = Tokenizer(train_tokenizer(SCRIPTS[:2], "char", 200))
    first, second = tokenizer.rows(SCRIPTS[:2])
    assert (len(first), len(second)) == (len(SCRIPTS[0]), len(SCRIPTS[1]))
    assert set(first) & set(second), "公园 is in both"
    assert len(WORDS.rows(SCRIPTS[:1])[0]) == 1, "without spaces, a sentence is one word"


def test_a_letter_and_its_accent_are_one_character() -> None:
    tokenizer = Tokenizer(train_tokenizer(["caf\u00e9"], "char", 200))
    assert tokenizer.rows(["cafe\u0301"]) == tokenizer.rows(["caf\u00e9"])
    assert tokenizer.decode(tokenizer.rows(["cafe\u0301"])) == ["caf\u00e9"]


@pytest.mark.parametrize("kind", ["word", "char"])
def test_the_most_frequent_are_kept_and_the_rest_is_unknown(kind: str) -> None:
    tokenizer = Tokenizer(train_tokenizer(["a a a b b c"], kind, 5))  # type: ignore[arg-type]
    assert tokenizer.size == 5
    # Of the characters, the space is the most frequent.
    expected = {"word": [3, 4, UNKNOWN], "char": [4, 3, UNKNOWN, 3, UNKNOWN]}
    assert tokenizer.rows(["a b c"]) == [expected[kind]]


def test_words_are_taken_as_they_are() -> None:
    tokenizer = Tokenizer(train_tokenizer(["Wheel. wheel. wheel"], "word", 100))
    assert tokenizer.size == 6


@pytest.mark.parametrize("kind", ["word", "bpe", "char"])
def test_a_vocabulary_is_no_larger_than_asked_and_no_larger_than_the_texts(kind: str) -> None:
    texts = [f"word{number} and word{number + 1}" for number in range(300)]
    sizes = [Tokenizer(train_tokenizer(texts, kind, size)).size for size in (280, 100_000)]  # type: ignore[arg-type]
    assert sizes[0] == {"word": 280, "bpe": 280, "char": 3 + len(set("".join(texts)))}[kind]
    assert sizes[1] < 2000


def test_the_same_texts_give_the_same_bytes_in_any_process_and_any_number_of_threads() -> None:
    """Hash seeds and threads differ from process to process."""
    texts = [f"{word} {other}" for word in "abcdefgh" for other in ("one", "two", "three", "四", "пять")]
    script = (
        "import sys\nfrom gantools.data.tokenizers import train_tokenizer\n"
        f"texts = {texts!r}\n"
        "sys.stdout.buffer.write('\\n'.join(train_tokenizer(texts, kind, 300) for kind in ('word', 'bpe', 'char'))"
        ".encode())"
    )
    expected = "\n".join(train_tokenizer(texts, kind, 300) for kind in ("word", "bpe", "char"))
    for threads in ("1", "3"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            check=True,
            env={"RAYON_NUM_THREADS": threads, "PYTHONPATH": ":".join(sys.path)},
        )
        assert done.stdout.decode() == expected


@pytest.mark.parametrize("kind", ["word", "bpe", "char"])
@pytest.mark.parametrize("piece", ["散步", "🙂", "7", "\u00a0a", "नि"])
def test_a_megabyte_without_a_space_is_read(piece: str, kind: str) -> None:
    """The time for a piece grows with its square, so pieces have to be short: this would take minutes otherwise."""
    text = piece * (2**20 // len(piece.encode()))
    tokenizer = Tokenizer(train_tokenizer([text], kind, 270))  # type: ignore[arg-type]
    assert tokenizer.decode(tokenizer.rows([text])) == [" ".join(text.split()) if kind == "word" else text]


@pytest.mark.parametrize(("kind", "least"), [("word", 4), ("bpe", 259), ("char", 4)])
def test_a_vocabulary_without_room_is_refused(kind: str, least: int) -> None:
    assert Tokenizer(train_tokenizer(["a a"], kind, least)).size == least  # type: ignore[arg-type]
    with pytest.raises(DataError, match=f"a vocabulary of {least - 1} has no room .* needs at least {least}"):
        train_tokenizer(["a a"], kind, least - 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("texts", [[], ["", "  "]])
def test_nothing_is_learned_from_nothing(texts: list[str]) -> None:
    with pytest.raises(DataError, match="cannot be learned from no text"):
        train_tokenizer(texts, "word", 100)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownNameError, match="no kind of tokenizer is called 'words'; did you mean 'word'"):
        train_tokenizer(["a"], "words", 100)  # type: ignore[arg-type]
