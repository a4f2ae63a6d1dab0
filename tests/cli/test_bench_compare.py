"""``gantools bench`` and the commands beside it, as a script and a person use them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gantools.bench.results import BenchReport
from tests.bench.synthetic import MACHINE, everything, report, row
from tests.cli.test_app import gantools

MakeArtifact = Callable[..., Path]
QUICK = ("--no-limits", "--launches", "1")


@pytest.fixture
def reports(tmp_path: Path) -> tuple[Path, Path]:
    paths = (tmp_path / "a.json", tmp_path / "b.json")
    for path, median in zip(paths, (1.0, 1.1), strict=True):
        path.write_text(report(row("x", median=median, seed=int(median * 10))).to_json())
    return paths


def test_an_artifact_is_measured_without_naming_a_command_and_written_as_every_suffix_says(
    make_artifact: MakeArtifact, tmp_path: Path
) -> None:
    outs = [tmp_path / f"bench.{suffix}" for suffix in ("html", "md", "json")]
    words = [word for out in outs for word in ("--out", out)]
    done = gantools("bench", make_artifact(), "--batch", "1", "--seconds", "0.05", *QUICK, *words)
    assert done.returncode == 0, done.stderr
    assert "p50, ms" in done.stdout
    assert outs[0].read_text().startswith("<!doctype html>")
    assert outs[1].read_text().startswith("# Sampling latency")
    measured = BenchReport.from_json(outs[2].read_text())
    assert measured.rows[0].ok
    against_itself = gantools("bench", "compare", outs[2], outs[2], "--fail-if", "p50:+5%~", "--json")
    assert against_itself.returncode == 0, against_itself.stderr
    assert json.loads(against_itself.stdout)["gates"][0]["passed"]


def test_an_artifact_that_is_called_like_a_command_is_measured_by_its_path(
    make_artifact: MakeArtifact, tmp_path: Path
) -> None:
    make_artifact(name="compare")
    done = gantools("bench", "./compare", "--batch", "1", "--seconds", "0.02", "--json", *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"][0]["name"] == "compare"


def test_help_shows_the_measuring_options_and_the_other_commands() -> None:
    shown = gantools("bench", "--help").stdout
    for text in ("--batch", "--seconds", "ART", "compare", "schema"):
        assert text in shown
    assert "measure " not in shown.partition("Commands:")[2]
    assert "--fail-if" in gantools("bench", "compare", "--help").stdout
    without = gantools("bench")
    assert without.returncode == 2
    assert "error: bench needs an artifact." in without.stderr


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    done = gantools("bench", "none", "--out", "bench.pdf")
    assert done.returncode == 2
    assert "--out takes a file that ends in .html, .md or .json, got 'bench.pdf'." in done.stderr


def test_a_proven_regression_is_4_and_told_row_by_row(reports: tuple[Path, Path]) -> None:
    done = gantools("bench", "compare", *reports, "--fail-if", "p50:+5%", "--fail-if", "p99:+50%")
    assert done.returncode == 4
    assert "worse" in done.stdout
    assert "FAILED  p50:+5%  x, batch 1: +" in done.stdout
    assert "passed  p99:+50%  x, batch 1: +" in done.stdout
    assert "error: 1 of 2 checks failed:" in done.stderr
    assert gantools("bench", "compare", *reversed(reports), "--fail-if", "p50:+5%").returncode == 0


def test_reports_of_other_machines_are_2_unless_allowed(reports: tuple[Path, Path]) -> None:
    other = report(row("x"), environment=MACHINE.model_copy(update={"cpu": "Other CPU"}))
    reports[1].write_text(other.to_json())
    done = gantools("bench", "compare", *reports)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "CPU: Some CPU in A, Other CPU in B" in done.stderr
    assert "--allow-unlike" in done.stderr
    allowed = gantools("bench", "compare", *reports, "--allow-unlike")
    assert allowed.returncode == 0
    assert "CPU: Some CPU in A, Other CPU in B" in allowed.stdout


@pytest.mark.parametrize(
    ("words", "code", "match"),
    [
        (["none.json", "none.json"], 1, "cannot read the report 'none.json': No such file or directory."),
        (["none.json", "none.json", "--fail-if", "speed"], 2, "--fail-if takes FIGURE, FIGURE:+5%"),
        (["none.json"], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(words: list[str], code: int, match: str) -> None:
    done = gantools("bench", "compare", *words)
    assert done.returncode == code
    assert match in done.stderr
    assert "Traceback" not in done.stderr


def test_the_schema_names_every_field_of_a_report() -> None:
    done = gantools("bench", "schema")
    schema = json.loads(done.stdout)
    written = json.loads(everything().to_json())
    assert set(written) <= set(schema["properties"])
    assert set(written["rows"][0]) == set(schema["$defs"]["BenchRow"]["properties"])
    assert set(written["scenarios"][0]) == set(schema["$defs"]["ScenarioResult"]["properties"])
