"""What is drawn while something works: only for a person who looks, and nothing that was said is swallowed."""

import pytest

from gantools.cli.output import watching
from gantools.core.events import Note, Progress, Standing

BEFORE = Standing(("candidate", "so far"), (("openvino-int8 [fast]", "being made and judged"),))
AFTER = Standing(("candidate", "so far"), (("openvino-int8 [fast]", "levels lost 0.5"),))


def watched() -> None:
    with watching() as watch:
        watch(BEFORE)
        watch(Progress("search", 0, 1, "candidates"))
        watch(Note("it is [bold] out"))
        watch(AFTER)


def test_standings_are_drawn_above_the_bars_for_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    watched()
    drawn = capsys.readouterr()
    assert drawn.out == ""
    assert "openvino-int8 [fast]" in drawn.err
    last = drawn.err[drawn.err.rindex("so far") :]
    assert "levels lost 0.5" in last
    assert "search" in last
    assert "being made and judged" not in last
    assert "it is [bold] out" in drawn.err


def test_a_pipe_gets_the_notes_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    watched()
    assert capsys.readouterr() == ("", "it is [bold] out\n")
