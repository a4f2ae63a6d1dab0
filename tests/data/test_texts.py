from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantools.core.errors import ArtifactError, DataError
from gantools.core.events import Event, Note
from gantools.data import TextSet, open_texts
from gantools.data.texts import folded
from gantools.runtime.tokens import Tokenizer

SENTENCES = [f"the {animal} {verb} ." for animal in ("cat", "dog", "bird", "fish") for verb in ("sat", "ran", "slept")]


def write(path: Path, lines: list[str]) -> str:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def opened(source: str, **options: Any) -> TextSet:
    arguments: dict[str, Any] = {"kind": "word", "vocabulary": 100, "steps": 8, **options}
    return open_texts(source, **arguments)


def notes_of(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.text, event.level) for event in events if isinstance(event, Note)]


def test_texts_become_tokens_and_come_back(tmp_path: Path) -> None:
    found = opened(write(tmp_path / "a.txt", SENTENCES))
    assert found.lines == SENTENCES
    assert found.tokens.shape == (12, 8)
    assert found.tokens.dtype == np.int32
    assert found.labels is None
    assert Tokenizer(found.tokenizer).decode(found.tokens) == SENTENCES
    assert (found.tokens[:, 4:] == 0).all()
    assert not (found.tokens == 1).any()


def test_everything_is_counted_and_said_once(tmp_path: Path) -> None:
    events: list[Event] = []
    texts = ["a b c", "a b c", "a b d e f", "a rare", "", " "]
    source = write(tmp_path / "a.txt", texts)
    with (tmp_path / "a.txt").open("ab") as stream:
        stream.write(b"\xff\n")
    found = opened(source, steps=4, vocabulary=6, max_broken=0.5, on_event=events.append).found
    assert (found.lines, found.empty, found.broken, found.texts, found.duplicates) == (7, 2, 1, 4, 1)
    assert (found.cut, found.longest) == (1, 5)
    assert found.unknown_share == pytest.approx(4 / 13), "d, e, f and rare"
    assert notes_of(events) == [
        (f"1 of 5 lines in '{source}' are not UTF-8: a.txt line 7; they are left out.", "warning"),
        (f"2 of 7 lines in '{source}' are empty and left out.", "info"),
        (f"1 of 4 texts in '{source}' (25.0%) have more than 3 tokens and are cut; the longest has 5.", "warning"),
        (f"30.77% of the tokens in '{source}' are not in the vocabulary and become unknown.", "warning"),
    ]


def test_nothing_is_said_of_a_set_without_faults(tmp_path: Path) -> None:
    events: list[Event] = []
    opened(write(tmp_path / "a.txt", SENTENCES), on_event=events.append)
    assert notes_of(events) == []


def test_a_text_that_just_fits_is_not_cut(tmp_path: Path) -> None:
    source = write(tmp_path / "a.txt", ["a b c", "a b"])
    assert opened(source, steps=4).found.cut == 0
    assert opened(source, steps=3).found.cut == 1


def test_too_many_broken_lines_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\n" * 96 + b"\xff\n" * 4)
    assert opened(str(tmp_path / "a.txt"), max_broken=0.04).found.broken == 4
    expected = (
        r"4 of 100 lines in '.*' are not UTF-8: a.txt line 97, .* line 99 and 1 more; data.max_broken allows 1.0%"
    )
    with pytest.raises(DataError, match=expected):
        opened(str(tmp_path / "a.txt"))


def test_broken_lines_alone_are_an_error_whatever_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\n\n")
    with pytest.raises(DataError, match="1 of 1 lines"):
        opened(str(tmp_path / "a.txt"), max_broken=1)


def test_steps_have_room_for_a_token_and_the_end(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="texts of 1 steps have no room for a token and the end"):
        opened(write(tmp_path / "a.txt", SENTENCES), steps=1)


def test_a_tokenizer_that_is_there_is_used(tmp_path: Path) -> None:
    first = opened(write(tmp_path / "a.txt", SENTENCES))
    second = opened(write(tmp_path / "b.txt", ["the cat flew ."]), tokenizer=first.tokenizer, kind="bpe", vocabulary=3)
    assert second.tokenizer == first.tokenizer
    assert second.found.unknown_share == 0.25
    with pytest.raises(ArtifactError, match="the tokenizer cannot be read"):
        opened(str(tmp_path / "a.txt"), tokenizer="{}")


def test_the_digest_is_of_texts_tokenizer_steps_and_labels(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name, lines in (("a", SENTENCES[:6]), ("b", SENTENCES[6:])):
        (folder / name).mkdir(parents=True)
        write(folder / name / "x.txt", lines)
    plain = opened(write(tmp_path / "a.txt", SENTENCES))
    again = opened(write(tmp_path / "again.txt", ["", *SENTENCES]))
    assert plain.digest == again.digest, "a name and an empty line are no content"
    assert plain.digest == opened(str(folder)).digest
    others = [
        opened(write(tmp_path / "c.txt", SENTENCES[:-1])),
        opened(str(tmp_path / "a.txt"), steps=9),
        opened(str(tmp_path / "a.txt"), kind="char"),
        opened(str(tmp_path / "a.txt"), vocabulary=5),
        opened(str(folder), labels=True),
    ]
    assert len({plain.digest, *(other.digest for other in others)}) == 6


def test_labels_stay_with_their_texts_in_a_split(tmp_path: Path) -> None:
    for name in ("bad", "good"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "x.txt", [f"{name} text {number}" for number in range(100)])
    whole = opened(str(tmp_path), labels=True, vocabulary=200)
    sides = whole.split(0.3)
    assert sum(len(side.lines) for side in sides) == 200
    for side in sides:
        assert side.classes == ("bad", "good")
        assert side.labels is not None
        assert [side.classes[label] for label in side.labels] == [line.split()[0] for line in side.lines]
        assert Tokenizer(side.tokenizer).decode(side.tokens) == side.lines
        assert side.found == whole.found


def test_a_text_falls_on_the_same_side_whatever_else_is_there(tmp_path: Path) -> None:
    many = [f"sentence number {number}" for number in range(1000)]
    train, held_out = opened(write(tmp_path / "a.txt", many), vocabulary=2000).split(0.1)
    assert 70 <= len(held_out.lines) <= 130
    assert len({train.digest, held_out.digest}) == 2
    shorter, shorter_held_out = opened(write(tmp_path / "b.txt", many[::-3]), kind="char").split(0.1)
    assert set(shorter_held_out.lines) <= set(held_out.lines)
    assert set(shorter.lines) <= set(train.lines)
    louder = opened(write(tmp_path / "c.txt", [f"{text.upper()} !" for text in many]), kind="char").split(0.1)
    assert louder[1].lines == [f"{text.upper()} !" for text in held_out.lines]


def test_a_larger_share_holds_out_what_a_smaller_one_does(tmp_path: Path) -> None:
    whole = opened(write(tmp_path / "a.txt", [f"text {number}" for number in range(500)]), vocabulary=600)
    assert set(whole.split(0.1)[1].lines) < set(whole.split(0.4)[1].lines)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_share_is_between_0_and_1(share: float, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the share to hold out is .*, expected a number between 0 and 1"):
        opened(write(tmp_path / "a.txt", SENTENCES)).split(share)


@pytest.mark.parametrize(("share", "side"), [(1e-12, "trained on"), (1 - 1e-12, "held out")])
def test_both_sides_of_a_split_have_texts(share: float, side: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"all 12 texts of '.*' would be {side}"):
        opened(write(tmp_path / "a.txt", SENTENCES)).split(share)


def test_texts_that_say_the_same_are_equal_when_folded() -> None:
    assert folded("The cat, sat.") == folded("the CAT sat")
    assert folded("Straße") == folded("STRASSE")
    assert folded("कि") != folded("का"), "vowels are marks, and say something"
    assert folded("🙂") != folded("🙁")
    assert folded("...") != folded("!"), "nothing but punctuation stays as it is"


@pytest.mark.parametrize("kind", ["bpe", "char"])
def test_other_scripts_are_read_and_come_back(kind: str, tmp_path: Path) -> None:
    texts = ["我喜欢在公园里散步", "السلام عليكم", "👩‍👩‍👧‍👦 🇩🇪"]
    found = opened(write(tmp_path / "a.txt", texts), kind=kind, vocabulary=400, steps=80)
    assert (found.found.cut, found.found.unknown_share) == (0, 0)
    assert Tokenizer(found.tokenizer).decode(found.tokens) == texts
