"""What is drawn while something works: only for a person who looks, and nothing that was said is swallowed."""

import pytest

from gantools.cli.output import same_command, show_table, watching
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


def test_the_same_command_keeps_its_options_and_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/bin/gantools", "train", "my recipe.toml", "--set", "train.steps=3"])
    assert same_command("--resume") == "gantools train 'my recipe.toml' --set train.steps=3 --resume"
    monkeypatch.setattr("sys.argv", ["/bin/gantools", "enhance", "--resume", "art", "--", "-a.mp4", "b.mp4"])
    assert same_command("--resume") == "gantools enhance --resume art -- -a.mp4 b.mp4"
    monkeypatch.setattr("sys.argv", ["/bin/gantools", "enhance", "art", "--", "-a.mp4", "b.mp4"])
    assert same_command("--resume") == "gantools enhance art --resume -- -a.mp4 b.mp4"


def test_a_pipe_gets_the_notes_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    watched()
    assert capsys.readouterr() == ("", "it is [bold] out\n")


ROWS = [
    ["art/digits", "0.998 [0.990, 1.01]", "62% arithmetic"],
    ["art/digits-ov", "0.420 [0.416, 0.424]", "20% memory"],
]


def shown(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    show_table("", ["variant", "p50, ms", "of limit"], ROWS)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_table_that_is_too_wide_breaks_before_intervals_and_within_no_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide, narrow = shown(80, monkeypatch, capsys), shown(46, monkeypatch, capsys)
    assert any("0.998 [0.990, 1.01]" in line for line in wide)
    assert not any("0.998 [0.990, 1.01]" in line for line in narrow)
    for whole in ("art/digits-ov", "[0.416, 0.424]", "0.420", "arithmetic"):
        assert any(whole in line for line in narrow)
    narrower = shown(33, monkeypatch, capsys)
    for whole in ("art/digits-ov", "[0.416,", "0.424]", "arithmetic"):
        assert any(whole in line for line in narrower)
    every = "".join(shown(20, monkeypatch, capsys))
    assert all(part in every for part in ("0.42", "arit", "p50,", "of"))
