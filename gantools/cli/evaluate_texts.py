"""What ``gantools evaluate`` tells of a generator of texts."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gantools.cli.output import emit_json, say, show_table

if TYPE_CHECKING:
    from gantools.core.events import OnEvent
    from gantools.core.proof import MetricCard
    from gantools.runtime.session import Where
    from gantools.samplers import Generator
    from gantools.verify.tradeoff import Tradeoff

SHOWN = 36  # samples on the page
COPIES = 12
SUFFIX = ".html"


@dataclass(frozen=True)
class Asked:
    """What is wanted beside the figures.

    Attributes:
        out: The page.
        baseline: An artifact whose curve over temperatures the generator's is drawn against.
        temperatures: Of the curve; none: the usual ones.
    """

    out: Path | None = None
    baseline: Path | None = None
    temperatures: tuple[float, ...] = ()

    def check(self) -> None:
        """Refuse a page of another kind, before anything is computed.

        Raises:
            RecipeError: It is no ``.html``.
        """
        from gantools.core.errors import RecipeError

        if self.out is not None and self.out.suffix != SUFFIX:
            raise RecipeError(
                f"--out takes a file that ends in {SUFFIX}, got '{self.out}'.", hint="for example --out report.html"
            )

    def of_texts(self) -> list[str]:
        """The options that were given, which images have not."""
        given = {"--out": self.out, "--baseline": self.baseline, "--temperatures": self.temperatures}
        return [name for name, value in given.items() if value]

    @property
    def curve(self) -> bool:
        """Whether the curve is to be computed."""
        return bool(self.of_texts())


def parse_temperatures(text: str | None) -> tuple[float, ...]:
    """Read ``"0.5,0.7,1"``.

    Raises:
        RecipeError: Not numbers with commas.
    """
    from gantools.core.errors import RecipeError

    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as err:
        raise RecipeError(f"--temperatures takes numbers such as 0.5,0.7,1, got '{text}'.") from err


def report_texts(
    generator: Generator,
    data: str,
    training: str | None,
    *,
    samples: int | None,
    most: int,
    settings: dict[str, float],
    extractor: str | None,
    metrics: Sequence[str] | None,
    where: Where,
    asked: Asked,
    as_json: bool,
    watch: OnEvent,
) -> None:
    """Score samples against real texts, and print a table or one JSON document.

    Args:
        generator: Of texts.
        data: The references.
        training: What it learned from; none: nothing is said of what it copies.
        samples: How many; none: as many as references.
        most: References at most; always the same ones are chosen.
        settings: Of the samples, such as ``{"temperature": 0.8}``.
        extractor: Name of a text feature extractor; none: the usual one.
        metrics: Names of metrics; none: all.
        where: Who runs the extractor.
        asked: What is wanted beside.
        as_json: Print JSON.
        watch: Who watches.
    """
    from gantools.data.texts import read_texts
    from gantools.metrics.reference import chosen
    from gantools.metrics.text.card import chosen_metrics, text_cards
    from gantools.metrics.text.extractors import DEFAULT, load_text_extractor

    chosen_metrics(metrics or ())  # an unknown name is an error before anything is computed
    real = read_texts(data, on_event=watch)
    real = [real[place] for place in chosen(len(real), most)]
    learned = read_texts(training, on_event=watch) if training is not None else None
    network = load_text_extractor(extractor or DEFAULT, where, watch)  # so is one that is not installed
    count = samples or len(real)
    made = generator.sample(range(count), settings=settings)
    cards = text_cards(
        made,
        real,
        learned,
        seeds=f"0-{count - 1}",
        data=data,
        training_data=training or "",
        extractors=(network,),
        metrics=metrics,
        on_event=watch,
    )
    curve = _curve(generator, real, data, count, settings, asked, watch) if asked.curve else None
    if asked.out is not None:
        _write(asked.out, generator, made, real, learned, data, cards, curve)
        say(f"{asked.out}: figures, samples and the curve over temperatures")
    if as_json:
        origin = {"artifact": str(generator.artifact.path), "digest": generator.artifact.digest}
        found = {"settings": settings, "cards": [card.model_dump() for card in cards]}
        emit_json(origin | found | ({"curve": curve.model_dump(mode="json")} if curve else {}))
        return
    columns = ["metric", "better", "value", "95 % interval", "samples", "references"]
    show_table(f"{generator.artifact.path} against {data}", columns, [_row(card) for card in cards])
    if curve is not None:
        from gantools.verify.tradeoff import verdict

        _show(curve)
        if told := verdict(curve, 4):
            say(told)


def _curve(
    generator: Generator,
    real: Sequence[str],
    data: str,
    count: int,
    settings: dict[str, float],
    asked: Asked,
    watch: OnEvent,
) -> Tradeoff:
    from gantools.core.errors import RecipeError
    from gantools.samplers import open_artifact
    from gantools.verify.tradeoff import TEMPERATURES, tradeoff

    if asked.baseline is not None and str(asked.baseline) == str(generator.artifact.path):
        raise RecipeError(f"'{asked.baseline}' is its own baseline.", hint="give --baseline another artifact")
    with ExitStack() as stack:
        all_of_them = {str(generator.artifact.path): generator}
        if asked.baseline is not None:
            baseline = stack.enter_context(open_artifact(asked.baseline))
            baseline.artifact.manifest.text  # noqa: B018 - or it says that there are none
            all_of_them[str(asked.baseline)] = baseline
        return tradeoff(
            all_of_them,
            real,
            samples=count,
            data=data,
            temperatures=asked.temperatures or TEMPERATURES,
            settings=settings,
            on_event=watch,
        )


def _write(
    out: Path,
    generator: Generator,
    made: Sequence[str],
    real: Sequence[str],
    learned: Sequence[str] | None,
    data: str,
    cards: Sequence[MetricCard],
    curve: Tradeoff | None,
) -> None:
    import numpy as np

    from gantools.bench.text_report import TextPage, write_text_report
    from gantools.metrics.text.overlap import copies
    from gantools.metrics.text.splitters import split_lines

    words, real_words = (split_lines(lines, "whitespace") for lines in (made, real))
    drawn = np.random.default_rng(0).choice(len(real), min(SHOWN, len(real)), replace=False)
    different = [list(one) for one in dict.fromkeys(map(tuple, words))]
    found = copies(different, split_lines(learned, "whitespace")) if learned is not None else []
    found.sort(key=lambda one: -len(one.run))
    manifest = generator.artifact.manifest
    write_text_report(
        out,
        TextPage(
            title=f"What {manifest.name} writes",
            summary=f"{generator.artifact.path}, digest {generator.artifact.digest[:12]}, on "
            f"{generator.session.backend} {generator.session.graph.precision}: {len(made)} samples against "
            f"{len(real)} sentences of {data}.",
            cards=[(card, _is_better_high(card)) for card in cards],
            samples=list(enumerate(made[:SHOWN])),
            real=[real[place] for place in sorted(drawn.tolist())],
            generated=words,
            references=real_words,
            curve=curve,
            copies=found[:COPIES],
            commands=[shlex.join(["gantools", *sys.argv[1:]])],
        ),
    )


def _show(curve: Tradeoff) -> None:
    rows = [
        [name, *(f"{value:.4f}" for order in (4, 5) for value in reversed(point.at(order)))]
        for name, point in (
            *((f"{one.name} at {point.temperature:g}", point) for one in curve.curves for point in one.points),
            ("real sentences", curve.real),
        )
    ]
    first = curve.real.cards[0]
    title = f"Over temperatures, {first.samples} sentences against {first.references}"
    show_table(title, ["sentences", "BLEU-4", "self-BLEU-4", "BLEU-5", "self-BLEU-5"], rows)


def _row(card: MetricCard) -> list[str]:
    better = {True: "higher", False: "lower", None: "as real"}[_is_better_high(card)]
    counts = str(card.samples), str(card.references) if card.references else "none"
    interval = f"[{card.interval[0]:.4f}, {card.interval[1]:.4f}]"
    return [card.name, better, f"{card.value:.4f}", interval, *counts]


def _is_better_high(card: MetricCard) -> bool | None:
    """Whether more is better; None where a figure is to be as that of real text."""
    from gantools.metrics import METRICS
    from gantools.metrics.text import metric_of

    if card.extractor:
        return METRICS.load(card.name.removesuffix(f"-{card.extractor}")).higher_is_better
    return metric_of(card.name).higher_is_better
