"""LoadGen tests that cannot go on: they end all the same, soon, and leave the process able to make others."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pytest

from gantools.bench.results import ScenarioResult
from gantools.bench.scenarios import run_scenario
from gantools.core.artifact import Artifact
from gantools.core.errors import BackendError
from gantools.runtime.session import Session, Where
from tests.bench.planted import plan_of, planted
from tests.fakes import FakeGraph

pytest.importorskip("mlperf_loadgen")

Array = npt.NDArray[Any]


@pytest.mark.parametrize("scenario", ["single-stream", "multi-stream", "server", "offline"])
@pytest.mark.parametrize("mode", ["performance", "accuracy"])
def test_a_session_that_fails_midway_ends_the_test_and_is_a_failed_row(
    artifact: Artifact, scenario: str, mode: str
) -> None:
    def breaks(run: int) -> None:
        if threading.current_thread().name == "gantools-session":
            state["served"] += 1
            if state["served"] == state["k"]:
                raise BackendError("the device is gone.")
        time.sleep(0.0002)

    state = {"served": 0, "k": 3 if mode == "accuracy" else 20}
    started = time.perf_counter()
    with planted(artifact, breaks) as session:
        plan = plan_of(scenario, mode=mode, batch=1 if scenario == "offline" else 4, samples=40, seconds=6.0)
        result = run_scenario(session, artifact, plan, "broken")
        assert state["served"] == state["k"]  # it is asked no more
        assert time.perf_counter() - started < 5
        again = run_scenario(session, artifact, plan_of("single-stream", seconds=0.1, min_queries=70), "again")
    assert result.status == "failed: the device is gone."
    assert (result.valid, result.latencies_ms) == (None, ())
    assert (again.status, again.valid) == ("ok", True)


def test_a_session_that_fails_before_the_test_is_a_failed_row(artifact: Artifact) -> None:
    with Session.of(artifact, where=Where(settings={"fail_after": 0})) as session:
        result = run_scenario(session, artifact, plan_of("offline"), "broken")
    assert result.status == "failed: the fake broke."


def test_outputs_that_lack_rows_end_the_test_too(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    original = FakeGraph.run

    def short(self: FakeGraph, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return {name: array[:-1] for name, array in original(self, inputs).items()}

    monkeypatch.setattr(FakeGraph, "run", short)
    with Session.of(artifact) as session:
        result = run_scenario(session, artifact, plan_of("offline", mode="accuracy", batch=4), "short")
    assert result.status == "failed: IndexError: index 3 is out of bounds for axis 0 with size 3"


def test_tests_of_two_threads_take_turns(artifact: Artifact) -> None:
    results: list[ScenarioResult] = []

    def one(name: str) -> None:
        with planted(artifact, lambda run: time.sleep(0.001)) as session:
            results.append(run_scenario(session, artifact, plan_of("single-stream", seconds=0.2, min_queries=70), name))

    threads = [threading.Thread(target=one, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.name for result in results) == ["a", "b"]
    assert all(result.valid for result in results)


@pytest.mark.parametrize("scenario", ["single-stream", "server"])
def test_ctrl_c_ends_a_long_test_at_once_and_the_process_leaves_in_peace(tmp_path: Path, scenario: str) -> None:
    script = f"""
import os, signal, threading, time
from pathlib import Path
from gantools.bench.scenarios import ScenarioPlan, run_scenario
from gantools.core.artifact import Artifact
from gantools.runtime.backends import BACKENDS
from gantools.runtime.session import Session, Where
from tests.conftest import tiny_manifest

class Slow:
    def pass_ms(self, milliseconds):
        time.sleep(0.001)

BACKENDS._rows["fake"] = "tests.fakes:backend"
artifact = Artifact(Path("art"), tiny_manifest("fake"), "ab" * 32)
given = dict(bound_ms=50.0, rate_per_s=200.0) if {scenario!r} == "server" else {{}}
plan = ScenarioPlan(scenario={scenario!r}, seconds=60.0, samples=8, **given)
with Session.of(artifact, where=Where(settings=dict(clock=Slow()))) as session:
    for after in (0.5, 0.7):  # twice, for those who cannot wait
        threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        run_scenario(session, artifact, plan, "long")
    except KeyboardInterrupt:
        print("interrupted")
"""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")
    assert time.perf_counter() - started < 30
    assert list(tmp_path.iterdir()) == []
