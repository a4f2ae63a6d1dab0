"""The one figure of quality that stands for a row: its first metric card, or what optimizing it cost."""

from __future__ import annotations

from dataclasses import dataclass

from gantools.bench.results import BenchRow
from gantools.bench.tables import metric_of
from gantools.metrics import METRICS
from gantools.metrics.pairs import PAIR_METRICS


@dataclass(frozen=True)
class Quality:
    """A figure and what it may be compared with.

    Attributes:
        name: Protocol name, or ``loss of <metric>``.
        value: In the metric's unit.
        interval: Of the value.
        protocol: What has to be equal for two values to be comparable, as text.
    """

    name: str
    value: float
    interval: tuple[float, float]
    protocol: str


def quality_of(row: BenchRow) -> Quality | None:
    """The first metric card of a row, else its first loss, else None."""
    if row.quality:
        card = row.quality[0]
        protocol = _protocol(card.extractor_sha256, card.data_sha256, f"{card.samples} samples", card.protocol)
        return Quality(card.name, card.value, card.interval, protocol)
    if row.losses:
        loss = row.losses[0]
        protocol = _protocol(loss.extractor_sha256, loss.data_sha256, f"{loss.samples} pairs")
        return Quality(f"loss of {loss.metric}", loss.loss, loss.interval, protocol)
    return None


def higher_is_better(name: str) -> bool:
    """Whether more of a metric is better; a loss, and what is not in a table, is better the less there is of it."""
    metric = metric_of(name)
    for table in (METRICS, PAIR_METRICS):
        if metric in table:
            return bool(table.load(metric).higher_is_better)
    return False


def _protocol(extractor: str, data: str, *others: str) -> str:
    return ", ".join(part for part in (extractor[:12], data[:12], *others) if part)
