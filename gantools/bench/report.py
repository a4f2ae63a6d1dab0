"""One HTML file that says what was made, how good it is, how fast, and on what: no script, nothing fetched.

Every piece of text that comes from outside is escaped. ``table_rows`` gives the same table to a terminal.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import gantools
from gantools.bench.plots import curve_plot, digits, latency_plot
from gantools.bench.results import BenchReport, BenchRow
from gantools.core.atomic import write_atomic
from gantools.core.proof import MetricCard
from gantools.timing.stats import Ratio, needed
from gantools.verify.report import VerifyReport


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
        bench: Latency.
        cards: What was scored -> its metric cards, such as ``"bf16 OpenVINO"`` and ``"real half against real half"``.
        curves: What was logged in training -> (step, value) points.
        verify: Artifact -> what was tried on it.
        commands: Commands that make all this again.

    Raises:
        ArtifactError: The disk refused.
    """
    sections = [
        f'<p class="soft">{escape(summary)}</p>' if summary else "",
        _facts(facts or {}),
        _section("Samples", f'<div class="grids">{"".join(map(_figure, grids))}</div>' if grids else ""),
        _section("Speed", _speed(bench) if bench else ""),
        _section("Quality", _quality(cards or {})),
        _section("Verification", _verification(verify or {})),
        _section("Training", _training(curves or {})),
        _section("Machine", _machine(bench) if bench else ""),
        _section("Commands", f'<pre tabindex="0">{escape(chr(10).join(commands))}</pre>' if commands else ""),
    ]
    template = Template((files("gantools.bench") / "report.html").read_text(encoding="utf-8"))
    body = "\n".join(section for section in sections if section)
    page = template.substitute(title=escape(title), version=gantools.__version__, body=body)
    write_atomic(path, page.encode())


def table_rows(report: BenchReport) -> list[dict[str, str]]:
    """The rows of a report as text, for a terminal or a page: column -> cell. All rows have the same columns."""
    faster = {(one.name, one.batch): one.faster for one in report.comparisons}
    return [_cells(row, faster.get((row.name, row.batch))) for row in report.rows]


def _cells(row: BenchRow, faster: Ratio | None) -> dict[str, str]:
    def known(value: float | None) -> str:
        return digits(value) if value is not None else "-"

    def percentile(value: float | None, percent: int) -> str:
        return digits(value) if value is not None else f"+{needed(percent) - row.count} calls" if row.ok else "-"

    return {
        "variant": row.name,
        "batch": str(row.batch),
        "precision": precision_text(row),
        "p50, ms": percentile(row.p50_ms, 50),
        "p90, ms": percentile(row.p90_ms, 90),
        "p99, ms": percentile(row.p99_ms, 99),
        "images/s": f"{row.samples_per_s:,.0f}" if row.samples_per_s else "-",
        "faster": ratio_text(faster) if faster else "-",
        "first call, ms": known(row.first_call_ms),
        "load, ms": known(row.load_ms),
        "calls": f"{row.count:,}",
        "status": row.status if row.steady or not row.ok else "ok, warm-up did not settle",
    }


def precision_text(row: BenchRow) -> str:
    """What was asked for, and what is computed where that differs: ``fp16, computed fp32``."""
    if row.asked is None:
        return "-"
    if row.attested is None:
        return f"{row.asked}, not attested"
    if not row.attested.deviating:
        return row.asked
    shares = sorted(row.attested.computed.items(), key=lambda item: -item[1])
    computed = [name if share == 1 else f"{share:.0%} {name}" for name, share in shares]
    return f"{row.asked}, computed {' + '.join(computed)}"


def ratio_text(ratio: Ratio) -> str:
    """``2.31x [2.25, 2.40]``, the interval where there is one."""
    interval = f" [{ratio.interval[0]:.2f}, {ratio.interval[1]:.2f}]" if ratio.interval else ""
    return f"{ratio.value:.2f}x{interval}"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>\n{content}</section>" if content else ""


def _facts(facts: Mapping[str, str]) -> str:
    pairs = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts.items())
    return f'<dl class="facts">{pairs}</dl>' if pairs else ""


def _figure(grid: Grid) -> str:
    source = f"data:image/png;base64,{base64.b64encode(grid.png).decode()}"
    return (
        f'<figure><img src="{source}" alt="{escape(grid.alt)}"><figcaption>{escape(grid.caption)}</figcaption></figure>'
    )


def _speed(report: BenchReport) -> str:
    parts = [f'<p class="warning">{escape(warning)}</p>' for warning in report.load.warnings]
    rows = table_rows(report)
    for batch in report.plan.batches:
        parts.append(f"<h3>Batch {batch}</h3>{latency_plot([row for row in report.rows if row.batch == batch])}")
        parts.append(_latency_table(batch, [row for row in rows if row["batch"] == str(batch)]))
    spans = " ".join(f"'{span}' covers {text}" for span, text in report.spans.items())
    parts.append(
        '<p class="soft small">Every call is a thin mark; the shaded box holds the middle half and the thick line the '
        f"median. All variants ran interleaved, with {report.plan.threads} CPU threads each. {escape(spans)} "
        "Percentiles are nearest-rank and stated only where at least ten calls lie beyond them; elsewhere the table "
        f"says how many more calls that takes.{_baseline(report)}</p>"
    )
    return "\n".join(parts)


def _latency_table(batch: int, rows: Sequence[Mapping[str, str]]) -> str:
    """The table of one batch size. A variant that failed says why in place of figures."""
    heads = [head for head in rows[0] if head not in ("batch", "status")] if rows else []
    cells = []
    for row in rows:
        if row["status"].startswith("failed"):
            cells.append([row["variant"], row["status"]])
        else:
            name = row["variant"] + (" (warm-up did not settle)" if row["status"] != "ok" else "")
            cells.append([name, *(row[head] for head in heads[1:])])
    return _table(f"Latency at batch {batch}", heads, cells)


def _baseline(report: BenchReport) -> str:
    names = sorted({one.baseline for one in report.comparisons})
    if not names:
        return ""
    than = escape(" or ".join(names))
    return f" Faster: than {than}, as a ratio of medians with its 95 % bootstrap interval over rounds."


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
    return _table("Metric cards", heads, rows, text=heads[5:]) if rows else ""


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
    return _table("Verification", heads, rows, text=("precision", "remarks")) if rows else ""


def _training(curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    plots = "".join(curve_plot(name, points) for name, points in curves.items())
    return f'<div class="curves">{plots}</div>' if plots else ""


def _machine(report: BenchReport) -> str:
    load = report.load
    pairs = report.environment.summary() | {
        "Other load": f"{load.other_share:.1%} of CPU time, {load.steal_share:.1%} stolen by the hypervisor",
    }
    if load.load_average:
        pairs["Load average"] = f"{load.load_average[0]:.2f} before, {load.load_average[1]:.2f} after"
    return (
        f'<dl class="pairs">{"".join(f"<dt>{key}</dt><dd>{escape(value)}</dd>" for key, value in pairs.items())}</dl>'
    )


def _table(name: str, heads: Sequence[str], rows: Sequence[Sequence[str]], text: Sequence[str] = ()) -> str:
    """A table that scrolls sideways by itself where the page is narrow, by keyboard too.

    A row that is shorter than ``heads`` ends in a cell over the remaining columns.
    """
    kinds = [' class="text"' if head in text else "" for head in heads]
    head = "".join(f'<th scope="col"{kind}>{escape(cell)}</th>' for cell, kind in zip(heads, kinds, strict=True))
    lines = []
    for first, *others in rows:
        cells = [f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(others, kinds[1:], strict=False)]
        if missing := len(kinds) - 1 - len(others):
            cells[-1] = f'<td class="text bad" colspan="{missing + 1}">{escape(others[-1])}</td>'
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{"".join(cells)}</tr>')
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f'<div class="scroll" role="region" aria-label="{escape(name)}" tabindex="0">{body}</div>'
