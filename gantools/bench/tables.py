"""What a report says, as tables of text for a terminal, a page or Markdown. A column that says nothing is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gantools.bench.figures import digits
from gantools.bench.results import BenchReport, BenchRow, ScenarioResult
from gantools.timing.stats import Ratio, needed

Rows = list[dict[str, str]]
NOTHING = "-"
_ALWAYS = ("variant", "batch", "p50, ms")
_MIB = 2**20


@dataclass(frozen=True)
class TextTable:
    """Rows of text under a title; all rows have the same columns.

    Attributes:
        title: What the table is of.
        rows: Column -> cell.
        notes: Sentences that belong under it.
    """

    title: str
    rows: Rows
    notes: tuple[str, ...] = ()


def tables(report: BenchReport) -> list[TextTable]:
    """Latency, cold start and scenarios, those that the report has."""
    found = [
        TextTable("Latency", table_rows(report), tuple(notes(report))),
        TextTable("Cold start", cold_rows(report)),
        _scenario_table(report),
    ]
    return [table for table in found if table.rows]


def table_rows(report: BenchReport, *, wide: bool = False) -> Rows:
    """Every row of the report as text: column -> cell. All rows have the same columns.

    Args:
        report: What was measured.
        wide: With the columns that only somebody who doubts a figure looks for.
    """
    faster = {(one.name, one.batch, one.gap_ms): one.faster for one in report.comparisons}
    said = _numbers(report)
    spans = len({row.span for row in report.rows}) > 1
    rows = []
    for row in report.rows:
        cells = _cells(row, faster.get((row.name, row.batch, row.gap_ms)), wide)
        if not spans:
            del cells["span"]
        marks = [str(said[sentence]) for sentence in sentences(row)]
        rows.append(cells | {"status": _status(row) + (f" [{','.join(marks)}]" if marks else "")})
    return _told(rows, _ALWAYS)


def cold_rows(report: BenchReport) -> Rows:
    """From nothing to the first samples, one row a variant."""
    first: dict[tuple[str, str], BenchRow] = {}
    for row in report.rows:
        if row.ok and (row.cold or row.load_ms is not None or row.first_call_ms is not None):
            first.setdefault((row.name, row.span), row)
    rows = []
    for row in first.values():
        cold = row.cold
        rows.append(
            {
                "variant": row.name,
                "batch": str(row.batch),
                "python, ms": _known(cold.python_ms if cold else None),
                "import, ms": _known(cold.import_ms if cold else None),
                "load, ms": _known(cold.load_ms if cold else row.load_ms),
                "first call, ms": _known(cold.first_call_ms if cold else row.first_call_ms),
                "total, ms": _known(cold.total_ms if cold else None),
                "compiled before, s": _known(row.build_seconds),
            }
        )
    return _told(rows, ("variant",))


def scenario_rows(report: BenchReport) -> Rows:
    """What LoadGen found, one row a run."""
    return _told([_scenario(one) for one in report.scenarios], ("scenario", "variant"))


def _scenario_table(report: BenchReport) -> TextTable:
    """The same with the reasons, which are long, under the table."""
    said = dict.fromkeys(one.split(": ", 1)[1] for one in map(verdict_text, report.scenarios) if ": " in one)
    numbers = {reason: number for number, reason in enumerate(said, 1)}
    rows = []
    for row in scenario_rows(report):
        verdict, colon, reason = row["verdict"].partition(": ")
        rows.append(row | {"verdict": f"{verdict} [{numbers[reason]}]" if colon else verdict})
    return TextTable(
        "Scenarios of MLPerf LoadGen", rows, tuple(f"[{number}] {reason}" for reason, number in numbers.items())
    )


def sentences(row: BenchRow) -> list[str]:
    """What makes a row doubtful, or why there are no figures."""
    if not row.ok:
        return [row.status]
    settled = row.steady or any("warm-up" in flag or "warm up" in flag for flag in row.flags)
    return [*row.flags, *(() if settled else ("the warm-up did not settle before its time was over.",))]


def notes(report: BenchReport) -> list[str]:
    """The sentences that the marks in the column ``status`` stand for, each once: ``[1] failed: ...``."""
    return [f"[{number}] {sentence}" for sentence, number in _numbers(report).items()]


def label(row: BenchRow) -> str:
    """A row's name in a plot of one batch size."""
    return f"{row.name}, after pauses of {row.gap_ms:g} ms" if row.gap_ms else row.name


def precision_text(row: BenchRow) -> str:
    """What was asked for, and what is computed where that differs: ``fp16, computed fp32``."""
    if row.asked is None:
        return NOTHING
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


def quality_text(row: BenchRow) -> str:
    """The first metric card, or what optimizing cost: ``KID 0.0013``, ``levels lost 0.412``."""
    if row.quality:
        card = row.quality[0]
        return f"{metric_of(card.name).upper()} {_small(card.value)}"
    return f"{row.losses[0].metric} lost {_small(row.losses[0].loss)}" if row.losses else NOTHING


def metric_of(card: str) -> str:
    """The metric of a protocol's name: ``kid`` of ``kid-digits-cnn``."""
    return card.replace("_", "-").partition("-")[0]


def percentile_text(value: float | None, percent: int, count: int) -> str:
    """The figure, or how many more calls it takes to state it: ``+760 calls``."""
    if value is not None:
        return digits(value)
    more = needed(percent) - count
    return f"+{more} calls" if more > 0 else NOTHING


def _cells(row: BenchRow, faster: Ratio | None, wide: bool) -> dict[str, str]:
    def percentile(value: float | None, percent: int) -> str:
        return percentile_text(value, percent, row.count) if row.ok else NOTHING

    low_high = row.p50_interval_ms
    interval = f" [{digits(low_high[0])}, {digits(low_high[1])}]" if low_high and row.p50_ms is not None else ""
    roofline, memory = row.roofline, row.memory
    limit = f"{roofline.share:.0%} {roofline.binds}" if roofline and roofline.share is not None else NOTHING
    cells = {
        "variant": row.name,
        "span": row.span,
        "batch": str(row.batch),
        "pause, ms": f"{row.gap_ms:g}" if row.gap_ms else NOTHING,
        "precision": precision_text(row),
        "p50, ms": percentile(row.p50_ms, 50) + interval,
        "p90, ms": percentile(row.p90_ms, 90),
        "p99, ms": percentile(row.p99_ms, 99),
        "samples/s": rate_text(row.samples_per_s),
        "faster": ratio_text(faster) if faster else NOTHING,
        "of limit": limit,
        "quality": quality_text(row),
        "MiB peak": f"{memory.host_peak_bytes / _MIB:,.0f}" if memory else NOTHING,
        "GPU MiB": f"{memory.device_bytes / _MIB:,.0f}" if memory and memory.device_bytes is not None else NOTHING,
        "J/sample": _known(row.energy.joules_per_sample if row.energy else None),
        "outliers": f"{row.outliers:,}" if row.outliers else NOTHING,
    }
    if wide:
        cells["spread"] = f"{row.spread:.1%}" if row.spread is not None else NOTHING
        cells["calls"] = f"{row.count:,}" if row.ok else NOTHING
    return cells


def _scenario(one: ScenarioResult) -> dict[str, str]:
    count = max(one.queries, len(one.latencies_ms))

    def percentile(value: float | None, percent: int) -> str:
        # Offline is one query of all samples: more calls would not make it a percentile.
        stated = one.ok and one.mode == "performance" and one.scenario != "offline"
        return percentile_text(value, percent, count) if stated else NOTHING

    return {
        "scenario": one.scenario if one.mode == "performance" else f"{one.scenario}, {one.mode}",
        "variant": one.name,
        "arrivals/s": rate_text(one.rate_per_s),
        "samples/s": rate_text(one.samples_per_s),
        "queries": f"{one.queries:,}" if one.queries else NOTHING,
        "batch": f"up to {one.batch}" if one.ok and one.batch > 1 else NOTHING,
        "p50, ms": percentile(one.p50_ms, 50),
        "p90, ms": percentile(one.p90_ms, 90),
        "p99, ms": percentile(one.p99_ms, 99),
        "bound": f"p{one.bound_percent} within {one.bound_ms:g} ms" if one.bound_ms is not None else NOTHING,
        "verdict": verdict_text(one),
    }


def verdict_text(one: ScenarioResult) -> str:
    """LoadGen's own verdict with its reasons; of the accuracy mode, whether outputs are those of plain runs."""
    if not one.ok:
        return one.status
    if one.mode == "accuracy":
        if one.matches is None:
            return "not compared"
        apart = f" by up to {one.largest_difference:g}" if one.largest_difference else ""
        if not one.matches:
            return f"DIFFERS from plain runs{apart}"
        return f"as plain runs, apart{apart}" if apart else "equal to plain runs"
    if one.valid is None:
        return "no verdict"
    return "valid" if one.valid else "INVALID" + (f": {'; '.join(one.invalid_because)}" if one.invalid_because else "")


def rate_text(per_second: float | None) -> str:
    """``12,345``, and with digits behind the point where it is slow."""
    if per_second is None:
        return NOTHING
    return f"{per_second:,.0f}" if per_second >= 100 else digits(per_second)


def _status(row: BenchRow) -> str:
    return "ok" if row.ok else "failed"


def _numbers(report: BenchReport) -> dict[str, int]:
    said = dict.fromkeys(sentence for row in report.rows for sentence in sentences(row))
    return {sentence: number for number, sentence in enumerate(said, 1)}


def _told(rows: Rows, always: Sequence[str]) -> Rows:
    """The rows without the columns in which none of them says anything."""

    def empty(column: str, cells: Iterable[str]) -> bool:
        return column not in always and set(cells) <= {NOTHING, "", "ok"}

    silent = {column for column in (rows[0] if rows else ()) if empty(column, (row[column] for row in rows))}
    return [{column: cell for column, cell in row.items() if column not in silent} for row in rows]


def _known(value: float | None) -> str:
    return digits(value) if value is not None else NOTHING


def _small(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1 else digits(value)
