"""The tables of a report as text."""

from pathlib import Path

import pytest

from gantools.bench.latency import bench, compare
from gantools.bench.results import BenchReport
from gantools.bench.tables import cold_rows, notes, scenario_rows, table_rows, tables, verdict_text
from gantools.bench.target import BenchTarget
from gantools.core.artifact import Artifact
from gantools.runtime.session import Where
from gantools.timing.measure import BenchPlan
from tests.bench.synthetic import everything, full_row, report, row, scenario
from tests.fakes import FakeClock


@pytest.fixture
def measured(artifact: Artifact, clock: FakeClock) -> BenchReport:
    def target(name: str, cost_ms: float, **settings: object) -> BenchTarget:
        return BenchTarget(name, artifact, where=Where(settings={"clock": clock, "cost_ms": cost_ms, **settings}))

    targets = [
        target("slow", 20.0),
        target("fast", 0.5, precision="bf16"),
        BenchTarget("elsewhere", artifact, where=Where(device="cuda")),
    ]
    report = bench(targets, BenchPlan(batches=(1, 4), max_seconds=5.0), clock=clock)
    calm = tuple(row.model_copy(update={"flags": ()}) for row in report.rows)  # whatever this machine does meanwhile
    return report.model_copy(update={"rows": calm})


def test_table_rows_all_have_the_same_columns(measured: BenchReport) -> None:
    rows = table_rows(measured)
    assert len(rows) == 6
    assert {tuple(row) for row in rows} == {tuple(rows[0])}
    slow, fast, failed = rows[:3]
    assert (slow["p50, ms"].split()[0], slow["p99, ms"], slow["faster"]) == ("20.0", "+760 calls", "-")
    assert (fast["p50, ms"].split()[0], fast["p99, ms"]) == ("0.500", "0.500")
    assert fast["faster"] == "40.00x [40.00, 40.00]"
    assert (slow["precision"], fast["precision"], failed["precision"]) == ("fp32", "fp32, computed bf16", "-")
    assert failed["status"] == "failed [1]"
    assert notes(measured) == ["[1] failed: the fake has no device 'cuda'."]
    assert failed["p50, ms"] == "-"


def test_columns_that_say_nothing_are_left_out() -> None:
    assert list(table_rows(report(row("a"), row("b")))[0]) == [
        "variant",
        "batch",
        "precision",
        "p50, ms",
        "p90, ms",
        "p99, ms",
        "samples/s",
        "faster",
    ]
    whole = table_rows(everything())[0]
    assert {"of limit", "quality", "MiB peak", "J/sample", "outliers", "status"} < set(whole)
    assert "GPU MiB" not in whole
    assert "pause, ms" not in whole


def test_what_a_cell_says() -> None:
    cells = table_rows(report(full_row("a", 1, 2.0), full_row("b", 1, 1.0, outliers=3)))
    assert cells[0]["p50, ms"].endswith(" [1.98, 2.02]")
    assert cells[0]["of limit"] == "62% arithmetic"
    assert cells[0]["quality"] == "KID 0.0013"
    assert cells[0]["MiB peak"] == "131"
    assert cells[0]["J/sample"] == "0.00800"
    assert [each["outliers"] for each in cells] == ["-", "3"]
    assert cells[1]["faster"].startswith("2.00x [")


def test_a_sentence_under_the_table_has_one_number_for_all_its_rows() -> None:
    shared = "the machine was not quiet."
    doubtful = report(
        row("a", flags=(shared,)), row("b", flags=("it is another graph.", shared)), row("c"), row("d", steady=False)
    )
    assert [each["status"] for each in table_rows(doubtful)] == ["ok [1]", "ok [2,1]", "ok", "ok [3]"]
    assert notes(doubtful) == [
        f"[1] {shared}",
        "[2] it is another graph.",
        "[3] the warm-up did not settle before its time was over.",
    ]


def test_a_comparison_is_of_calls_after_the_same_pauses() -> None:
    rows = (row("a", 1, 2.0), row("b", 1, 1.0), row("a", 1, 2.5, gap_ms=100.0), row("b", 1, 1.5, gap_ms=100.0))
    paused = report(*rows)
    later = [compare(rows[2], rows[3]).model_copy(update={"gap_ms": 100.0})]
    cells = table_rows(paused.model_copy(update={"comparisons": (*paused.comparisons, *later)}))
    assert [each["pause, ms"] for each in cells] == ["-", "-", "100", "100"]
    assert [each["faster"].partition("x")[0] for each in cells] == ["-", "2.00", "-", "1.67"]


def test_cold_start_has_one_row_a_variant_and_shares_of_it_without_a_process_of_its_own() -> None:
    rows = cold_rows(report(full_row("a", 1, 1.0), full_row("a", 4, 2.0), row("b", 1, load_ms=25.0, first_call_ms=3.0)))
    assert [each["variant"] for each in rows] == ["a", "b"]
    assert rows[0]["total, ms"] == "323"
    assert (rows[1]["load, ms"], rows[1]["first call, ms"], rows[1]["total, ms"]) == ("25.0", "3.00", "-")
    assert "compiled before, s" not in rows[0]


def test_scenarios_say_what_loadgen_said() -> None:
    given = (
        scenario("a", "server", bound_ms=15.0, rate_per_s=120.0),
        scenario("a", "single-stream", count=50),
        scenario("a", "offline", 900.0, 1, valid=False, invalid_because=("Min duration satisfied : NO",)),
        scenario("a", "offline", mode="accuracy", valid=None, matches=False),
        scenario("b", "server", status="failed: it broke.", latencies_ms=(), p50_ms=None),
    )
    rows = scenario_rows(report(row("a"), scenarios=given))
    assert (rows[0]["bound"], rows[0]["verdict"]) == ("p99 within 15 ms", "valid")
    assert (rows[1]["p90, ms"], rows[1]["p99, ms"]) == ("+50 calls", "+950 calls")
    assert (rows[2]["p50, ms"], rows[2]["verdict"]) == ("-", "INVALID: Min duration satisfied : NO")
    assert (rows[3]["scenario"], rows[3]["verdict"]) == ("offline, accuracy", "DIFFERS from plain runs")
    near = scenario("a", "offline", mode="accuracy", valid=None, matches=True, largest_difference=1.0)
    assert verdict_text(near) == "as plain runs, apart by up to 1"
    assert verdict_text(near.model_copy(update={"matches": None})) == "not compared"
    assert (rows[0]["arrivals/s"], rows[1]["arrivals/s"]) == ("120", "-")
    assert (rows[4]["p50, ms"], rows[4]["verdict"]) == ("-", "failed: it broke.")


def test_reasons_of_loadgen_stand_under_the_table() -> None:
    table = tables(everything())[2]
    assert [row["verdict"] for row in table.rows][5:] == ["INVALID [1]", "equal to plain runs"]
    assert table.notes == ("[1] Min duration satisfied : NO; Min queries satisfied : Yes",)


def test_tables_are_those_that_have_rows(tmp_path: Path) -> None:
    assert [one.title for one in tables(report(row("a")))] == ["Latency"]
    assert [one.title for one in tables(everything())] == ["Latency", "Cold start", "Scenarios of MLPerf LoadGen"]
