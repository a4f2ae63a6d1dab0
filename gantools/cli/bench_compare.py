"""``gantools bench compare`` and ``gantools bench schema``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.cli.options import Json
from gantools.cli.output import emit_json, show_table

if TYPE_CHECKING:
    from gantools.bench.compare import ReportComparison


def compare_command(
    a: Annotated[Path, typer.Argument(metavar="A.json", help="What is compared with: a report of 'bench --out'.")],
    b: Annotated[Path, typer.Argument(metavar="B.json", help="What may have become better or worse.")],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIGURE[:LIMIT][~]",
            help="Exit with 4 where a figure is proven to be worse by more, such as p99:+5%; with ~ behind it, proven "
            "or not. Repeatable.",
        ),
    ] = None,
    allow_unlike: Annotated[
        bool, typer.Option("--allow-unlike", help="Compare reports of other machines, threads or plans too.")
    ] = False,
    json: Json = False,
) -> None:
    """Compare two reports row by row: B by A, with intervals.

    Figures for --fail-if: p50, p90, p99, samples_per_s, load, cold, memory, device_memory, energy, quality.
    """
    from gantools.bench.compare import compare_reports, load_report
    from gantools.bench.gates import check_gates, judge, parse_gate

    gates = [parse_gate(text) for text in fail_if or ()]
    found = compare_reports(load_report(a), load_report(b), names=(str(a), str(b)), allow_unlike=allow_unlike)
    found = judge(found, gates)
    if json:
        typer.echo(found.to_json())
    else:
        _show(found)
    check_gates(found)


def schema_command() -> None:
    """Print the JSON Schema of a report, for programs that read one."""
    from gantools.bench.results import BenchReport

    emit_json(BenchReport.json_schema())


def _show(found: ReportComparison) -> None:
    typer.echo(
        f"A {found.before}, B {found.after}; changes are B by A with 95 % intervals, reports apart from each other"
    )
    rows = [
        [
            pair.name if index == 0 else "",
            change.of or change.figure,
            f"{change.value_text(change.before)} {change.unit}".strip(),
            f"{change.value_text(change.after)} {change.unit}".strip(),
            str(change),
            change.verdict if change.interval else "one figure each" if change.change is not None else "",
        ]
        for pair in found.pairs
        for index, change in enumerate(
            each for each in pair.changes if each.before is not None or each.after is not None
        )
    ]
    if rows:
        show_table("", ["row", "figure", "A", "B", "change", "verdict"], rows)
    for pair in found.pairs:
        if pair.state != "in both":
            typer.echo(f"{pair.name}: {pair.state}{f': {pair.reason}' if pair.reason else ''}")
    if found.differences:
        typer.echo("what else differs:")
        for difference in found.differences:
            typer.echo(f"  {difference}")
    for result in found.gates:
        typer.echo(f"{'passed' if result.passed else 'FAILED'}  {result.gate}  {result.name}: {result.sentence}")
