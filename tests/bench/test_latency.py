import json
from pathlib import Path
from typing import Any

import pytest

from gantools.bench.latency import bench
from gantools.bench.results import BenchReport
from gantools.bench.target import BenchTarget
from gantools.core.artifact import Artifact
from gantools.core.events import Event, Progress
from gantools.runtime.session import Where
from gantools.timing.environment import default_threads
from gantools.timing.measure import BenchPlan
from tests.fakes import FakeBackend, FakeClock

PLAN = BenchPlan(min_calls=1000, max_seconds=5.0)
ROW_KEYS = (
    "name span artifact backend device threads batch gap_ms status asked attested values_ms block launches count "
    "p50_ms p50_interval_ms p90_ms p99_ms outliers spread samples_per_s warmup_calls steady first_call_ms load_ms "
    "build_seconds cold memory energy roofline quality losses flags"
)
REPORT_KEYS = "schema plan spans environment ceilings load rows comparisons scenarios command isolated"


def target(artifact: Artifact, name: str, clock: FakeClock, cost_ms: float = 1.0, **settings: object) -> BenchTarget:
    return BenchTarget(name, artifact, where=Where(settings={"clock": clock, "cost_ms": cost_ms, **settings}))


def measured(artifact: Artifact, clock: FakeClock) -> BenchReport:
    targets = [
        target(artifact, "slow", clock, 2.0),
        target(artifact, "fast", clock, 0.5),
        target(artifact, "broken", clock, fail_after=7),
        BenchTarget("elsewhere", artifact, where=Where(device="cuda")),
    ]
    return bench(targets, PLAN, clock=clock)


def test_a_report_states_exactly_what_the_clock_says(artifact: Artifact, clock: FakeClock) -> None:
    report = measured(artifact, clock)
    assert [(row.name, row.batch) for row in report.rows] == [
        (name, batch) for batch in (1, 16) for name in ("slow", "fast", "broken", "elsewhere")
    ]
    row = report.row("slow", 16)
    assert (row.p50_ms, row.p90_ms, row.p99_ms) == (2.0, 2.0, 2.0)
    assert (row.samples_per_s, row.spread, row.count, row.first_call_ms) == (8000.0, 0.0, 1000, 2.0)
    assert (row.backend, row.device, row.artifact, row.steady) == ("fake", "cpu", "ab" * 32, True)
    assert len(row.values_ms) == 1000


def test_a_variant_that_fails_is_a_row_and_the_others_go_on(artifact: Artifact, clock: FakeClock) -> None:
    report = measured(artifact, clock)
    failed = {row.name: row.status for row in report.rows if not row.ok}
    assert failed == {
        "broken": "failed: the fake broke.",
        "elsewhere": "failed: the fake has no device 'cuda'.",
    }
    assert [row.name for row in report.rows if row.ok] == ["slow", "fast"] * 2
    assert report.row("broken", 1).p50_ms is None


def test_everything_is_compared_with_the_first_that_was_measured(artifact: Artifact, clock: FakeClock) -> None:
    report = measured(artifact, clock)
    found = [(each.baseline, each.name, each.batch, each.faster.value) for each in report.comparisons]
    assert found == [("slow", "fast", 1, 4.0), ("slow", "fast", 16, 4.0)]
    assert report.comparisons[0].faster.interval == (4.0, 4.0)


def test_nothing_is_compared_with_a_median_that_is_not_supported(artifact: Artifact, clock: FakeClock) -> None:
    targets = [target(artifact, "slow", clock, 2.0), target(artifact, "fast", clock, 0.5)]
    report = bench(targets, BenchPlan(min_calls=19), clock=clock)
    assert [row.count for row in report.rows] == [19] * 4
    assert report.comparisons == ()


def test_a_slow_graph_has_no_p99(artifact: Artifact, clock: FakeClock) -> None:
    row = bench([target(artifact, "one", clock, 10.0)], PLAN, clock=clock).row("one", 1)
    assert (row.count, row.p90_ms, row.p99_ms) == (500, 10.0, None)


def test_a_batch_the_graph_was_not_made_for_is_a_failed_row(artifact: Artifact, clock: FakeClock) -> None:
    plan = PLAN.model_copy(update={"batches": (1, 64)})
    report = bench([target(artifact, "one", clock)], plan, clock=clock)
    assert report.row("one", 1).ok
    assert "axis 'batch' is 64, outside [1, 16]" in report.row("one", 64).status


def test_variants_are_interleaved(artifact: Artifact, clock: FakeClock, fake: FakeBackend) -> None:
    """When both run in turns, neither is ever many blocks ahead of the other."""
    ahead: list[int] = []
    events: list[Event] = []

    def watch(event: Event) -> None:
        events.append(event)
        first, second = (graph.runs for graph in fake.opened)
        ahead.append(abs(first - second))

    targets = [target(artifact, name, clock) for name in ("a", "b")]
    bench(targets, BenchPlan(batches=(1,), rounds=20), watch, clock=clock)
    assert len(ahead) >= 20
    assert max(ahead) == 0
    progress = [event for event in events if isinstance(event, Progress)]
    assert [(event.done, event.total) for event in progress] == [(done, 20) for done in range(1, 21)]


def test_every_variant_gets_the_same_threads_and_the_report_says_how_many(
    artifact: Artifact, clock: FakeClock, fake: FakeBackend
) -> None:
    targets = [
        target(artifact, "a", clock),
        BenchTarget("b", artifact, where=Where(threads=7, settings={"clock": clock})),
    ]
    plan = BenchPlan(batches=(1,), min_calls=20, threads=3)
    assert bench(targets, plan, clock=clock).plan.threads == 3
    assert [graph.options.threads for graph in fake.opened] == [3, 3]
    assert bench(targets, BenchPlan(batches=(1,), min_calls=20), clock=clock).plan.threads == default_threads()


def test_the_precision_is_the_one_the_runtime_tells(artifact: Artifact, clock: FakeClock) -> None:
    targets = [target(artifact, "honest", clock), target(artifact, "other", clock, precision="bf16")]
    report = bench(targets, BenchPlan(batches=(1,), min_calls=20), clock=clock)
    honest, other = report.row("honest", 1), report.row("other", 1)
    assert honest.attested is not None
    assert other.attested is not None
    assert (other.asked, other.attested.computed) == ("fp32", {"bf16": 1.0})
    assert [row.name for row in report.deviating] == ["other"]


def test_the_span_sample_draws_the_noise_inside(
    artifact: Artifact, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def noise(inputs: Any, sampler: Any, seeds: range, sizes: Any) -> object:
        drawn.append(len(seeds))
        return original(inputs, sampler, seeds, sizes)

    from gantools.samplers import feedforward

    original = feedforward.inputs_of
    monkeypatch.setattr(feedforward, "inputs_of", noise)
    where = Where(settings={"clock": clock})
    targets = [BenchTarget("run", artifact, where=where), BenchTarget("sample", artifact, where=where, span="sample")]
    report = bench(targets, BenchPlan(batches=(4,), min_calls=20), clock=clock)
    assert len(drawn) > 20
    assert set(drawn) == {4}
    assert set(report.spans) == {"run", "sample"}
    assert report.comparisons == ()


def test_a_checkpoint_is_opened_by_torch_with_the_artifacts_interface(
    artifact: Artifact, clock: FakeClock, fake: FakeBackend
) -> None:
    settings = {"clock": clock, "mode": "eager"}
    eager = BenchTarget("torch", artifact, where=Where(settings=settings), checkpoint=Path("run"))
    row = bench([eager], BenchPlan(batches=(1,), min_calls=20), clock=clock).row("torch", 1)
    assert (row.backend, row.artifact, row.ok) == ("torch", None, True)
    (opened,) = fake.opened
    assert (opened.path, opened.graph.format, opened.graph.file) == (Path("run"), "checkpoint", "generator")
    assert opened.settings["mode"] == "eager"


def test_names_of_variants_must_differ(artifact: Artifact, clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="names of variants repeat"):
        bench([target(artifact, "a", clock)] * 2, PLAN, clock=clock)


def test_a_report_survives_json(artifact: Artifact, clock: FakeClock) -> None:
    report = measured(artifact, clock)
    assert BenchReport.model_validate_json(report.to_json()) == report


def test_the_json_keeps_its_keys(artifact: Artifact, clock: FakeClock) -> None:
    """Who reads these files relies on the keys: another set of keys is another schema number."""
    document = json.loads(measured(artifact, clock).to_json())
    assert document["schema"] == 2
    assert list(document) == REPORT_KEYS.split()
    assert len(document["rows"]) == 8
    assert all(list(row) == ROW_KEYS.split() for row in document["rows"])
    with pytest.raises(ValueError, match="schema"):
        BenchReport.model_validate({**document, "schema": 1})


def test_asking_for_a_row_that_is_not_there_is_an_error(artifact: Artifact, clock: FakeClock) -> None:
    with pytest.raises(KeyError):
        bench([target(artifact, "a", clock)], BenchPlan(min_calls=20), clock=clock).row("a", 3)
