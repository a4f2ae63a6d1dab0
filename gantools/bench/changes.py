"""Each figure of a row or scenario in two reports, and how it changed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from gantools.bench.figures import digits
from gantools.bench.quality import Quality, higher_is_better, quality_of
from gantools.bench.results import BenchRow, ScenarioResult
from gantools.core.spec import Frozen
from gantools.timing.stats import MIN_ROUNDS, needed
from gantools.timing.unpaired import ratios_of_percentiles

PERCENTS = {"p50": 50, "p90": 90, "p99": 99}
_MIB = 2**20
# Queries of a scenario have no rounds. Consecutive ones are not independent, so they are resampled in so many blocks.
_BLOCKS = 20

Verdict = Literal["better", "worse", "no difference", "not judged"]


@dataclass(frozen=True)
class Figure:
    """Something that may change.

    Attributes:
        unit: Of its value.
        higher_is_better: Which way is up; of quality the metric knows it.
    """

    unit: str
    higher_is_better: bool = False


FIGURES = {
    "p50": Figure("ms"),
    "p90": Figure("ms"),
    "p99": Figure("ms"),
    "samples_per_s": Figure("samples/s", higher_is_better=True),
    "load": Figure("ms"),
    "cold": Figure("ms"),
    "memory": Figure("MiB"),
    "device_memory": Figure("MiB"),
    "energy": Figure("J/sample"),
    "quality": Figure(""),
}
"""What is compared, and what a gate may name."""


class Change(Frozen):
    """One figure in both reports.

    Attributes:
        figure: Its name in ``FIGURES``.
        of: What it is of, where the name does not tell: the metric of quality.
        unit: Of the values.
        higher_is_better: Which way is up.
        before: In the first report; None where it is missing, as for the next.
        after: In the second.
        scale: Whether ``change`` is the ratio of both, or their difference: metrics may be zero or below.
        change: How it changed; None where either is missing.
        interval: Of ``change``, at 95 %; None for figures of which each report has one alone.
        verdict: What the interval tells; ``not judged`` without one.
        missing: Why there is no change, or no interval where one is to be expected.
    """

    figure: str
    of: str = ""
    unit: str
    higher_is_better: bool
    before: float | None = None
    after: float | None = None
    before_interval: tuple[float, float] | None = None
    scale: Literal["ratio", "difference"] = "ratio"
    change: float | None = None
    interval: tuple[float, float] | None = None
    verdict: Verdict = "not judged"
    missing: str = ""

    def __str__(self) -> str:
        """``+12.3% [+10.1%, +14.0%]``."""
        if self.change is None:
            return "-"
        interval = f" [{self._text(self.interval[0])}, {self._text(self.interval[1])}]" if self.interval else ""
        return self._text(self.change) + interval

    def _text(self, change: float) -> str:
        return f"{change - 1:+.1%}" if self.scale == "ratio" else f"{change:+.4f}"

    def value_text(self, value: float | None) -> str:
        """One of both values as text."""
        if value is None:
            return "-"
        return f"{value:.4f}" if self.figure == "quality" else digits(value)


@dataclass(frozen=True)
class _Timed:
    """Calls or queries, and what may be stated of them."""

    values_ms: tuple[float, ...]
    block: int
    stated: dict[str, float | None]


def changes_of_rows(before: BenchRow, after: BenchRow) -> tuple[Change, ...]:
    """Every figure of a row."""
    one, other = (_Timed(row.values_ms, _sampled(row), _stated(row)) for row in (before, after))
    timed = _percentiles(one, other)
    return (
        *timed,
        _rate(before.samples_per_s, after.samples_per_s, timed[0]),
        _alone("load", before.load_ms, after.load_ms, "telling how long opening takes"),
        _alone("cold", _cold_ms(before), _cold_ms(after), "a process for each variant"),
        _alone("memory", _host_mib(before), _host_mib(after), "a process for each variant"),
        _alone("device_memory", _device_mib(before), _device_mib(after), "a GPU in a process for each variant"),
        _alone("energy", _joules(before), _joules(after), "a meter that can be read"),
        _quality(quality_of(before), quality_of(after)),
    )


def changes_of_scenarios(before: ScenarioResult, after: ScenarioResult) -> tuple[Change, ...]:
    """Latency of queries and samples a second; nothing of the accuracy mode, which is not timed."""
    if before.mode == "accuracy":
        return ()
    rate = _alone("samples_per_s", before.samples_per_s, after.samples_per_s, "a rate")
    if before.scenario == "offline":
        return (rate,)
    one, other = (
        _Timed(result.latencies_ms, max(1, len(result.latencies_ms) // _BLOCKS), _stated(result))
        for result in (before, after)
    )
    return (*_percentiles(one, other), rate)


def _sampled(row: BenchRow) -> int:
    """Calls that are drawn together: a launch, where there are enough of them to know what differs between launches."""
    return row.count // row.launches if row.launches >= MIN_ROUNDS else row.block


def _stated(found: BenchRow | ScenarioResult) -> dict[str, float | None]:
    return {"p50": found.p50_ms, "p90": found.p90_ms, "p99": found.p99_ms}


def _percentiles(before: _Timed, after: _Timed) -> list[Change]:
    both = [p for name, p in PERCENTS.items() if None not in (before.stated[name], after.stated[name])]
    blocks = (before.block, after.block)
    kept = before.values_ms and after.values_ms
    ratios = ratios_of_percentiles(before.values_ms, after.values_ms, both, blocks=blocks) if both and kept else {}
    found = []
    for name, percent in PERCENTS.items():
        ratio = ratios.get(percent)
        missing = " and ".join(
            f"{where} has {len(one.values_ms):,} calls, and {name} needs {needed(percent) - len(one.values_ms):,} more"
            for where, one in (("A", before), ("B", after))
            if one.stated[name] is None
        )
        if not missing and ratio is None:
            missing = "a report has figures without the calls that they are of"
        if ratio and ratio.interval is None:
            missing = f"there are {ratio.rounds} rounds, and an interval needs {MIN_ROUNDS}"
        found.append(
            _change(
                name,
                (before.stated[name], after.stated[name]),
                ratio.value if ratio else None,
                ratio.interval if ratio else None,
                missing,
            )
        )
    return found


def _change(
    figure: str,
    values: tuple[float | None, float | None],
    ratio: float | None,
    interval: tuple[float, float] | None,
    missing: str,
) -> Change:
    known = FIGURES[figure]
    return Change(
        figure=figure,
        unit=known.unit,
        higher_is_better=known.higher_is_better,
        before=values[0],
        after=values[1],
        change=ratio,
        interval=interval,
        verdict=_verdict(interval, 1.0, known.higher_is_better),
        missing=missing,
    )


def _rate(before: float | None, after: float | None, median: Change) -> Change:
    """Samples a second are the batch by the median, so that their ratio is that of the medians turned over."""
    ratio = 1 / median.change if median.change else None
    interval = (1 / median.interval[1], 1 / median.interval[0]) if median.interval else None
    return _change("samples_per_s", (before, after), ratio, interval, median.missing.replace("p50", "samples_per_s"))


def _alone(figure: str, before: float | None, after: float | None, lacks: str) -> Change:
    """A figure of which each report has one alone."""
    missing = " and ".join(
        f"{where} was measured without {lacks}" for where, value in (("A", before), ("B", after)) if value is None
    )
    ratio = after / before if before and after is not None else None
    if not missing and ratio is None:
        missing = "A has zero, of which no ratio can be taken"
    return _change(figure, (before, after), ratio, None, missing)


def _quality(before: Quality | None, after: Quality | None) -> Change:
    """The difference of two metric cards.

    Its interval takes both cards as independent (Zou & Donner 2008, "MOVER"). They share references, and often seeds,
    so that it is rather too wide than too narrow.
    """
    known = before or after
    name = known.name if known else ""
    found = Change(
        figure="quality",
        of=name,
        unit="",
        higher_is_better=higher_is_better(name),
        before=before.value if before else None,
        after=after.value if after else None,
        before_interval=before.interval if before else None,
        scale="difference",
    )
    if before is None or after is None:
        where = " and ".join(where for where, one in (("A", before), ("B", after)) if one is None)
        return found.model_copy(update={"missing": f"there is no metric card in {where}"})
    if (before.name, before.protocol) != (after.name, after.protocol):
        how = [f"{one.name} ({one.protocol})" for one in (before, after)]
        return found.model_copy(update={"missing": f"A was scored by {how[0]}, and B by {how[1]}"})
    difference = after.value - before.value
    low = difference - math.hypot(after.value - after.interval[0], before.interval[1] - before.value)
    high = difference + math.hypot(after.interval[1] - after.value, before.value - before.interval[0])
    verdict = _verdict((low, high), 0.0, found.higher_is_better)
    return found.model_copy(update={"change": difference, "interval": (low, high), "verdict": verdict})


def _verdict(interval: tuple[float, float] | None, same: float, higher_is_better: bool) -> Verdict:
    if interval is None:
        return "not judged"
    if interval[0] > same:
        return "better" if higher_is_better else "worse"
    if interval[1] < same:
        return "worse" if higher_is_better else "better"
    return "no difference"


def _cold_ms(row: BenchRow) -> float | None:
    return row.cold.total_ms if row.cold else None


def _host_mib(row: BenchRow) -> float | None:
    return row.memory.host_peak_bytes / _MIB if row.memory else None


def _device_mib(row: BenchRow) -> float | None:
    return row.memory.device_bytes / _MIB if row.memory and row.memory.device_bytes is not None else None


def _joules(row: BenchRow) -> float | None:
    return row.energy.joules_per_sample if row.energy else None
