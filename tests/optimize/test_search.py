"""The search: every candidate has a figure or a reason, the fastest is kept, and what was made is not made twice."""

import json
from collections.abc import Collection
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from gantools.core.artifact import Artifact, GraphFile, load_artifact
from gantools.core.errors import BackendError, ParityError, RecipeError, UnknownNameError
from gantools.core.events import Event, Note, Standing
from gantools.core.proof import QualityLoss
from gantools.core.spec import AxisRange
from gantools.optimize import contest as arena
from gantools.optimize import search as room
from gantools.optimize.contest import EXPORTED, Contest, Entrant, Outcome, with_front
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.optimize.search import REPORT, SearchReport, candidate_plans, search
from gantools.runtime.backends import onnxruntime as backend
from gantools.runtime.backends.base import OpenOptions
from gantools.runtime.backends.onnxruntime import session_options
from gantools.samplers import open_artifact
from gantools.timing.measure import BenchPlan, Timings
from gantools.timing.stats import Ratio
from gantools.verify.gate import Yardstick
from tests.zoo import make_artifact, needs_bf16

SHORT = BenchPlan(batches=(1,), min_calls=40, max_seconds=0.2, rounds=10, lead_in_ms=1, max_warmup_seconds=0.1)
FP32 = ("onnxruntime-fp32", "openvino-fp32")
NCHW = {"graph_optimization_level": "extended"}
LOSS = QualityLoss(metric="levels", loss=0, interval=(0, 0), confidence=0.95, budget=1, samples=40, seeds="0-39")
PLAN = Plan(target="auto", threads=1, samples=40)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_artifact(tmp_path_factory.mktemp("zoo") / "art")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arena, "_PLAN", SHORT)
    monkeypatch.setattr(arena, "_THROUGHPUT_SECONDS", 0.02)
    monkeypatch.setattr(arena, "_NEARLY", 0.0)  # settings have tests of their own


def named(report: SearchReport) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in report.outcomes}


def test_without_a_budget_only_fp32_is_tried_and_the_fastest_is_kept(parent: Artifact, tmp_path: Path) -> None:
    seen: list[Event] = []
    made, report = search(parent, PLAN, tmp_path / "best", seen.append)
    outcomes = named(report)
    assert list(outcomes) == ["onnxruntime-fp32", "openvino-fp32", EXPORTED]
    assert report.batch == 4
    for outcome in outcomes.values():
        assert outcome.rejected is None
        assert outcome.p50_ms is not None
        assert outcome.samples_per_s == pytest.approx(4 / outcome.p50_ms * 1000)
        assert outcome.computed == {"fp32": 1.0}
        assert (outcome.faster is None) == (outcome.name == EXPORTED)
    fastest = min(("onnxruntime-fp32", "openvino-fp32"), key=lambda name: outcomes[name].p50_ms or 0)
    assert report.chosen == fastest
    assert made.manifest.parent == parent.digest
    assert f"{made.graph()[1].backend}-fp32" == fastest
    assert SearchReport.model_validate(json.loads((tmp_path / "best" / REPORT).read_text())) == report
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    assert "without --max-loss nothing may be lost: only fp32 is tried" in [
        event.text for event in seen if isinstance(event, Note)
    ]
    with open_artifact(tmp_path / "best", threads=1) as found, open_artifact(parent.path, threads=1) as exact:
        assert np.abs(found.sample(range(8)).astype(int) - exact.sample(range(8))).max() <= 1


@needs_bf16
def test_a_candidate_that_loses_too_much_is_out_with_its_reason(parent: Artifact, tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"max_loss": {"levels": 0.02}})
    made, report = search(parent, plan, tmp_path / "best")
    out = named(report)["openvino-bf16"]
    assert out.rejected is not None
    assert out.rejected.startswith("the precision bf16 on openvino costs too much: levels lost")
    assert out.p50_ms is None
    assert made.graph()[1].precision == "fp32"
    wide = PLAN.model_copy(update={"max_loss": {"levels": 5.0}})
    _, report = search(parent, wide, tmp_path / "wide")
    within = named(report)["openvino-bf16"]
    assert (within.rejected, within.computed) == (None, {"bf16": 1.0})
    (loss,) = within.losses
    assert 0.02 < loss.loss < 5


def test_a_search_that_was_stopped_goes_on(parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    right = optimize

    def stopping(*given: object, **more: object) -> Artifact:
        plan = given[1]
        assert isinstance(plan, Plan)
        if len(made) == 1:
            made.append("stopped")
            raise KeyboardInterrupt
        made.append(plan.target)
        return right(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(room, "optimize", stopping)
    with pytest.raises(KeyboardInterrupt):
        search(parent, PLAN, tmp_path / "best")
    assert not (tmp_path / "best").exists()
    search(parent, PLAN, tmp_path / "best")
    assert made == ["onnxruntime", "stopped", "openvino"]
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_what_was_made_for_another_plan_is_made_again(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "made"
    plans = candidate_plans(PLAN)
    first = room._made(parent, plans["onnxruntime-fp32"], folder, lambda _: None, Yardstick())
    anew = Artifact(folder, first.manifest, "anew")
    monkeypatch.setattr(room, "optimize", lambda *given, **more: anew)
    again = room._made(parent, plans["onnxruntime-fp32"], folder, lambda _: None, Yardstick())
    assert again.digest == first.digest
    other = plans["onnxruntime-fp32"].model_copy(update={"samples": 41})
    assert room._made(parent, other, folder, lambda _: None, Yardstick()) is anew


def test_what_was_judged_by_other_images_is_made_again(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "made"
    plan = PLAN.model_copy(update={"target": "onnxruntime", "max_loss": {"levels": 1.0}})
    first = room._made(parent, plan, folder, lambda _: None, Yardstick())
    (loss,) = first.manifest.steps[-1].losses
    assert room._is_of(loss, Yardstick())
    assert not room._is_of(loss.model_copy(update={"data_sha256": "ab" * 32}), Yardstick())
    assert not room._is_of(loss.model_copy(update={"extractor_sha256": "ab" * 32}), Yardstick())
    monkeypatch.setattr(room, "_is_of", lambda loss, yardstick: False)
    anew = Artifact(folder, first.manifest, "anew")
    monkeypatch.setattr(room, "optimize", lambda *given, **more: anew)
    assert room._made(parent, plan, folder, lambda _: None, Yardstick()) is anew


def test_a_mistake_of_the_user_ends_the_search_as_such(parent: Artifact, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="the loss of 'kid' needs real images"):
        search(parent, PLAN.model_copy(update={"max_loss": {"kid": 0.1}}), tmp_path / "best")
    axes = {"bach": AxisRange(min=1, opt=1, max=2)}
    with pytest.raises(UnknownNameError, match="did you mean 'batch'"):
        search(parent, PLAN.model_copy(update={"axes": axes}), tmp_path / "best")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_begun_after_the_time_is_over(parent: Artifact, tmp_path: Path) -> None:
    seconds = count(step=10)
    _, report = search(parent, PLAN, tmp_path / "best", seconds=15, clock=lambda: float(next(seconds)))
    outcomes = named(report)
    assert outcomes["onnxruntime-fp32"].p50_ms is not None
    assert outcomes["openvino-fp32"].rejected == "not tried: the 15 s for the search were over."
    assert report.chosen == "onnxruntime-fp32"


def test_where_no_candidate_is_left_every_reason_is_told(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*given: object, **more: object) -> Artifact:
        raise ParityError("it differs.")

    monkeypatch.setattr(room, "optimize", failing)
    with pytest.raises(BackendError, match="no candidate is left") as caught:
        search(parent, PLAN, tmp_path / "best")
    assert "onnxruntime-fp32: it differs." in caught.value.message
    assert "openvino-fp32: it differs." in caught.value.message
    assert caught.value.hint == "allow more loss, or install another runtime"
    assert not (tmp_path / "best").exists()


def test_settings_of_those_that_are_nearly_fastest_are_tried(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arena, "_NEARLY", 1e9)
    monkeypatch.setattr(arena, "default_threads", lambda: 4)
    _, report = search(parent, PLAN.model_copy(update={"threads": None}), tmp_path / "best")
    outcomes = named(report)
    expected = {f"{name}, {how}" for name in FP32 for how in ("2 threads", "1 thread")}
    assert set(outcomes) == {*FP32, EXPORTED, *expected, "onnxruntime-fp32, NCHW", "openvino-fp32, unpinned"}
    for name, outcome in outcomes.items():
        assert outcome.rejected is None
        assert outcome.p50_ms is not None
        assert outcome.samples_per_s is not None
        assert outcome.samples_per_s >= 0.999 * 4 / outcome.p50_ms * 1000
        assert outcome.streams == 1 or (outcome.streams == 4 and "thread" not in name and name != EXPORTED)


def test_the_settings_that_win_travel_with_the_artifact(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arena, "_NEARLY", 1e9)
    monkeypatch.setattr(Contest, "_fastest", lambda contest, outcomes: "onnxruntime-fp32, NCHW")
    made, report = search(parent, PLAN, tmp_path / "best")
    assert report.chosen == "onnxruntime-fp32, NCHW"
    assert {str(entry.settings) for entry in made.manifest.graphs.values()} == {str(NCHW)}
    opened: list[dict[str, object]] = []
    right = session_options

    def spying(ort: object, graph: GraphFile, options: OpenOptions, besides: Collection[str] = ()) -> object:
        opened.append(dict(options.settings))
        return right(ort, graph, options, besides)

    monkeypatch.setattr(backend, "session_options", spying)
    with open_artifact(tmp_path / "best") as found, open_artifact(tmp_path / "best" / "generator.onnx") as lone:
        np.testing.assert_array_equal(found.sample(range(3)), lone.sample(range(3)))
    with open_artifact(parent.path):
        pass
    assert opened == [NCHW, NCHW, {}]
    with open_artifact(tmp_path / "best", backend="openvino") as other:  # which knows no such setting
        assert other.sample([3]).shape == (1, 16, 16, 1)


def test_a_setting_in_which_the_graph_gives_something_else_is_out(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differing(*given: object, **more: object) -> None:
        raise ParityError("it differs.")

    monkeypatch.setattr(arena, "_NEARLY", 1e9)
    monkeypatch.setattr(arena, "check", differing)
    _, report = search(parent, PLAN, tmp_path / "best")
    outcomes = named(report)
    assert {name: outcome.rejected for name, outcome in outcomes.items() if outcome.rejected} == {
        "onnxruntime-fp32, NCHW": "it differs.",
        "openvino-fp32, unpinned": "it differs.",
    }
    assert report.chosen in FP32


def test_streams_that_fail_are_told_and_take_nothing_along(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*given: object, **more: object) -> float:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(arena, "runs_per_second", failing)
    events: list[Event] = []
    _, report = search(parent, PLAN.model_copy(update={"threads": 2}), tmp_path / "best", events.append)
    assert {one.streams for one in report.outcomes} == {1}
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "onnxruntime-fp32 with 2 streams: RuntimeError: out of memory" in notes


def test_how_candidates_stand_is_told_while_they_are_made(parent: Artifact, tmp_path: Path) -> None:
    events: list[Event] = []
    search(parent, PLAN.model_copy(update={"max_loss": {"levels": 5.0}}), tmp_path / "best", events.append)
    standings = [event for event in events if isinstance(event, Standing)]
    assert standings[0].rows[:2] == (("onnxruntime-fp32", "being made and judged"), ("openvino-fp32", "waiting"))
    assert standings[1].rows[1] == ("openvino-fp32", "being made and judged")
    assert standings[-1].rows[0][1].startswith("levels lost 0")
    assert len(standings) == len(candidate_plans(PLAN.model_copy(update={"max_loss": {"levels": 5.0}}))) + 1


def test_a_setting_is_taken_only_where_it_is_faster_for_certain(parent: Artifact) -> None:
    contest = Contest(parent, dict.fromkeys(FP32, parent), PLAN, lambda _: None)
    contest.entrants = {name: Entrant(candidate=name) for name in FP32}
    contest.entrants["openvino-fp32, unpinned"] = Entrant(candidate="openvino-fp32")
    times = {"onnxruntime-fp32": 3.0, "openvino-fp32": 2.0, "openvino-fp32, unpinned": 1.9}
    outcomes = {name: Outcome(name=name, p50_ms=value) for name, value in times.items()}
    assert contest._fastest(outcomes) == "openvino-fp32"
    contest._surely_faster.add("openvino-fp32, unpinned")
    assert contest._fastest(outcomes) == "openvino-fp32, unpinned"
    assert contest._fastest({name: Outcome(name=name, rejected="out") for name in times}) is None


@pytest.mark.parametrize(("low", "text"), [(0.9, "1.10x (0.90 to 1.30)"), (1.0, "1.10x (1.00 to 1.30)"), (1.01, None)])
def test_one_that_is_not_faster_than_the_graph_as_exported_is_said_to_be_in_doubt(low: float, text: str | None) -> None:
    faster = Ratio(value=1.1, interval=(low, 1.3), rounds=20)
    outcomes = (Outcome(name="taken", p50_ms=2.0, faster=faster), Outcome(name=EXPORTED, p50_ms=2.2))
    doubt = SearchReport(chosen="taken", batch=1, outcomes=outcomes).doubt
    assert (doubt is None) if text is None else (doubt is not None and text in doubt)


def test_the_doubt_is_told(parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arena, "ratio_of_medians", lambda *_: Ratio(value=0.5, interval=None, rounds=10))
    notes: list[Event] = []
    _, report = search(parent, PLAN, tmp_path / "best", notes.append)
    assert report.doubt is not None
    assert Note(report.doubt) in notes


def test_the_front_is_what_nothing_else_is_as_good_as_in_everything() -> None:
    def outcome(name: str, p50: float, rate: float, size: int, lost: float) -> Outcome:
        loss = LOSS.model_copy(update={"loss": lost})
        return Outcome(name=name, p50_ms=p50, samples_per_s=rate, bytes=size, losses=(loss,))

    all_of = [
        outcome("slow and exact", 10, 100, 40, 0.0),
        outcome("quick", 5, 200, 20, 0.1),
        outcome("as quick and worse", 5, 200, 20, 0.2),
        outcome("quicker and large", 4, 250, 80, 0.3),
        outcome("many at once", 20, 300, 40, 0.3),
        Outcome(name="out", rejected="it differs."),
    ]
    found = with_front({one.name: one for one in all_of})
    assert [name for name, one in found.items() if one.on_front] == [
        "slow and exact",
        "quick",
        "quicker and large",
        "many at once",
    ]


def test_where_none_can_be_timed_every_reason_is_told(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*given: object, **more: object) -> Timings:
        raise BackendError("no luck.")

    monkeypatch.setattr(Contest, "_open", failing)
    with pytest.raises(BackendError, match="no candidate could be timed: onnxruntime-fp32: no luck") as caught:
        search(parent, PLAN, tmp_path / "best")
    assert caught.value.hint == "run 'gantools bench ART' to see why"


def test_the_chosen_artifact_is_sealed(parent: Artifact, tmp_path: Path) -> None:
    made, report = search(parent, PLAN, tmp_path / "best")
    assert load_artifact(tmp_path / "best").digest == made.digest
    assert report.chosen in {"onnxruntime-fp32", "openvino-fp32"}
