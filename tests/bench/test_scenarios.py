"""MLPerf LoadGen itself, against sessions that are quick, slow, stalling or broken."""

import hashlib
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from gantools.bench import scenarios
from gantools.bench.results import ScenarioResult, ServerTry
from gantools.bench.scenarios import ScenarioPlan, run_scenario
from gantools.core.artifact import Artifact
from gantools.core.errors import MissingDependencyError
from gantools.core.events import Event, Note
from gantools.core.spec import AxisRange
from gantools.runtime.session import Session, Where
from gantools.timing.stats import nearest_rank
from gantools.verify.trials import trial_inputs
from tests.bench.planted import plan_of, planted
from tests.fakes import FakeGraph
from tests.zoo import make_artifact, make_autoencoder, make_conditional

pytest.importorskip("mlperf_loadgen")

Array = npt.NDArray[Any]

OFTEN = 50
STALL_MS = 30.0


def stalls(run: int) -> None:
    time.sleep(STALL_MS / 1000 if run % OFTEN == 0 else 0.0005)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_artifact(tmp_path_factory.mktemp("zoo") / "deconv")


def said_ns(result: ScenarioResult) -> dict[float, int]:
    """Percentile -> latency, as the summary has it."""
    found = {}
    for key, value in result.loadgen.items():
        if match := re.fullmatch(r"([\d.]+) percentile latency \(ns\)", key):
            found[float(match[1])] = int(value)
    return found


@pytest.mark.parametrize("scenario", ["single-stream", "multi-stream", "server", "offline"])
def test_every_scenario_runs_on_a_real_graph_and_is_valid(
    zoo: Artifact, scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # LoadGen obeys such a file of the current directory unless it is told not to.
    (tmp_path / "audit.config").write_text("*.*.min_duration = 50\n*.*.max_query_count = 3\n")
    with Session.of(zoo, where=Where(threads=1)) as session:
        result = run_scenario(session, zoo, plan_of(scenario, samples_per_query=5, batch=4), "deconv")
    assert (result.status, result.valid, result.invalid_because) == ("ok", True, ())
    assert (result.name, result.scenario, result.batch) == ("deconv", scenario, 4)
    assert result.seconds >= 0.45
    assert len(result.latencies_ms) == result.queries
    assert min(result.latencies_ms) > 0
    if scenario == "offline":
        assert result.queries == 1
        assert result.samples_per_query >= 499
        assert result.samples_per_query % 4 == 0
    else:
        assert result.queries >= 499
        assert result.samples_per_query == (5 if scenario == "multi-stream" else 1)
    assert result.samples_per_s == pytest.approx(result.queries * result.samples_per_query / result.seconds)
    assert result.loadgen["Result is"] == "VALID"
    assert ScenarioResult.model_validate_json(result.model_dump_json()) == result
    assert [path.name for path in tmp_path.iterdir()] == ["audit.config"]
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("scenario", ["single-stream", "multi-stream", "server"])
def test_our_percentiles_are_those_of_loadgen(artifact: Artifact, scenario: str) -> None:
    with planted(artifact, stalls) as session:
        result = run_scenario(session, artifact, plan_of(scenario), "stalling")
    values = np.array(result.latencies_ms)
    said = said_ns(result)
    assert {50.0, 90.0, 99.0} <= set(said)
    for percent in (50, 90, 95, 97, 99):
        count = len(values)
        if percent * count % 100:
            ours = nearest_rank(values, percent)
        else:  # LoadGen takes the value after the nearest rank where the rank is a whole number
            ours = float(np.sort(values)[percent * count // 100])
        assert round(ours * 1e6) == said[percent]
    assert round(min(values) * 1e6) == int(result.loadgen["Min latency (ns)"])
    assert round(max(values) * 1e6) == int(result.loadgen["Max latency (ns)"])


def test_a_stall_of_every_fiftieth_run_is_in_the_tail_and_hits_one_in_fifty_of_a_closed_loop(
    artifact: Artifact,
) -> None:
    with planted(artifact, stalls) as session:
        result = run_scenario(session, artifact, plan_of("single-stream", min_queries=1000), "stalling")
    assert result.p50_ms is not None
    assert result.p99_ms is not None
    assert result.p50_ms < STALL_MS / 3
    assert result.p99_ms >= STALL_MS
    slow = np.mean(np.array(result.latencies_ms) >= STALL_MS)
    assert slow == pytest.approx(1 / OFTEN, abs=0.005)


def test_a_stall_delays_the_queries_behind_it_because_latency_begins_when_a_query_was_due(artifact: Artifact) -> None:
    with planted(artifact, stalls) as session:
        result = run_scenario(session, artifact, plan_of("server", batch=1, seconds=1.7, rate_per_s=300.0), "stalling")
    latencies_ms = np.array(result.latencies_ms)
    assert result.queries >= 500
    # A generator that waits for the session sees the stalled queries alone, 2 %. At 300 queries/s some nine more arrive
    # during each stall of 30 ms and wait for the rest of it, half of it on average.
    assert np.mean(latencies_ms > STALL_MS / 3) > 0.06
    assert result.p99_ms is None or result.p99_ms >= STALL_MS / 2


@pytest.mark.parametrize("scenario", ["single-stream", "multi-stream", "server", "offline"])
def test_accuracy_mode_answers_every_sample_with_what_a_plain_run_gives(zoo: Artifact, scenario: str) -> None:
    plan = plan_of(scenario, mode="accuracy", samples_per_query=5, batch=4)
    with Session.of(zoo, where=Where(threads=1)) as session:
        result = run_scenario(session, zoo, plan, "deconv")
        alone = [session.run(_inputs(zoo, session, seed))["image"] for seed in range(11)]
    assert (result.status, result.valid, result.matches) == ("ok", None, True)
    assert result.largest_difference is not None
    assert result.largest_difference <= 1
    if result.largest_difference == 0:
        assert result.samples_sha256 == hashlib.sha256(np.concatenate(alone).tobytes()).hexdigest()
    assert result.queries == {"single-stream": 11, "multi-stream": 3, "server": 11, "offline": 1}[scenario]
    assert result.samples_per_query == {"multi-stream": 5, "offline": 11}.get(scenario, 1)
    assert result.latencies_ms == ()


def _inputs(artifact: Artifact, session: Session, seed: int) -> dict[str, Array]:
    return trial_inputs(session.spec, artifact.manifest.sampler, [seed])


def test_accuracy_mode_tells_when_samples_depend_on_their_company(
    artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = FakeGraph.run

    def leaking(self: FakeGraph, inputs: Mapping[str, Array]) -> dict[str, Array]:
        rows = len(inputs["latent"])
        return {name: array + np.uint8(2 * (rows - 1)) for name, array in original(self, inputs).items()}

    monkeypatch.setattr(FakeGraph, "run", leaking)
    with Session.of(artifact) as session:
        single = run_scenario(session, artifact, plan_of("single-stream", mode="accuracy"), "leaking")
        offline = run_scenario(session, artifact, plan_of("offline", mode="accuracy", batch=4), "leaking")
    assert (single.matches, single.largest_difference) == (True, 0.0)
    assert offline.matches is False
    assert offline.largest_difference is not None
    assert offline.largest_difference >= 2
    assert offline.samples_sha256 != single.samples_sha256


def test_labels_and_settings_are_served_too(tmp_path: Path) -> None:
    artifact = make_conditional(tmp_path / "conditional")
    with Session.of(artifact) as session:
        result = run_scenario(session, artifact, plan_of("offline", mode="accuracy", batch=4), "conditional")
    assert (result.status, result.matches, result.largest_difference) == ("ok", True, 0.0)


def test_an_answer_holds_all_outputs_of_its_sample_in_order(tmp_path: Path) -> None:
    artifact = make_autoencoder(tmp_path / "autoencoder")
    with Session.of(artifact, "encoder") as session:
        result = run_scenario(session, artifact, plan_of("offline", mode="accuracy", batch=4), "encoder")
        outputs = session.run(trial_inputs(session.spec, artifact.manifest.sampler, range(8)))
        outputs_of_rest = session.run(trial_inputs(session.spec, artifact.manifest.sampler, range(8, 11)))
    digest = hashlib.sha256()
    for part in (outputs, outputs_of_rest):
        for row in range(len(part["latent"])):
            digest.update(part["latent"][row].tobytes() + part["log_variance"][row].tobytes())
    assert (result.status, result.matches, result.largest_difference) == ("ok", True, 0.0)
    assert result.samples_sha256 == digest.hexdigest()


@pytest.mark.parametrize("scenario", ["single-stream", "offline"])
def test_a_graph_of_one_batch_size_is_filled_up(artifact: Artifact, scenario: str) -> None:
    spec = artifact.manifest.graphs["generator"].spec.with_axis("batch", AxisRange(min=4, opt=4, max=4))
    entry = artifact.manifest.graphs["generator"].model_copy(update={"spec": spec})
    with Session(Path("art"), entry) as session:
        result = run_scenario(session, artifact, plan_of(scenario, mode="accuracy", batch=1), "four")
    assert (result.status, result.matches, result.batch) == ("ok", True, 4)


def test_the_largest_batch_is_that_of_the_graph(zoo: Artifact) -> None:
    with Session.of(zoo) as session:
        result = run_scenario(session, zoo, plan_of("offline", batch=1000, seconds=0.1, min_queries=1), "deconv")
    assert (result.status, result.batch) == ("ok", zoo.manifest.graphs["generator"].spec.largest_batch)


def test_the_highest_rate_that_holds_is_found_and_confirmed(artifact: Artifact) -> None:
    events: list[Event] = []
    plan = plan_of("server", seconds=1.0, bound_ms=25.0, bound_percent=90, rate_per_s=None, batch=1, min_queries=100)
    with planted(artifact, lambda run: time.sleep(0.002)) as session:
        result = run_scenario(session, artifact, plan, "steady", events.append)
    assert (result.status, result.valid) == ("ok", True)
    assert result.rate_per_s is not None
    # One server of 2 ms can do at most 500/s; keeping 90 % within 25 ms leaves it the larger part of that.
    assert 150 < result.rate_per_s < 500
    assert result.tried[-1].held
    assert result.tried[-1].asked_per_s == result.rate_per_s
    assert result.tried[-1].queries == result.queries
    assert any(not one.held for one in result.tried)
    assert nearest_rank(np.array(result.latencies_ms), 90) <= 25.0
    notes = [event.text for event in events if isinstance(event, Note)]
    assert len(notes) == len(result.tried)
    assert notes[-1].endswith(" held.")
    assert "not held." in "".join(notes)


def test_a_bound_that_one_sample_alone_exceeds_is_a_failed_row_after_one_try(artifact: Artifact) -> None:
    plan = ScenarioPlan(scenario="server", seconds=1.0, bound_ms=2.0, batch=2, samples=8)
    with planted(artifact, lambda run: time.sleep(0.004)) as session:
        result = run_scenario(session, artifact, plan, "slow")
    assert re.fullmatch(
        r"failed: no rate holds 99 % of queries within 2 ms: at [\d.]+ queries/s the 99th percentile was [\d.]+ ms\.",
        result.status,
    )
    assert len(result.tried) == 1
    assert not result.tried[0].held
    assert result.tried[0].latency_ms > 4
    assert result.latencies_ms == ()


def test_a_given_rate_that_is_too_high_says_so_in_loadgens_words_and_ends_early(artifact: Artifact) -> None:
    plan = plan_of("server", rate_per_s=1500.0, bound_ms=5.0, batch=1, seconds=30.0)
    started = time.perf_counter()
    with planted(artifact, lambda run: time.sleep(0.005 if run < 350 else 0.0)) as session:
        result = run_scenario(session, artifact, plan, "overloaded")
    assert time.perf_counter() - started < 15
    assert (result.status, result.valid) == ("ok", False)
    assert "Reduce target QPS to improve latency." in result.invalid_because
    assert nearest_rank(np.array(result.latencies_ms), 99) > 5.0


def test_too_few_queries_are_not_valid_and_loadgen_says_why(artifact: Artifact) -> None:
    plan = plan_of("multi-stream", min_queries=20, seconds=0.05)
    with planted(artifact, lambda run: time.sleep(0.002)) as session:
        result = run_scenario(session, artifact, plan, "short")
    assert (result.status, result.valid) == ("ok", False)
    assert any("Need to process at least" in why for why in result.invalid_because)
    assert result.p50_ms is not None
    assert result.p99_ms is None


@pytest.mark.parametrize("scenario", ["single-stream", "offline"])
def test_a_session_that_becomes_faster_than_it_seemed_is_tested_again_with_more_queries(
    artifact: Artifact, scenario: str
) -> None:
    with planted(artifact, lambda run: time.sleep(0.03 if run < 6 else 0.0005)) as session:
        plan = plan_of(scenario, seconds=0.3, min_queries=100, batch=1)
        result = run_scenario(session, artifact, plan, "warming")
    assert (result.status, result.valid) == ("ok", True)
    assert result.seconds >= 0.27
    assert result.queries * result.samples_per_query > 150


def test_without_loadgen_the_error_names_the_extra(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with (
        Session.of(artifact) as session,
        pytest.raises(
            MissingDependencyError, match="'mlperf_loadgen' is needed to measure the scenarios of MLPerf"
        ) as err,
    ):
        run_scenario(session, artifact, plan_of("offline"), "one")
    assert err.value.hint == "pip install 'gantools[loadgen]'"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scenario": "server"}, "the scenario 'server' needs bound_ms"),
        ({"scenario": "offline", "bound_ms": 1.0}, "belong to the scenario 'server', not to 'offline'"),
        ({"scenario": "single-stream", "rate_per_s": 1.0}, "belong to the scenario 'server', not to 'single-stream'"),
        ({"scenario": "queue"}, "Input should be 'single-stream', 'multi-stream', 'server' or 'offline'"),
        ({"scenario": "offline", "bound_percent": 100}, "less than or equal to 99"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ScenarioPlan.model_validate(given)


def test_a_plan_travels_as_json() -> None:
    plan = ScenarioPlan(scenario="server", bound_ms=5.0, seed=3)
    assert ScenarioPlan.model_validate_json(plan.model_dump_json()) == plan


def test_a_search_that_only_holds_shortly_says_so(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    def only_short(attempt: Callable[[float, bool], ServerTry], first_per_s: float, lowest_per_s: float) -> None:
        attempt(50.0, False)

    monkeypatch.setattr(scenarios, "find_rate", only_short)
    plan = ScenarioPlan(scenario="server", seconds=1.0, bound_ms=500.0, bound_percent=60, samples=8)
    with Session.of(artifact) as session:
        result = run_scenario(session, artifact, plan, "short")
    assert result.status == (
        "failed: 50 queries/s held 60 % of queries within 500 ms in short tests, but no rate near it for 1 seconds."
    )
