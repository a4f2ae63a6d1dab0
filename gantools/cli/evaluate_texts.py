"""What ``gantools evaluate`` tells of a generator of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gantools.cli.output import emit_json, show_table

if TYPE_CHECKING:
    from gantools.core.events import OnEvent
    from gantools.core.proof import MetricCard
    from gantools.samplers import Generator


def report_texts(
    generator: Generator,
    data: str,
    training: str | None,
    *,
    count: int,
    settings: Mapping[str, float],
    extractor: str | None,
    metrics: Sequence[str] | None,
    as_json: bool,
    watch: OnEvent,
) -> None:
    """Score samples against real texts, and print a table or one JSON document.

    Args:
        generator: Of texts.
        data: The references.
        training: What it learned from; none: nothing is said of what it copies.
        count: How many samples.
        settings: Of the samples, such as ``{"temperature": 0.8}``.
        extractor: Name of a text feature extractor; none: the usual one.
        metrics: Names of metrics of features; none: all.
        as_json: Print JSON.
        watch: Who watches.
    """
    from gantools.data.texts import read_texts
    from gantools.metrics.text.card import FEATURE_METRICS, text_cards
    from gantools.metrics.text.extractors import DEFAULT

    made = generator.sample(range(count), settings=settings)
    cards = text_cards(
        made,
        read_texts(data, on_event=watch),
        read_texts(training, on_event=watch) if training is not None else None,
        seeds=f"0-{count - 1}",
        data=data,
        training_data=training or "",
        extractors=(extractor or DEFAULT,),
        feature_metrics=metrics or FEATURE_METRICS,
        on_event=watch,
    )
    if as_json:
        origin = {"artifact": str(generator.artifact.path), "digest": generator.artifact.digest}
        emit_json(origin | {"settings": dict(settings), "cards": [card.model_dump() for card in cards]})
        return
    columns = ["metric", "value", "95 % interval", "samples", "references"]
    show_table(f"{generator.artifact.path} against {data}", columns, [_row(card) for card in cards])


def _row(card: MetricCard) -> list[str]:
    counts = str(card.samples), str(card.references) if card.references else "none"
    return [card.name, f"{card.value:.4f}", f"[{card.interval[0]:.4f}, {card.interval[1]:.4f}]", *counts]
