import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gantools.cli.app import app
from gantools.core.errors import DataError, RecipeError


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["data", "inspect", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Seven lines in two classes: one empty, one broken, two equal, two nearly equal."""
    (tmp_path / "texts" / "good").mkdir(parents=True)
    (tmp_path / "texts" / "bad").mkdir()
    (tmp_path / "texts" / "good" / "a.txt").write_bytes(b"the cat sat\nthe cat sat\n\nThe cat, sat!\n")
    (tmp_path / "texts" / "bad" / "a.txt").write_bytes(b"a dog ran away\n\xff\na [bold]dog[/bold]\n")
    return tmp_path / "texts"


def test_inspect_finds_what_was_hidden_in_texts(texts: Path, tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("a dog ran away\nA dog, ran away\nthe bird\n")
    done = run(texts, "--against", tmp_path / "test.txt", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["kind"], found["lines"], found["texts"], found["empty"]) == ("text", 7, 5, 1)
    assert found["broken"] == ["bad/a.txt line 2"]
    assert found["classes"] == {"bad": 2, "good": 3}
    assert (found["repeated"], found["nearly_repeated"]) == (1, 1)
    assert found["words"]["frequent"][0] == ["a", 2]
    assert found["words"]["coverage"] == [{"vocabulary": 14, "unknown": 0.0, "texts": 0.0}]
    assert found["leaks"]["equal"] == ["a dog ran away"]
    assert found["leaks"]["near"] == [["a dog ran away", "A dog, ran away"]]


def test_inspect_shows_texts_to_a_person(texts: Path, tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("the cat sat\n")
    shown = run(texts, "--against", tmp_path / "test.txt").stdout
    assert "5 of 7 lines, 1 empty, 1 that are not UTF-8" in shown
    assert "15, 11 different; a text has 2 to 4, half have up to 3, 95 % up to 4" in shown
    assert "bad 2, good 3" in shown
    assert "1 equal and 0 nearly equal of 1 different texts" in shown
    assert "█" in shown
    assert "Unknown words" in shown
    assert "Unknown characters" in shown
    assert "bad/a.txt line 2" in shown
    assert "[bold]dog[/bold]" in shown, "a text is no markup"


def test_inspect_says_why_texts_have_no_classes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one long line " + "x" * 200 + "\n" + ("one long line " + "x" * 200 + "\n"))
    shown = run(tmp_path / "a.txt").stdout
    assert "none: class labels are needed" in shown
    assert "x…" in shown


def test_inspect_knows_the_built_in_sentences() -> None:
    found = json.loads(run("builtin:python-reference", "--json").stdout)
    assert found["texts"] >= 2000
    assert found["why_no_classes"]


def test_options_for_images_are_refused_for_texts(texts: Path) -> None:
    with pytest.raises(RecipeError, match="holds texts, and --resolution, --sheet are for images"):
        run(texts, "--sheet", "x.png", "--resolution", "16")
    with pytest.raises(RecipeError, match="holds texts, and --limit is for images"):
        run(texts, "--limit", "0.1")


@pytest.mark.parametrize(("content", "says"), [(b"", "holds no texts"), (b"\xff\n", "1 of 1 lines")])
def test_inspect_of_texts_without_a_text_is_one_sentence(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=says):
        run(tmp_path / "a.txt")
