"""What ``gantools bench`` can be asked for, on real runtimes and with the real load generator."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gantools.bench.ceilings import Ceilings, ceilings, machine_of
from gantools.bench.results import BenchReport
from gantools.timing.environment import default_threads
from tests.cli.test_app import gantools

MakeArtifact = Callable[..., Path]
SHORT = ("--batch", "1", "--seconds", "0.1", "--calls", "30", "--launches", "1")


def measured(*words: str | Path) -> BenchReport:
    done = gantools("bench", *words, "--json")
    assert done.returncode == 0, done.stderr
    return BenchReport.from_json(done.stdout)


def test_backends_spans_and_pauses_are_rows(make_artifact: MakeArtifact) -> None:
    art = make_artifact()
    choice = ("--backend", "onnxruntime", "--backend", "openvino", "--span", "run", "--span", "file")
    report = measured(art, *SHORT, *choice, "--idle-gap", "3", "--no-limits")
    names = [f"{art} ({label})" for label in ("onnxruntime", "openvino", "onnxruntime, file", "openvino, file")]
    assert [(row.name, row.gap_ms) for row in report.rows] == [(name, gap) for gap in (0.0, 3.0) for name in names]
    assert {row.backend for row in report.rows} == {"onnxruntime", "openvino"}
    assert all(row.ok and row.cold is not None for row in report.rows)
    assert report.isolated
    assert report.command.startswith("gantools bench ")
    assert report.ceilings is None


def test_every_row_says_how_far_from_the_limit_it_is(
    make_artifact: MakeArtifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    known = ceilings_of_this_machine()
    report = measured(make_artifact(), *SHORT)
    assert report.ceilings is not None
    assert Ceilings.model_validate(report.ceilings) == known
    (row,) = report.rows
    assert row.roofline is not None
    assert row.p50_ms is not None
    assert row.roofline.share == pytest.approx(row.roofline.bound_ms / row.p50_ms)
    assert row.roofline.multiply_adds["fp32"] > 0


def ceilings_of_this_machine() -> Ceilings:
    """Kept in the cache for the command, so that it need not measure: a rate of one product a nanosecond."""
    from gantools.bench import ceilings as room

    machine = machine_of("cpu", default_threads())
    made = Ceilings.model_validate(
        {
            "machine": machine,
            "measured_at": "2026-11-01T00:00:00+00:00",
            "multiply_adds_per_s": {"fp32": {"rate": 1e9, "kernel": "by hand", "size": 1}},
            "bytes_per_s": {1: 1e9},
            "load": {
                "elapsed_seconds": 1.0,
                "load_average": None,
                "other_share": 0.0,
                "steal_share": 0.0,
                "warnings": (),
            },
        }
    )
    path = room._path(machine)
    path.parent.mkdir(parents=True)
    path.write_text(made.model_dump_json())
    assert ceilings("cpu") == made
    return made


def test_loadgen_drives_an_artifact(make_artifact: MakeArtifact) -> None:
    words = ("--scenario", "single-stream", "--scenario", "offline", "--accuracy", "--no-limits")
    report = measured(make_artifact(), *SHORT, *words)
    found = [(one.scenario, one.mode, one.status) for one in report.scenarios]
    assert found == [
        ("single-stream", "performance", "ok"),
        ("offline", "performance", "ok"),
        ("single-stream", "accuracy", "ok"),
    ]
    assert report.scenarios[2].matches


def test_an_interrupted_run_goes_on(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    art = make_artifact()
    first = measured(art, *SHORT, "--no-limits", "--resume", kept)
    wider = ("--batch", "1,2", *SHORT[2:])
    second = measured(art, *wider, "--no-limits", "--resume", kept)
    assert second.row(str(art), 1).values_ms == first.row(str(art), 1).values_ms
    assert second.row(str(art), 2).ok
    assert len(kept.read_text().splitlines()) == 2


def test_the_self_test_says_both_counts(tmp_path: Path) -> None:
    done = gantools("bench", "--self-test", "--repeats", "1", "--launches", "6")
    assert done.returncode in (0, 4), done.stderr  # whether a busy machine can tell 3 % is not for this test
    alarms, found = done.stdout.splitlines()[:2]
    assert alarms.startswith("equal processes of a matrix product: ")
    assert alarms.endswith(" of 1 times they were said to differ (the intervals promise 0.05)")
    assert found.startswith("a process slower by 3%: found ")


def test_a_self_test_without_intervals_is_refused() -> None:
    done = gantools("bench", "--self-test", "--launches", "2")
    assert done.returncode == 2
    assert "error: a self-test of 2 launches has no intervals to test." in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--scenario", "server"], 2, "the scenario 'server' needs a latency that its queries have to stay within."),
        (["--scenario", "ofline"], 2, "no scenario is called 'ofline'; did you mean 'offline'?"),
        (["--span", "gpu"], 2, "no span is called 'gpu'."),
        (["--idle-gap", "0"], 2, "0.1"),
        (["--self-test", "--launches", "2"], 1, "'none' does not exist."),
    ],
)
def test_what_is_not_understood_is_said_before_anything_is_measured(words: list[str], code: int, said: str) -> None:
    done = gantools("bench", "none", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_the_json_document_is_the_only_thing_on_stdout(make_artifact: MakeArtifact) -> None:
    done = gantools("bench", make_artifact(), *SHORT, "--together", "--no-limits", "--json")
    document = json.loads(done.stdout)
    assert (document["schema"], document["isolated"]) == (2, False)
