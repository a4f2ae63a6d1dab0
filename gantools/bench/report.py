"""One HTML file that says what was made, how good it is, how fast, and on what: no script, nothing fetched.

Every piece of text that comes from outside is escaped. ``gantools.bench.tables`` gives the same tables to a terminal.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from gantools.bench.markup import commands as commands_text
from gantools.bench.markup import page, pairs, section, table
from gantools.bench.plots import curve_plot
from gantools.bench.results import BenchReport
from gantools.bench.speed import machine_facts, speed_sections
from gantools.bench.tables import precision_text, table_rows
from gantools.core.atomic import write_atomic
from gantools.core.proof import MetricCard
from gantools.verify.report import VerifyReport

__all__ = ["Grid", "precision_text", "table_rows", "write_report"]


@dataclass(frozen=True)
class Grid:
    """A picture with its caption and, for those who do not see it, what it shows."""

    caption: str
    png: bytes
    alt: str = "A grid of generated samples"


def write_report(
    path: Path,
    *,
    title: str,
    summary: str = "",
    facts: Mapping[str, str] | None = None,
    grids: Sequence[Grid] = (),
    bench: BenchReport | None = None,
    cards: Mapping[str, Sequence[MetricCard]] | None = None,
    curves: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    verify: Mapping[str, VerifyReport] | None = None,
    commands: Sequence[str] = (),
) -> None:
    """Write the report, whole or not at all. What is left out has no section.

    Args:
        path: An ``.html`` file.
        title: Heading.
        summary: A sentence or two under it.
        facts: A few figures to begin with, label -> value.
        grids: Sample grids.
        bench: Latency, scenarios, limits.
        cards: What was scored -> its metric cards, such as ``"bf16 OpenVINO"`` and ``"real half against real half"``.
        curves: What was logged in training -> (step, value) points.
        verify: Artifact -> what was tried on it.
        commands: Commands that make all this again; none: the benchmark's own, where it knows it.

    Raises:
        ArtifactError: The disk refused.
    """
    sections = [
        f'<p class="soft">{escape(summary)}</p>' if summary else "",
        _facts(facts or {}),
        section("Samples", f'<div class="grids">{"".join(map(_figure, grids))}</div>' if grids else ""),
        *(speed_sections(bench) if bench else ()),
        section("Quality", _quality(cards or {})),
        section("Verification", _verification(verify or {})),
        section("Training", _training(curves or {})),
        section("Machine", pairs(machine_facts(bench)) if bench else ""),
        section("Commands", commands_text(commands or ([bench.command] if bench and bench.command else ()))),
    ]
    write_atomic(path, page(title, sections).encode())


def _facts(facts: Mapping[str, str]) -> str:
    pairs = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts.items())
    return f'<dl class="facts">{pairs}</dl>' if pairs else ""


def _figure(grid: Grid) -> str:
    source = f"data:image/png;base64,{base64.b64encode(grid.png).decode()}"
    return (
        f'<figure><img src="{source}" alt="{escape(grid.alt)}"><figcaption>{escape(grid.caption)}</figcaption></figure>'
    )


def _quality(cards: Mapping[str, Sequence[MetricCard]]) -> str:
    rows = [
        [
            label,
            card.name,
            f"{card.value:.4g}",
            f"[{card.interval[0]:.4g}, {card.interval[1]:.4g}] at {card.confidence:.0%}",
            f"{card.samples} against {card.references}",
            f"{card.data} {card.data_sha256[:8]}, {card.extractor} {card.extractor_sha256[:8]}",
        ]
        for label, each in cards.items()
        for card in each
    ]
    heads = ["scored", "protocol", "value", "interval", "images", "data, feature extractor"]
    return table("Metric cards", heads, rows, text=heads[5:]) if rows else ""


def _verification(reports: Mapping[str, VerifyReport]) -> str:
    rows = []
    for label, report in reports.items():
        for graph in report.graphs:
            parity = graph.parity
            differs = f"{parity.max_abs:.3g} of {parity.limit:.3g} allowed" if parity else "-"
            passed = sum(result.ok for result in graph.oracles)
            rows.append(
                [
                    label,
                    graph.graph,
                    graph.verdict,
                    differs,
                    f"{passed} of {len(graph.oracles)}" if graph.oracles else "-",
                    str(graph.attestation) if graph.attestation else "-",
                    " ".join(failure.message for failure in graph.failures) or graph.not_run or "",
                ]
            )
    heads = ["artifact", "graph", "verdict", "largest difference", "self-checks held", "precision", "remarks"]
    return table("Verification", heads, rows, text=("precision", "remarks")) if rows else ""


def _training(curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    plots = "".join(curve_plot(name, points) for name, points in curves.items())
    return f'<div class="curves">{plots}</div>' if plots else ""
