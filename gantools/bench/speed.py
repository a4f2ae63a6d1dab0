"""The parts of the page that show a benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from gantools.bench.figures import digits
from gantools.bench.markup import part, section, table
from gantools.bench.plots.bars import Bar, bars
from gantools.bench.plots.latency import ecdf_plot, scenario_ecdf, sweep_plots
from gantools.bench.plots.strips import latency_plot
from gantools.bench.plots.tradeoffs import pareto_plot, roofline_plot, server_plot
from gantools.bench.results import BenchReport, BenchRow
from gantools.bench.tables import cold_rows, label, notes, scenario_rows, table_rows

_MIB = 2**20


def speed_sections(report: BenchReport) -> list[str]:
    """Latency, sweeps and limits, start and memory, scenarios: those that were measured."""
    styles = _styles(report)
    return [
        section("Speed", _speed(report, styles)),
        section("Scenarios", _scenarios(report, styles)),
        section("Cold start and memory", _start(report)),
    ]


def machine_facts(report: BenchReport) -> dict[str, str]:
    """What it was measured on, how, and what else ran: label -> text."""
    load, plan = report.load, report.plan
    known = report.environment.summary() | {
        "Threads": f"{plan.threads} for each variant",
        "Processes": "one for each variant" if report.isolated else "one for all variants",
        "Plan": f"at most {plan.max_seconds:g} s or {plan.min_calls:,} calls a variant and batch size, over "
        f"{plan.rounds} rounds, seed {plan.seed}",
        "Other load": f"{load.other_share:.1%} of CPU time, {load.steal_share:.1%} stolen by the hypervisor",
    }
    if load.load_average:
        known["Load average"] = f"{load.load_average[0]:.2f} before, {load.load_average[1]:.2f} after"
    return known


def _styles(report: BenchReport) -> dict[str, int]:
    """Every variant looks the same all over the page."""
    names = dict.fromkeys([row.name for row in report.rows] + [one.name for one in report.scenarios])
    return {name: number for number, name in enumerate(names)}


def _speed(report: BenchReport, styles: Mapping[str, int]) -> str:
    parts = [f'<p class="warning">{escape(warning)}</p>' for warning in report.load.warnings]
    texts = table_rows(report, wide=True)
    for batch in dict.fromkeys(row.batch for row in report.rows):
        rows = [row for row in report.rows if row.batch == batch]
        cells = [text for row, text in zip(report.rows, texts, strict=True) if row.batch == batch]
        calls = {label(row): row.values_ms for row in rows if row.ok and row.values_ms}
        marks = {label(row): styles[row.name] + len(styles) * _pauses(report).index(row.gap_ms) for row in rows}
        parts.append(f"<h3>Batch {batch}</h3>{latency_plot(rows)}")
        parts.append(_latency_table(batch, rows, cells))
        parts.append(_side_by_side(ecdf_plot(f"All calls at batch {batch}", calls, marks)))
    parts.append(_doubts(report))
    parts.append(_explained(report))
    continuous = [row for row in report.rows if row.ok and not row.gap_ms]
    parts.append(part("Batch sizes", _side_by_side(sweep_plots(continuous, styles))))
    first = min((row.batch for row in continuous), default=1)
    pareto = pareto_plot(first, [row for row in continuous if row.batch == first], styles)
    roofline = roofline_plot(continuous, report.ceilings, styles)
    parts.append(part("Limits", _side_by_side(pareto + roofline)))
    return "\n".join(part for part in parts if part)


def _pauses(report: BenchReport) -> list[float]:
    return sorted({row.gap_ms for row in report.rows})


def _latency_table(batch: int, rows: Sequence[BenchRow], cells: Sequence[Mapping[str, str]]) -> str:
    """The table of one batch size. A variant that failed says why in place of figures."""
    heads = [head for head in cells[0] if head != "batch"]
    lines = [
        [text[head] for head in heads] if row.ok else [text["variant"], row.status]
        for row, text in zip(rows, cells, strict=True)
    ]
    return table(f"Latency at batch {batch}", heads, lines)


def _doubts(report: BenchReport) -> str:
    said = notes(report)
    if not said:
        return ""
    return '<ul class="notes small">' + "".join(f"<li>{escape(one)}</li>" for one in said) + "</ul>"


def _explained(report: BenchReport) -> str:
    spans = " ".join(f"'{span}' covers {text}" for span, text in report.spans.items())
    names = sorted({one.baseline for one in report.comparisons})
    how = "as a ratio of medians with its 95 % bootstrap interval over rounds"
    if any(one.faster.launches > 1 for one in report.comparisons):
        how = (
            "as the median over launches of the median over rounds of the ratio of lower quartiles, with the 95 % "
            "interval of the sign test over launches where there are six"
        )
    faster = f" Faster: than {' or '.join(names)}, {how}."
    heads = {head for row in table_rows(report) for head in row}
    limit = (
        " Of limit: the share of the machine's measured arithmetic or memory rate that the median reaches, and which "
        "of both binds."
        if "of limit" in heads
        else ""
    )
    return (
        '<p class="soft small">In the strips every call is a thin mark; the shaded box holds the middle half and the '
        f"thick line the median. All variants ran interleaved, with {report.plan.threads} CPU threads each. "
        f"{escape(spans)} Percentiles are nearest-rank and stated only where at least ten calls lie beyond them; "
        f"elsewhere the table says how many more calls that takes.{escape(faster) if names else ''}{limit}</p>"
    )


def _scenarios(report: BenchReport, styles: Mapping[str, int]) -> str:
    rows = scenario_rows(report)
    if not rows:
        return ""
    cells = []
    for one, row in zip(report.scenarios, rows, strict=True):
        cells.append(list(row.values()) if one.ok else [row["scenario"], f"{one.name}: {one.status}"])
    text = (
        '<p class="soft small">Measured by MLPerf LoadGen. Single-stream: the next query follows the answer. '
        "Multi-stream: the same with several samples in a query. Server: queries arrive at random moments, and a share "
        "of them has to be answered within the bound. Offline: all samples at once. The verdict is LoadGen's own.</p>"
    )
    plots = server_plot(report.scenarios, styles) + scenario_ecdf(report.scenarios, styles)
    return table("Scenarios", list(rows[0]), cells, text=("verdict",)) + text + _side_by_side(plots)


def _start(report: BenchReport) -> str:
    rows = cold_rows(report)
    parts = []
    if rows and set(rows[0]) - {"variant", "batch"}:
        parts.append(table("Cold start", list(rows[0]), [list(row.values()) for row in rows]))
    return "".join(parts) + _side_by_side(_cold_bars(report) + _memory_bars(report))


def _cold_bars(report: BenchReport) -> str:
    shown: dict[str, Bar] = {}
    for row in report.rows:
        if row.ok and row.cold is not None:
            cold = row.cold
            lengths = (cold.python_ms, cold.import_ms, cold.load_ms, cold.first_call_ms)
            shown.setdefault(row.name, Bar(row.name, lengths))
    read = "From nothing to the first samples in a process of its own, with files in the page cache. Shorter is better."
    names = ("Python", "imports", "opening the graph", "first call")
    return bars("Cold start", names, list(shown.values()), lambda value: f"{digits(value)} ms", read=read)


def _memory_bars(report: BenchReport) -> str:
    known = [row for row in report.rows if row.ok and row.memory is not None]
    host: dict[str, Bar] = {}
    device: dict[str, Bar] = {}
    # Of each variant the batch size that took most.
    for row in sorted(known, key=lambda row: row.memory.host_peak_bytes if row.memory else 0, reverse=True):
        assert row.memory is not None
        before, peak = row.memory.host_before_bytes / _MIB, row.memory.host_peak_bytes / _MIB
        host.setdefault(row.name, Bar(row.name, (min(before, peak), max(0.0, peak - before))))
    for row in sorted(known, key=lambda row: (row.memory and row.memory.device_bytes) or 0, reverse=True):
        if row.memory is not None and row.memory.device_bytes is not None:
            device.setdefault(row.name, Bar(row.name, (row.memory.device_bytes / _MIB,)))

    def text(value: float) -> str:
        return f"{value:,.0f} MiB"

    def in_order(found: Mapping[str, Bar]) -> list[Bar]:
        return [found[name] for name in dict.fromkeys(row.name for row in report.rows) if name in found]

    read = "The most memory that the variant's own process held, at the batch size that took most. Shorter is better."
    parts = ("before the runtime was imported", "runtime, graph and calls")
    return bars("Memory of the process", parts, in_order(host), text, read=read) + bars(
        "Memory of the GPU", ("more than before the graph was opened",), in_order(device), text
    )


def _side_by_side(plots: str) -> str:
    return f'<div class="charts">{plots}</div>' if plots else ""
