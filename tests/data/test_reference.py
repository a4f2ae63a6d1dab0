from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

import pytest

from gantools.core.errors import DataError
from gantools.data import open_texts, reference
from gantools.data.reference import LONGEST, SHORTEST, collected, python_reference

LIBRARY = Path(sysconfig.get_paths()["stdlib"])


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    return python_reference()


def test_there_are_enough_sentences_for_a_training(sentences: list[str]) -> None:
    assert len(sentences) >= 2000
    assert len(set(sentences)) == len(sentences)


def test_they_are_sentences_in_plain_letters(sentences: list[str]) -> None:
    plain = re.compile(r"[a-z]+(?:['-][a-z]+)*(?: [,;:])?(?: [a-z]+(?:['-][a-z]+)*(?: [,;:])?)* [.!?]")
    assert [one for one in sentences if not plain.fullmatch(one)] == []
    lengths = [len(re.findall(r"[a-z][a-z'-]*", one)) for one in sentences]
    assert (min(lengths), max(lengths)) == (SHORTEST, LONGEST)


def test_they_read_as_english(sentences: list[str]) -> None:
    """The most frequent words of English are the most frequent here, and nearly every sentence has some of them."""
    common = {
        "the",
        "a",
        "an",
        "is",
        "are",
        "of",
        "to",
        "in",
        "and",
        "or",
        "that",
        "this",
        "it",
        "for",
        "if",
        "be",
        "by",
    }
    share = sum(bool(common & set(one.split())) for one in sentences) / len(sentences)
    assert share > 0.9
    assert "an identifier occurring as an atom is a name ." in sentences


def test_they_are_the_same_when_they_are_collected_again(sentences: list[str]) -> None:
    assert collected(LIBRARY) == sentences


def test_they_are_collected_once(sentences: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "collected", lambda library: pytest.fail("they are kept"))
    assert python_reference() == sentences


def test_marks_of_the_markup_go_and_code_is_left_out() -> None:
    paragraph = (
        'The *target* is bound to "name" (see section Names) [1]. It calls x.f(y) at once. '
        "Values of 3 are rare, e.g. here. The class's own `method` is called, i.e. bound to it. "
        "A space- broken word is damaged in here."
    )
    assert list(reference._sentences(paragraph)) == [
        "the target is bound to name .",
        "the class's own method is called , that is , bound to it .",
    ]
    assert list(reference._sentences("An atom ::= something that is code.")) == []


def test_a_python_without_its_documentation_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataError, match=r"'builtin:python-reference' is made of 'pydoc_data\.topics'"):
        collected(LIBRARY)


def test_it_is_a_source_like_any_other() -> None:
    found = open_texts("builtin:python-reference", kind="word", vocabulary=2000, steps=26)
    assert found.tokens.shape == (len(found.lines), 26)
    assert found.found.duplicates == 0
    assert 0 < found.found.unknown_share < 0.1
