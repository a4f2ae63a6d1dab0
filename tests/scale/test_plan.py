"""Cutting and reckoning, without a cluster."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gantools.cli.options import parse_seeds
from gantools.cli.sample import command
from gantools.core.artifact import load_artifact
from gantools.core.errors import DataError, RecipeError
from gantools.core.events import Event, Note
from gantools.runtime.session import Where
from gantools.scale.plan import Estimate, Rate, Rows, pieces_of
from gantools.scale.rate import estimate, reported
from gantools.scale.samples import order_of
from tests.cli.test_app import gantools

RATE = Rate(100.0, "a test")


@pytest.mark.parametrize(("piece", "lengths"), [(1, [4, 4, 2]), (4, [4, 4, 2]), (5, [8, 2]), (100, [10])])
def test_pieces_begin_where_batches_do_and_lose_nothing(piece: int, lengths: list[int]) -> None:
    pieces = list(pieces_of(Rows(range(10)), piece, 4))
    assert [len(one) for one in pieces] == lengths
    assert [row for one in pieces for row in one] == [(seed, None) for seed in range(10)]


def test_each_class_of_a_seed_comes_before_the_next_seed_and_millions_are_not_written_out() -> None:
    assert Rows([7, 5], 3).part(1, 100) == [(7, 1), (7, 2), (5, 0), (5, 1), (5, 2)]
    many = parse_seeds("0-99999999999")
    assert isinstance(many, range)
    assert len(Rows(many, 10)) == 10**12
    assert next(pieces_of(Rows(many), 2, 2)) == [(0, None), (1, None)]


def test_time_is_that_of_whole_pieces_in_waves_and_all_machines_are_paid_to_the_end() -> None:
    found = Estimate(72_000_000, 1000, machines=10, workers=4, rate=RATE, price_per_hour=2.0)
    assert found.hours == pytest.approx(5)  # 72,000 pieces of 10 s on 40 workers
    assert found.machine_hours == pytest.approx(50)
    assert found.cost == pytest.approx(100)
    one_more = replace(found, samples=72_000_001)
    assert one_more.hours == pytest.approx(5 + 10 / 3600), "a piece that is left over keeps everybody waiting"
    assert Estimate(10, 1000, 10, 4, RATE).hours == pytest.approx(0.1 / 3600)
    assert Estimate(10, 1000, 10, 4, RATE).cost is None


def test_without_a_report_a_worker_is_measured_and_nothing_stays(art: Path, tmp_path: Path) -> None:
    order = order_of(load_artifact(art), tmp_path / "deep/out")
    seen: list[Event] = []
    found = estimate(order, Rows(range(100)), machines=3, on_event=seen.append)
    assert found.rate.per_s > 0
    assert "measured now on this machine" in found.rate.source
    assert (found.samples, found.machines, found.cost) == (100, 3, None)
    assert list(tmp_path.iterdir()) == []
    assert [event.text for event in seen if isinstance(event, Note)] == ["measuring for 2 s how fast one worker is ..."]


def test_a_report_of_bench_gives_the_rate_of_the_same_artifact_batch_and_threads(art: Path, tmp_path: Path) -> None:
    quick = ["--seconds", "0.1", "--launches", "1", "--no-limits", "--together", "--span", "file", "--threads", "1"]
    report = tmp_path / "r.json"
    assert gantools("bench", art, "--batch", "8", *quick, "--out", report).returncode == 0
    order = order_of(load_artifact(art), tmp_path, batch=8)
    (row,) = json.loads(report.read_text())["rows"]
    assert reported(order, report).per_s == row["samples_per_s"]
    assert "without writing to disk" in reported(order, report).source
    for other in (replace(order, batch=4), replace(order, digest="0"), replace(order, where=Where(threads=2))):
        with pytest.raises(DataError, match="has no rate of this artifact from seeds to files") as caught:
            reported(other, report)
        assert "--span file" in str(caught.value.hint)
    report.write_text("{}")
    with pytest.raises(DataError, match=r"is no report of 'gantools bench'"):
        reported(order, report)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"piece": 7}, "--piece does nothing without --ray."),
        ({"machines": 2}, "--machines does nothing without --dry-run."),
        ({"ray": "local", "price_per_hour": 1.0}, "--price-per-hour does nothing without --dry-run."),
        ({"ray": "local", "bench": Path("r.json")}, "--bench does nothing without --dry-run."),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(art: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        command(art, out=Path("out"), **given)
    assert caught.value.message == message
    assert "or leave --" in str(caught.value.hint)


def test_a_dry_run_prints_a_plan_and_makes_nothing(art: Path, tmp_path: Path) -> None:
    arguments = ["--seeds", "0-99", "--label", "each", "--out", str(tmp_path / "out"), "--piece", "10", "--dry-run"]
    done = gantools("sample", art, *arguments, "--machines", "5", "--price-per-hour", "3", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["samples"], plan["machines"], plan["price_per_hour"]) == (300, 5, 3.0)
    assert plan["pieces"] == -(-300 // plan["piece"])
    assert plan["cost"] == pytest.approx(plan["hours"] * 5 * 3)
    assert list(tmp_path.iterdir()) == []
