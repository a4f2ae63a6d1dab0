"""The report as GitHub Markdown: the same tables, the machine, and the command that makes them again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gantools.bench.results import BenchReport
from gantools.bench.speed import machine_facts
from gantools.bench.tables import TextTable, tables
from gantools.core.atomic import write_atomic

_TEXT = ("variant", "scenario", "precision", "span", "of limit", "quality", "bound", "verdict", "status", "what", "")
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_<>|#"} | {"\n": " ", "\r": " "})


def write_markdown(path: Path, title: str, report: BenchReport) -> None:
    """Write the report, whole or not at all.

    Raises:
        ArtifactError: The disk refused.
    """
    write_atomic(path, markdown(title, report).encode())


def markdown(title: str, report: BenchReport) -> str:
    """The report as one document.

    Args:
        title: Its heading.
        report: What was measured.
    """
    parts = [f"# {_text(title)}"]
    parts += [f"> **Doubtful:** {_text(warning)}" for warning in report.load.warnings]
    for one in tables(report):
        parts += [f"## {one.title}", table(one)]
        if one.notes:
            parts.append("\n".join("- " + _text(note) for note in one.notes))
        if one.title == "Latency":
            parts += [_text(f"'{span}': {covers}") for span, covers in report.spans.items()]
    known = [{"what": label, "": value} for label, value in machine_facts(report).items()]
    parts += ["## Machine", table(TextTable("", known))]
    if report.command:
        fence = "`" * max(3, _longest_run(report.command, "`") + 1)
        parts += ["## Again", f"{fence}sh\n{report.command}\n{fence}"]
    return "\n\n".join(parts) + "\n"


def table(shown: TextTable) -> str:
    """A table with figures to the right, and everything in its cells as text."""
    heads = list(shown.rows[0])
    sides = ["---" if head in _TEXT else "--:" for head in heads]
    rows = [[_text(cell) for cell in row.values()] for row in shown.rows]
    return "\n".join(_line(cells) for cells in [[_text(head) for head in heads], sides, *rows])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    # Brackets make a link only with what follows them, and intervals shall stay readable in the source.
    return text.translate(_SPECIAL).replace("](", "]\\(").replace("][", "]\\[")


def _longest_run(text: str, character: str) -> int:
    run = longest = 0
    for one in text:
        run = run + 1 if one == character else 0
        longest = max(longest, run)
    return longest
