"""One HTML file on a generator of texts: how good, how varied, how much of it is copied, and what it writes.

Made as the report of ``gantools.bench.report`` is: no script, nothing fetched, and every text escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from gantools.bench.markup import commands as commands_text
from gantools.bench.markup import page, section, table
from gantools.bench.plots.chart import Axis, Series, chart
from gantools.bench.plots.scale import Scale
from gantools.core.atomic import write_atomic
from gantools.core.proof import MetricCard
from gantools.metrics.text.overlap import Copy
from gantools.metrics.text.splitters import Sentences
from gantools.verify.tradeoff import Curve, Point, Tradeoff, verdict

ORDERS = (4, 5)  # of BLEU in the charts
_BINS = 40
_BETTER = {True: "higher", False: "lower", None: "as real"}
_JUDGED, _BASELINE, _REAL = 0, 1, 3  # styles


@dataclass(frozen=True)
class TextPage:
    """What the page shows. What is left out has no section.

    Attributes:
        title: Heading.
        summary: A sentence or two under it.
        cards: With which way is better, or None where a figure is to be as that of real text.
        samples: Seed and text, not chosen by what they are.
        real: Real texts, drawn at random.
        generated: Words of all samples, for their lengths.
        references: Words of all references.
        curve: Quality against diversity.
        copies: Samples with the longest copied runs, and where these come from.
        commands: Commands that make all this again.
    """

    title: str
    summary: str = ""
    cards: Sequence[tuple[MetricCard, bool | None]] = ()
    samples: Sequence[tuple[int, str]] = ()
    real: Sequence[str] = ()
    generated: Sentences = ()
    references: Sentences = ()
    curve: Tradeoff | None = None
    copies: Sequence[Copy] = ()
    commands: Sequence[str] = ()


def write_text_report(path: Path, shown: TextPage) -> None:
    """Write the page, whole or not at all.

    Raises:
        ArtifactError: The disk refused.
    """
    sections = [
        f'<p class="soft">{escape(shown.summary)}</p>' if shown.summary else "",
        section("Samples beside real sentences", _samples(shown)),
        section("Quality against diversity", _curves(shown.curve) if shown.curve else ""),
        section("Figures", _cards(shown.cards)),
        section("Lengths", _lengths(shown.generated, shown.references)),
        section("Nearest to the training set", _copies(shown.copies)),
        section("Commands", commands_text(shown.commands)),
    ]
    write_atomic(path, page(shown.title, sections).encode())


def _samples(shown: TextPage) -> str:
    if not shown.samples:
        return ""
    made = _list((str(seed), _text(text)) for seed, text in shown.samples)
    real = _list((None, _text(text)) for text in shown.real)
    told = '<p class="small soft">The first seeds, and real sentences at random: nothing was chosen.</p>'
    return f'{told}<div class="sides"><div><h3>Generated, by seed</h3>{made}</div><div><h3>Real</h3>{real}</div></div>'


def _cards(cards: Sequence[tuple[MetricCard, bool | None]]) -> str:
    rows = [
        [
            card.name,
            f"{card.value:.4f} [{card.interval[0]:.4f}, {card.interval[1]:.4f}]",
            _BETTER[up],
            card.protocol,
        ]
        for card, up in cards
    ]
    heads = ["figure", "value, 95 % interval", "better", "protocol"]
    used = {f"{card.data}, {card.data_sha256[:12]}": None for card, _ in cards if card.data_sha256}
    told = f'<p class="small soft">Real sentences: {escape("; ".join(used))}.</p>' if used else ""
    shown = table("Figures", heads, rows, text=heads[3:])
    return f'<div class="protocols">{shown}</div>{told}' if rows else ""


def _curves(found: Tradeoff) -> str:
    charts = "".join(_curve(found, order) for order in ORDERS)
    real = found.real.cards[0]
    told = (
        f"Every point is {real.samples} sentences against {real.references} real ones. Lower temperatures write more "
        "carefully and less variedly, so one value of BLEU says little: a generator is better than another one where "
        "its curve lies higher and further left. What an adversarial "
        "training has to beat is the whole curve of a model of maximum likelihood (Caccia et al. 2020)."
    )
    judged = "".join(f"<p>{escape(text)}</p>" for order in ORDERS if (text := verdict(found, order)))
    return f'<p class="small soft">{escape(told)}</p>{judged}<div class="charts">{charts}</div>'


def _curve(found: Tradeoff, order: int) -> str:
    judged, *baseline = found.curves
    series = [_series(f"baseline, {one.name}", one, _BASELINE, order) for one in baseline]  # lies below
    series.append(_series(f"this generator, {judged.name}", judged, _JUDGED, order))
    series.append(_single("real sentences", found.real, _REAL, order))
    points = [point for one in found.curves for point in one.points] + [found.real]
    at = [one.at(order) for one in points]
    across = Scale.over(x for x, _ in at)
    ends = [end for point in points for end in point.card("bleu", order).interval if point.temperature in (None, 1.0)]
    upright = Scale.over([y for _, y in at] + ends)
    said = "; ".join(
        f"{one.name}: "
        + ", ".join(
            f"temperature {p.temperature:g} self-BLEU {p.at(order)[0]:.3f} BLEU {p.at(order)[1]:.3f}"
            for p in one.points
        )
        for one in found.curves
    )
    read = (
        "Full marks are at temperature 1, with their interval. Outlines are at the other temperatures, of which the "
        "first and the last stand beside them."
    )
    return chart(
        f"BLEU-{order} over self-BLEU-{order}",
        said,
        series,
        Axis(f"self-BLEU-{order}, lower is more varied", across),
        Axis(f"BLEU-{order}, higher is better", upright),
        read=read,
    )


def _series(name: str, curve: Curve, style: int, order: int) -> Series:
    warm = [point.temperature for point in curve.points]
    one = warm.index(1.0)
    low, high = curve.points[one].card("bleu", order).interval
    ends = {0, len(warm) - 1} - {one} if style == _JUDGED else set()  # of both curves they would lie on one another
    return Series(
        name,
        tuple(point.at(order) for point in curve.points),
        style,
        hollow=frozenset(range(len(warm))) - {one},
        texts=tuple((place, f"{warm[place]:g}") for place in sorted(ends)),
        bars=((one, low, high),),
    )


def _single(name: str, point: Point, style: int, order: int) -> Series:
    return Series(name, (point.at(order),), style, line=False, bars=((0, *point.card("bleu", order).interval),))


def _lengths(generated: Sentences, references: Sentences) -> str:
    """Shares of sentences by their number of words."""
    if not len(generated) or not len(references):
        return ""
    counted = [np.array([len(sentence) for sentence in some]) for some in (generated, references)]
    longest = max(int(lengths.max()) for lengths in counted)
    wide = math.ceil((longest + 1) / _BINS)
    edges = np.arange(0, longest + wide + 1, wide)
    shares = [np.histogram(lengths, edges)[0] * (100 / len(lengths)) for lengths in counted]
    middles = edges[:-1] + (wide - 1) / 2
    series = [
        Series(name, tuple(zip(middles.tolist(), each.tolist(), strict=True)), style, marks=frozenset())
        for name, each, style in zip(("samples", "real sentences"), shares, (_JUDGED, _BASELINE), strict=True)
    ]
    said = "; ".join(
        f"{one.name}: {lengths.mean():.1f} words on average, half have up to {np.median(lengths):g}"
        for one, lengths in zip(series, counted, strict=True)
    )
    of = "words" if wide == 1 else f"words, {wide} at a time"
    return (
        '<div class="charts">'
        + chart(
            "How long sentences are",
            said,
            series,
            Axis(of, Scale.over(middles.tolist(), zero=True)),
            Axis("% of the sentences", Scale.over(np.concatenate(shares).tolist(), zero=True)),
            read=f"{said[0].upper()}{said[1:]}.",
        )
        + "</div>"
    )


def _copies(copies: Sequence[Copy]) -> str:
    if not copies:
        return ""
    told = (
        "The samples with the most words in a row that stand in one sentence of the training set. What is marked is "
        "copied; below stands the sentence it is from. Short sentences are often written twice by chance."
    )
    rows = ((f"{len(one.run)} of {len(one.sample)}", _marked(one)) for one in copies)
    return f'<p class="small soft">{told}</p>{_list(rows)}'


def _marked(one: Copy) -> str:
    words, run = list(one.sample), list(one.run)
    first = next(at for at in range(len(words)) if words[at : at + len(run)] == run)
    before, within, after = (escape(" ".join(part)) for part in (words[:first], run, words[first + len(run) :]))
    source = "the whole sentence" if list(one.source) == words else " ".join(one.source)
    return (
        f'<span class="text" dir="auto">{before} <mark>{within}</mark> {after}'
        f'<span class="from">{escape(source)}</span></span>'
    )


def _text(text: str) -> str:
    return f'<span class="text" dir="auto">{escape(text)}</span>' if text else '<span class="empty">empty</span>'


def _list(rows: Iterable[tuple[str | None, str]]) -> str:
    """Rows of what stands before a text, where anything does, and of the text, which is escaped already."""
    lines = (
        f"<li>{content}</li>"
        if which is None
        else f'<li class="named"><span class="which">{escape(which)}</span>{content}</li>'
        for which, content in rows
    )
    return f'<ol class="texts">{"".join(lines)}</ol>'
