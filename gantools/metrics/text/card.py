"""Everything that is measured of generated sentences, as metric cards in an order that does not change.

A card's protocol says how lines were split into words, n, smoothing, and how many sentences there were on either side:
cards of different protocols are figures of different things. Extractors of features get the words as they were split,
with a space between them, so that punctuation that stands apart in one set only is no difference.

Intervals are jackknives over samples (``gantools.metrics.interval``), but for a share that is 0 or 1 in every sample:
there nothing varies, and the jackknife would say that it is certain. The rule of three (Hanley and Lippman-Hand, "If
nothing goes wrong, is everything all right?", 1983) says instead that at most 3 in n samples are otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gantools.core.errors import DataError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.proof import MetricCard
from gantools.core.registry import unknown_name
from gantools.metrics import METRICS
from gantools.metrics.interval import CONFIDENCE, interval, split
from gantools.metrics.metric import GROUPS, Doubles, Metric
from gantools.metrics.reference import LIMIT, chosen
from gantools.metrics.text import TEXT_METRICS, figures_of, metric_of
from gantools.metrics.text.extractors import DEFAULT, TextExtractor, load_text_extractor
from gantools.metrics.text.metric import Texts
from gantools.metrics.text.splitters import split_lines

FEATURE_METRICS = ("kid", "fid", "precision", "recall", "density", "coverage", "mauve")
# Part of every digest of sentences: to be raised when it is made otherwise.
FORMAT = "gantools sentences 1"
METHOD = f"delete-a-group jackknife over samples, {GROUPS} groups, Student t"
NOTHING_VARIES = "rule of three"


class _Real(NamedTuple):
    """Real sentences as a card speaks of them."""

    size: int
    name: str
    digest: str
    words: str  # after the number, in a protocol


_NOTHING = _Real(0, "", "", "")


def text_cards(
    samples: Sequence[str],
    references: Sequence[str],
    training: Sequence[str] | None = None,
    *,
    seeds: str,
    data: str = "references",
    training_data: str = "training",
    splitter: str = "whitespace",
    unknown: str = "<unk>",
    extractors: Sequence[str | TextExtractor] = (DEFAULT,),
    metrics: Sequence[str] | None = None,
    on_event: OnEvent = ignore,
) -> tuple[MetricCard, ...]:
    """Score generated sentences.

    Args:
        samples: One sentence each, 40 or more.
        references: Real sentences that the generator has not seen.
        training: What it was trained on; without it, nothing is said of what is copied.
        seeds: Where the samples come from, such as the seeds ``"0-9999"``; goes into the cards.
        data: A name of the references, for people.
        training_data: A name of the training sentences, for people.
        splitter: Name in the table of splitters; all three sets are split by it.
        unknown: The word that stands for words that the generator does not know.
        extractors: Names in the table of text feature extractors, or opened ones.
        metrics: Names in the table of metrics of words, of single figures of those, or in the table of metrics of
            features, of those that need no class probabilities; these look at 10,000 references at most, always the
            same ones. None: all, but authenticity, and those of copies only where there are training sentences.
        on_event: Who watches.

    Returns:
        A card for each figure: those of words in the order of ``TEXT_METRICS``, then for each extractor those of
        features, in the order given. Names are such as ``"bleu-4"`` and ``"kid-ngrams"``.

    Raises:
        DataError: Too few samples, no references, or no training sentences for a metric that was named.
        UnknownNameError: No such splitter, metric or extractor.
        MissingDependencyError: An extractor is not installed.
    """
    named = (*TEXT_METRICS, *FEATURE_METRICS) if metrics is None else metrics
    figures, of_features = chosen_metrics(named)
    if metrics is not None:
        _check_training(figures, training)
    groups = split(len(samples), GROUPS)
    words, real_words, known_words = (split_lines(lines, splitter) for lines in (samples, references, training or ()))
    texts = Texts(words, real_words, known_words, unknown)
    real = {
        "references": _Real(len(references), data, digest(references), "references"),
        "training": _Real(len(training or ()), training_data, digest(training or ()), "training sentences"),
        "nothing": _NOTHING,
    }
    cards = []
    for done, name in enumerate(TEXT_METRICS):
        on_event(Progress("score", done, len(TEXT_METRICS), "metrics"))
        metric = TEXT_METRICS.load(name)
        if figures.isdisjoint(metric.names) or (metric.against == "training" and training is None):
            continue
        for figure in metric.figures(texts, groups):
            if figure.name not in figures:
                continue
            against = real[metric.against]
            protocol = f"{figure.protocol}, words by {splitter}, {_sizes(len(samples), against)}"
            card = _card(
                figure.name, figure.value, figure.without, metric.bounds, len(samples), against, seeds, protocol
            )
            cards.append(_at_the_edge(card, figure.without) if metric.bounds == (0.0, 1.0) else card)
    lines, real_lines = ([" ".join(sentence) for sentence in some] for some in (words, real_words))
    for one in extractors:
        extractor = load_text_extractor(one, on_event=on_event) if isinstance(one, str) else one
        if of_features:
            cards += _feature_cards(
                of_features, extractor, lines, real_lines, real["references"], seeds, splitter, on_event
            )
    return tuple(cards)


def digest(sentences: Sequence[str]) -> str:
    """What sets of sentences are compared by: a digest of all of them in their order; empty for none."""
    if not len(sentences):
        return ""
    found = hashlib.sha256(FORMAT.encode())
    for sentence in sentences:
        content = sentence.encode()
        found.update(len(content).to_bytes(8, "little") + content)
    return found.hexdigest()


def chosen_metrics(names: Sequence[str]) -> tuple[frozenset[str], dict[str, Metric]]:
    """Which figures of words and which metrics of features are meant by names of either.

    Raises:
        UnknownNameError: A name is none of these.
        DataError: A metric needs class probabilities.
    """
    known = figures_of()
    of_features = {name: METRICS.load(name) for name in METRICS}
    fit = [name for name, metric in of_features.items() if metric.rows == "features"]
    for name in names:
        if name not in known and name not in of_features:
            raise unknown_name("metric of texts", name, [*known, *fit])
        if name in of_features and name not in fit:
            raise DataError(
                f"metric '{name}' needs class probabilities, and a text feature extractor gives none.",
                hint=f"known for text: {', '.join(fit)}",
            )
    figures = frozenset(figure for name in names for figure in known.get(name, ()))
    return figures, {name: of_features[name] for name in names if name in of_features}


def _check_training(figures: Collection[str], training: Sequence[str] | None) -> None:
    if training is None and (of_copies := sorted(name for name in figures if metric_of(name).against == "training")):
        raise DataError(
            f"'{of_copies[0]}' tells what is copied, and there are no training sentences.", hint="give --training FILE"
        )


def _feature_cards(
    metrics: Mapping[str, Metric],
    extractor: TextExtractor,
    samples: Sequence[str],
    references: Sequence[str],
    against: _Real,
    seeds: str,
    splitter: str,
    on_event: OnEvent,
) -> list[MetricCard]:
    generated = extractor.features(samples, on_event=on_event)
    few = [references[place] for place in chosen(len(references), LIMIT)]
    real = extractor.features(few, on_event=on_event)
    seen = against._replace(size=len(few))
    statistics: dict[object, Any] = {}  # of the references, by the function that makes them: several metrics share one
    cards = []
    for name, metric in metrics.items():
        if metric.statistics not in statistics:
            statistics[metric.statistics] = metric.statistics(real)
        value, left = metric.leave_out(generated, split(len(samples), metric.groups), statistics[metric.statistics])
        protocol = ", ".join(filter(None, (metric.protocol, f"words by {splitter}", _sizes(len(samples), seen))))
        card = _card(f"{name}-{extractor.name}", value, left, metric.bounds, len(samples), seen, seeds, protocol)
        told = {"extractor": extractor.name, "extractor_sha256": extractor.sha256, "preparation": extractor.preparation}
        cards.append(card.model_copy(update=told))
    return cards


def _at_the_edge(card: MetricCard, left: Doubles) -> MetricCard:
    """A card of a share; where it is 0 or 1 whatever is left out, with the interval of the rule of three."""
    if card.value not in (0.0, 1.0) or (left != card.value).any():
        return card
    least = 3.0 / card.samples
    found = (0.0, least) if card.value == 0.0 else (1.0 - least, 1.0)
    return card.model_copy(update={"interval": found, "method": NOTHING_VARIES})


def _sizes(samples: int, against: _Real) -> str:
    return f"{samples} samples" + (f", {against.size} {against.words}" if against.words else "")


def _card(
    name: str,
    value: float,
    left: Doubles,
    bounds: tuple[float, float],
    samples: int,
    against: _Real,
    seeds: str,
    protocol: str,
) -> MetricCard:
    low, high = np.clip(interval(value, left, CONFIDENCE), *bounds)
    return MetricCard(
        name=name,
        value=value,
        interval=(float(low), float(high)),
        confidence=CONFIDENCE,
        method=METHOD,
        samples=samples,
        references=against.size,
        extractor="",
        extractor_sha256="",
        data=against.name,
        data_sha256=against.digest,
        seeds=seeds,
        protocol=protocol,
    )
