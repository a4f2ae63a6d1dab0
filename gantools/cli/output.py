"""What commands show: results on stdout, progress and messages on stderr."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from gantools.core.events import Event, OnEvent


def emit_json(document: Any) -> None:
    """Print exactly one JSON document."""
    typer.echo(json.dumps(document, indent=2, default=str))


def say(text: str) -> None:
    """A line for the person, on stderr."""
    typer.echo(text, err=True)


def for_shell(*words: object) -> str:
    """A command as a shell takes it, names with spaces in quotes."""
    return shlex.join(map(str, words))


def same_command(*added: str) -> str:
    """The command that this process was given, with all its options, and those of ``added`` that it lacks."""
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    return for_shell("gantools", *words[:end], *(one for one in added if one not in words[:end]), *words[end:])


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout. Piped, it keeps the width its columns need.

    Where a terminal is too narrow for it, its frame goes, and an interval stands below its value.
    """
    from rich.console import Console

    width = None if Console().is_terminal else 200
    console = Console(markup=False, highlight=False, width=width)
    table = _table(columns, rows, title)
    wanted = console.measure(table, options=console.options.update(max_width=10_000)).maximum
    if console.is_terminal and wanted > console.width:
        below = [[cell.replace(" [", "\n[") for cell in row] for row in rows]
        table = _table(columns, below, title, width=console.width)
    console.print(table)


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", *, width: int | None = None
) -> Table:
    """A table; with a width it has no frame, and cells are broken between words before they are broken within."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", title_style="bold")
    widths: list[int | None] = [None] * len(columns)
    if width is not None:
        table.box, table.show_edge, table.padding = box.SIMPLE_HEAD, False, (0, 0)
        widths = [*_fitted([list(each) for each in zip(columns, *rows, strict=True)], width)]
    for column, wide in zip(columns, widths, strict=True):
        table.add_column(column, overflow="fold", width=wide)
    for row in rows:
        table.add_row(*map(Text, row))  # as it is: names and reasons may have brackets
    return table


def _fitted(columns: Sequence[Sequence[str]], width: int) -> list[int]:
    """A width for each column of cells, with one character between them: whole words if they fit, then whole lines."""
    words = [max(len(word) for cell in cells for word in [*cell.split(), "-"]) for cells in columns]
    lines = [max(len(line) for cell in cells for line in [*cell.splitlines(), "-"]) for cells in columns]
    room = width - len(columns) + 1
    most = next((most for most in range(max(words), 1, -1) if sum(min(one, most) for one in words) <= room), 1)
    found = [min(one, most) for one in words]
    for index in sorted(range(len(columns)), key=lambda index: lines[index] - found[index]):
        more = min(lines[index] - found[index], room - sum(found))
        found[index] += max(0, more)
    return found


def show_pairs(title: str, pairs: Mapping[str, str]) -> None:
    """Aligned ``key  value`` lines on stdout."""
    if title:
        typer.secho(title, bold=True)
    width = max((len(key) for key in pairs), default=0)
    for key, value in pairs.items():
        typer.echo(f"  {key.ljust(width)}  {value}")


@contextmanager
def nothing_on_stdout() -> Iterator[None]:
    """While the block runs, what libraries print goes to stderr: Ray prints there that a worker has died."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def watching() -> Iterator[OnEvent]:
    """Yield a watcher that draws progress bars, standings and notes on stderr while the block runs."""
    from rich.console import Console, RenderableType
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    from gantools.core import events

    class Board(Progress):
        """The bars, below how things stand."""

        standing: RenderableType = ""

        def get_renderables(self) -> Iterator[RenderableType]:
            if self.standing:
                yield self.standing
            yield from super().get_renderables()

    console = Console(stderr=True)
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[unit]}"))
    tail = (TimeRemainingColumn(), TextColumn("{task.fields[figures]}"))
    tasks: dict[str, TaskID] = {}
    with Board(
        *bars, *tail, console=console, transient=not console.is_terminal, disable=not console.is_terminal
    ) as progress:

        def watch(event: Event) -> None:
            if isinstance(event, events.Note):
                style = "yellow" if event.level == "warning" else "dim"
                console.print(event.text, style=style, markup=False, highlight=False, soft_wrap=True)
                return
            if isinstance(event, events.Standing):
                progress.standing = _table(event.columns, event.rows)
                progress.refresh()
                return
            figures = "  ".join(f"{name} {value:.4g}" for name, value in event.values.items())
            if event.stage not in tasks:
                tasks[event.stage] = progress.add_task(event.stage, total=event.total, unit=event.unit, figures=figures)
            progress.update(tasks[event.stage], completed=event.done, total=event.total, figures=figures)

        yield watch
