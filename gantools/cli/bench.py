"""``gantools bench``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.cli.bench_compare import compare_command, schema_command
from gantools.cli.bench_results import check_outputs, show_report, show_self_test, write_outputs
from gantools.cli.bench_targets import artifact_targets, check_spans, checkpoint_targets, scenario_plans
from gantools.cli.default_command import DefaultCommandGroup
from gantools.cli.options import Device, Json, Threads, parse_ints
from gantools.cli.output import watching

if TYPE_CHECKING:
    from gantools.bench.ceilings import Ceilings
    from gantools.bench.results import BenchReport
    from gantools.bench.scenarios import ScenarioPlan
    from gantools.bench.target import BenchTarget
    from gantools.core.events import OnEvent
    from gantools.timing.measure import BenchPlan


_LAUNCHES = 6


def command(
    artifacts: Annotated[
        list[Path] | None, typer.Argument(metavar="ART...", help="Artifacts to measure interleaved, in one run.")
    ] = None,
    batch: Annotated[str, typer.Option(help="Batch sizes, such as 1,16.")] = "1,16",
    backend: Annotated[
        list[str] | None, typer.Option(help="Measure every artifact on this backend, not on its own; repeatable.")
    ] = None,
    span: Annotated[
        list[str] | None,
        typer.Option(help="What is timed: run, device (no copies), sample (from seeds), file (to PNG); repeatable."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Also measure the network itself in PyTorch: a run folder or a checkpoint.")
    ] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="With --checkpoint: torch.compile as well.")] = False,
    idle_gap: Annotated[
        list[float] | None,
        typer.Option(metavar="MS", min=0.1, help="Also measure with so many ms of rest before every call; repeatable."),
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(help="Of MLPerf LoadGen: single-stream, multi-stream, server, offline, or all; repeatable."),
    ] = None,
    bound_ms: Annotated[
        float | None, typer.Option(min=0.001, help="Server: what 99 % of queries have to stay within.")
    ] = None,
    accuracy: Annotated[bool, typer.Option(help="With --scenario: compare what LoadGen got with plain runs.")] = False,
    device: Device = None,
    threads: Threads = None,
    seconds: Annotated[
        float, typer.Option(min=0.01, help="Most seconds of measuring a variant at a batch size; least of a scenario.")
    ] = 10.0,
    calls: Annotated[int, typer.Option(min=1, help="Calls to record if the seconds allow; 1000 support a p99.")] = 1000,
    limits: Annotated[bool, typer.Option(help="Say how far from this machine's measured limits each row is.")] = True,
    together: Annotated[
        bool, typer.Option("--together", help="All in this process: quicker, but no cold start, memory or energy.")
    ] = False,
    launches: Annotated[
        int | None,
        typer.Option(
            min=1, help="Starts of each variant, 6 if not said (self-test: 16); fewer than 6 give ratios no interval."
        ),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="A file that keeps what is measured; started again, only the rest is measured.")
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(help="Also write a report: .html (self-contained), .md or .json by its name; repeatable."),
    ] = None,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Test the measuring itself: false alarms, and a slowdown that is known.")
    ] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Of the self-test.")] = 20,
    json: Json = False,
) -> None:
    """Measure sampling latency of artifacts, each in a process of its own, interleaved.

    They are warmed up until they are steady. Every value is kept; a percentile is stated where the count supports it.
    """
    from gantools.core.artifact import load_artifact
    from gantools.core.errors import RecipeError
    from gantools.timing.measure import BenchPlan

    check_outputs(out or ())
    spans, batches = check_spans(span or ["run"]), tuple(parse_ints(batch, "--batch"))
    plans = scenario_plans(scenario or (), seconds, bound_ms, max(batches), accuracy=accuracy)
    opened = {str(path): load_artifact(path) for path in artifacts or ()}
    targets = artifact_targets(opened, backend or (), device, spans)
    if self_test:
        _self_test(targets[0] if targets else None, repeats, launches, json=json)
        return
    if not opened:
        raise RecipeError("bench needs an artifact.", hint="gantools bench ART, or gantools bench --self-test")
    if checkpoint is not None:
        targets = [*checkpoint_targets(next(iter(opened.values())), checkpoint, compiled=compiled), *targets]
    plan = BenchPlan(
        batches=batches,
        max_seconds=seconds,
        min_calls=calls,
        threads=threads,
        launches=1 if together else launches or _LAUNCHES,
    )
    with watching() as watch:
        known = _ceilings(targets, threads, watch) if limits else None
        report = _measured(targets, plan, known, [0.0, *(idle_gap or ())], plans, resume, watch, isolate=not together)
    write_outputs(out or (), "Sampling latency", report)
    if json:
        typer.echo(report.to_json(indent=2))
    else:
        show_report(report)
    _judge(report)


def _measured(
    targets: list[BenchTarget],
    plan: BenchPlan,
    known: Ceilings | None,
    gaps_ms: list[float],
    plans: list[ScenarioPlan],
    resume: Path | None,
    watch: OnEvent,
    *,
    isolate: bool,
) -> BenchReport:
    from gantools.bench.latency import bench
    from gantools.bench.scenario_rows import scenario_rows

    report = bench(targets, plan, watch, gaps_ms=gaps_ms, isolate=isolate, ceilings=known, kept=resume)
    found = scenario_rows(targets, plans, plan.threads, watch) if plans else ()
    command = shlex.join(["gantools", *sys.argv[1:]])
    return report.model_copy(update={"scenarios": found, "command": command})


def _ceilings(targets: list[BenchTarget], threads: int | None, watch: OnEvent) -> Ceilings | None:
    """Of the device that is measured; None, and a sentence, where nothing can be multiplied on it."""
    from gantools.bench.ceilings import ceilings
    from gantools.core.errors import MissingDependencyError
    from gantools.core.events import Note

    try:
        return ceilings(next((one.device for one in targets if one.device != "cpu"), "cpu"), threads, on_event=watch)
    except MissingDependencyError as err:
        watch(Note(f"rows do not say how far from the limit they are: {err.message}", "warning"))
        return None


def _self_test(target: BenchTarget | None, repeats: int, launches: int | None, *, json: bool) -> None:
    from gantools.bench.self_test import SELF_TEST_PLAN, self_test
    from gantools.core.errors import RecipeError
    from gantools.timing.paired import MIN_LAUNCHES

    plan = SELF_TEST_PLAN.model_copy(update={"launches": launches} if launches else {})
    if plan.launches < MIN_LAUNCHES:
        raise RecipeError(
            f"a self-test of {plan.launches} launches has no intervals to test.", hint=f"--launches {MIN_LAUNCHES}"
        )
    with watching() as watch:
        found = self_test(target, plan, repeats=repeats, on_event=watch)
    if json:
        typer.echo(found.to_json())
    else:
        show_self_test(found)
    if not found.ok:
        raise typer.Exit(4)


def _judge(report: BenchReport) -> None:
    """Exit codes: 4 where a precision is not the one that was asked for, 1 where nothing could be measured."""
    from gantools.bench.tables import precision_text
    from gantools.core.errors import PrecisionError

    if deviating := dict.fromkeys(f"{row.name}: {precision_text(row)}" for row in report.deviating):
        raise PrecisionError("not computed in the precision that was asked for:\n  " + "\n  ".join(deviating))
    if not any(row.ok for row in report.rows):
        raise typer.Exit(1)


app = typer.Typer(cls=DefaultCommandGroup, help=command.__doc__)
app.command(DefaultCommandGroup.DEFAULT, hidden=True)(command)
app.command("compare")(compare_command)
app.command("schema")(schema_command)
