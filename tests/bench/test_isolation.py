"""Variants in processes of their own, on a real runtime: what they tell, and how they end."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gantools.bench import latency
from gantools.bench.isolation import Worker, WorkerRunner
from gantools.bench.latency import bench
from gantools.bench.results import Memory, Span
from gantools.bench.self_test import self_test
from gantools.bench.target import BenchTarget
from gantools.core.artifact import Artifact
from gantools.core.errors import ArtifactError, BackendError
from gantools.core.events import Event, Progress
from gantools.runtime.session import Where
from gantools.timing.measure import BenchPlan, Timings, measure
from tests.zoo import make_artifact

QUICK = BenchPlan(batches=(1, 4), min_calls=40, max_seconds=0.3, rounds=10, lead_in_ms=0, max_warmup_seconds=0.1)


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_artifact(tmp_path_factory.mktemp("zoo") / "art")


def test_each_variant_tells_of_its_own_start_and_memory(art: Artifact) -> None:
    targets = [BenchTarget("ort", art), BenchTarget("ov", art, where=Where("openvino"))]
    report = bench(targets, QUICK, isolate=True)
    assert report.isolated
    assert [(row.name, row.batch, row.status) for row in report.rows] == [
        (name, batch, "ok") for batch in (1, 4) for name in ("ort", "ov")
    ]
    assert [row.backend for row in report.rows] == ["onnxruntime", "openvino"] * 2
    for row in report.rows:
        assert row.count == len(row.values_ms) >= 20
        assert row.attested is not None
        assert row.attested.computed == {"fp32": 1.0}
        assert row.memory is not None
        assert 0 < row.memory.host_before_bytes < row.memory.host_peak_bytes < 2**30
        assert row.memory.device_bytes is None
        assert row.cold is not None
    cold = report.row("ort", 1).cold
    assert cold is not None
    assert min(cold.python_ms, cold.import_ms, cold.load_ms, cold.first_call_ms) > 0
    assert cold.total_ms == pytest.approx(cold.python_ms + cold.import_ms + cold.load_ms + cold.first_call_ms)
    assert {(one.name, one.batch) for one in report.comparisons} == {("ov", 1), ("ov", 4)}


def test_what_cannot_be_opened_there_is_a_row(art: Artifact) -> None:
    targets = [BenchTarget("ort", art), BenchTarget("gpu", art, where=Where(device="cuda"))]
    report = bench(targets, QUICK.model_copy(update={"batches": (1,)}), isolate=True)
    assert report.row("ort", 1).ok
    assert report.row("gpu", 1).status.startswith("failed: asked for device 'cuda'")


def test_a_crash_is_a_row_and_the_others_go_on(art: Artifact) -> None:
    """The process of one variant is killed while it is measured."""
    killed: list[int] = []

    def kill(event: Event) -> None:
        if isinstance(event, Progress) and not killed:
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            killed.append(int(children[-1]))
            os.kill(killed[0], signal.SIGSEGV)
            time.sleep(0.05)

    targets = [BenchTarget("first", art), BenchTarget("second", art)]
    report = bench(targets, QUICK, kill, isolate=True)
    assert report.row("first", 1).ok
    assert report.row("second", 1).status.startswith("failed: its process was ended by SIGSEGV")
    assert report.row("second", 1).attested is None
    assert report.row("first", 4).ok
    assert report.row("second", 4).ok  # every batch size has processes of its own


def test_a_crash_after_the_last_round_is_a_row_too(art: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Worker.memory

    def killed(worker: Worker) -> Memory:
        worker._process.kill()
        return whole(worker)

    monkeypatch.setattr(Worker, "memory", killed)
    report = bench([BenchTarget("ort", art)], QUICK.model_copy(update={"batches": (1,)}), isolate=True)
    assert report.row("ort", 1).status.startswith("failed: its process was ended by SIGKILL")


def test_how_a_process_ended_is_told_with_its_last_words(art: Artifact) -> None:
    with Worker(BenchTarget("one", art), 1) as worker:
        os.write(worker._complaints.fileno(), b"first\nlibrary: gave up\n")
        worker._process.kill()
        with pytest.raises(BackendError, match=r"^its process was ended by SIGKILL: library: gave up$"):
            worker.ask("memory")
        with pytest.raises(BackendError, match="was ended by SIGKILL"):
            worker.ask("memory")


def test_a_process_that_says_nothing_is_ended(art: Artifact) -> None:
    with Worker(BenchTarget("one", art), 1, patience_seconds=30) as worker:
        WorkerRunner(worker, 1).warm_up(QUICK)
        worker._patience_seconds = 0.2
        with pytest.raises(BackendError, match=r"^its process said nothing for 0\.2 s and was ended\.$"):
            worker.ask("block", batch=1, calls=1, lead_in_calls=0, lead_in_ms=60_000.0, gap_ms=0.0)


def test_every_launch_is_a_new_process_and_counts_in_the_ratio(art: Artifact) -> None:
    plan = QUICK.model_copy(update={"batches": (1,), "min_calls": 60, "launches": 6})
    report = bench([BenchTarget("a", art), BenchTarget("b", art)], plan, isolate=True)
    row = report.row("a", 1)
    assert (row.launches, row.block, row.count) == (6, 1, 60)
    (found,) = report.comparisons
    assert (found.faster.launches, found.faster.rounds) == (6, 60)
    assert found.faster.interval is not None
    fewer = plan.model_copy(update={"launches": 2})
    (found,) = bench([BenchTarget("a", art), BenchTarget("b", art)], fewer, isolate=True).comparisons
    assert (found.faster.launches, found.faster.interval) == (2, None)
    together = bench([BenchTarget("a", art), BenchTarget("b", art)], plan)
    assert {row.launches for row in together.rows} == {1}


def test_every_launch_has_an_order_of_its_own(art: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    whole = measure

    def watched(calls: Any, plan: BenchPlan, **how: Any) -> dict[str, Timings]:
        seeds.append(plan.seed)
        return whole(calls, plan, **how)

    monkeypatch.setattr(latency, "measure", watched)
    plan = QUICK.model_copy(update={"batches": (1,), "launches": 3, "seed": 5})
    bench([BenchTarget("a", art), BenchTarget("b", art)], plan, isolate=True)
    assert seeds == [5, 6, 7]


def test_a_process_that_is_stopped_answers_when_it_goes_on(art: Artifact) -> None:
    with Worker(BenchTarget("one", art), 1) as worker:
        runner = WorkerRunner(worker, 1)
        runner.warm_up(QUICK)
        worker.stop()
        threading.Timer(0.3, worker.go_on).start()
        started = time.monotonic()
        assert len(runner.block(3, 0, 0.0, 0.0)) == 3
        assert time.monotonic() - started >= 0.25


def test_closing_twice_is_fine(art: Artifact) -> None:
    worker = Worker(BenchTarget("one", art), 1)
    worker.close()
    worker.close()
    assert worker._process.returncode == 0


def test_a_pause_before_every_call_is_a_row_of_its_own(art: Artifact) -> None:
    plan = QUICK.model_copy(update={"batches": (1,), "min_calls": 20})
    started = time.perf_counter()
    report = bench([BenchTarget("ort", art)], plan, gaps_ms=(0.0, 10.0), isolate=True)
    assert time.perf_counter() - started > 20 * 0.010
    assert [(row.gap_ms, row.ok) for row in report.rows] == [(0.0, True), (10.0, True)]


def test_png_files_are_a_span_and_devices_of_the_host_have_none(art: Artifact) -> None:
    plan = QUICK.model_copy(update={"batches": (4,)})
    spans: tuple[Span, ...] = ("run", "sample", "file", "device")
    report = bench([BenchTarget(span, art, span=span) for span in spans], plan)
    assert set(report.spans) == set(spans)
    medians = [report.row(span, 4).p50_ms or 0.0 for span in spans[:3]]
    assert medians[2] > medians[0] > 0
    assert report.row("device", 4).status == (
        "failed: onnxruntime computes in the host's memory on 'cpu': there are no copies to leave out."
    )


def test_what_was_measured_is_not_measured_again(art: Artifact, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    target = [BenchTarget("ort", art)]

    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.done > 12:  # in the second batch size
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(target, QUICK, stop, kept=kept)
    with kept.open("a") as stream:
        stream.write('{"half a line')  # the power went
    first = bench(target, QUICK, kept=kept)
    again = bench(target, QUICK, kept=kept)
    assert again.rows == first.rows
    assert again.rows[0].attested is not None
    other = bench(target, QUICK.model_copy(update={"seed": 1}), kept=kept)
    assert other.row("ort", 1).values_ms != first.row("ort", 1).values_ms


def test_a_file_of_something_else_is_refused(art: Artifact, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_text("hello\n")
    with pytest.raises(ArtifactError, match="does not hold rows of an unfinished benchmark"):
        bench([BenchTarget("ort", art)], QUICK, kept=wrong)
    assert wrong.read_text() == "hello\n"
    with pytest.raises(ArtifactError, match="cannot be written: No such file or directory"):
        bench([BenchTarget("ort", art)], QUICK, kept=tmp_path / "missing" / "kept.jsonl")


def test_a_large_slowdown_is_found(art: Artifact) -> None:
    plan = BenchPlan(batches=(1,), min_calls=60, max_seconds=1.0, rounds=60, launches=6, max_warmup_seconds=0.1)
    result = self_test(BenchTarget("art", art), plan, repeats=1, planted=2.0)
    assert (result.found, len(result.equal), result.variant) == (1, 1, "art")
    assert result.slowed[0].value == pytest.approx(1 / 3, rel=0.4)
