"""What ``gantools bench`` shows at its end, and the files that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gantools.cli.output import show_table

if TYPE_CHECKING:
    from gantools.bench.results import BenchReport
    from gantools.bench.self_test import SelfTest

SUFFIXES = (".html", ".md", ".json")


def check_outputs(paths: Sequence[Path]) -> None:
    """Refuse a file that nothing could be written to, before anything is measured.

    Raises:
        RecipeError: A suffix that says nothing.
    """
    from gantools.core.errors import RecipeError

    for path in paths:
        if path.suffix not in SUFFIXES:
            raise RecipeError(
                f"--out takes a file that ends in .html, .md or .json, got '{path}'.",
                hint="for example --out bench.html",
            )


def write_outputs(paths: Sequence[Path], title: str, report: BenchReport) -> None:
    """Write the report to each file, in the form that its suffix says.

    Raises:
        ArtifactError: The disk refused.
    """
    from gantools.bench.markdown import write_markdown
    from gantools.bench.report import write_report
    from gantools.core.atomic import write_atomic

    for path in paths:
        if path.suffix == ".html":
            write_report(path, title=title, bench=report)
        elif path.suffix == ".md":
            write_markdown(path, title, report)
        else:
            write_atomic(path, (report.to_json(indent=1) + "\n").encode())


def show_report(report: BenchReport) -> None:
    """Tables on stdout, with the sentences that belong to them."""
    from gantools.bench.tables import tables

    shown = tables(report)
    for table in shown:
        title = table.title if len(shown) > 1 else ""
        show_table(title, list(table.rows[0]), [list(row.values()) for row in table.rows])
        for note in table.notes:
            typer.echo(note)
    for warning in report.load.warnings:
        typer.echo(f"warning: {warning}")


def show_self_test(found: SelfTest) -> None:
    """The two counts, with what they mean."""
    typer.echo(
        f"equal processes of {found.variant}: {found.false_alarms} of {found.repeats} times they were said to differ "
        f"(the intervals promise {found.expected_alarms:.3g})"
    )
    typer.echo(f"a process slower by {found.planted:.0%}: found {found.found} of {found.repeats} times")
    for warning in found.load.warnings:
        typer.echo(f"warning: {warning}")
    if not found.ok:
        typer.echo(
            "this machine is too restless to tell such differences: leave it alone, or start more often (--launches)"
        )
