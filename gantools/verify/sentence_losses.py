"""What an optimization costs a generator of texts, in the figures that its texts are scored by.

As ``verify.gate`` for images: seed k makes text k in both graphs, what both have in common falls out of the difference,
and what the jackknife leaves out is left out of both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gantools.core.errors import RecipeError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.proof import QualityLoss
from gantools.core.registry import unknown_name
from gantools.metrics import METRICS
from gantools.metrics.interval import CONFIDENCE, interval, split
from gantools.metrics.metric import GROUPS, Doubles, Features, Metric
from gantools.metrics.reference import LIMIT, chosen
from gantools.metrics.text import figures_of, metric_of
from gantools.metrics.text.card import chosen_metrics, digest
from gantools.metrics.text.extractors import TextExtractor
from gantools.metrics.text.metric import Texts
from gantools.metrics.text.splitters import Sentence, Sentences, split_lines

SPLITTER = "whitespace"


@dataclass(frozen=True)
class SentenceYardstick:
    """What texts are measured with.

    Attributes:
        decode: Tokens (n, steps) int32 -> texts.
        references: Real texts; none: only figures that need none.
        name: Of the references, for people.
        extractor: Of features, for metrics of those.
    """

    decode: Callable[[npt.NDArray[np.int32]], list[str]]
    references: Sequence[str] = ()
    name: str = ""
    extractor: TextExtractor | None = None

    @cached_property
    def digest(self) -> str:
        """Of the references; empty for none."""
        return digest(self.references)


def needs_text_features(name: str) -> bool:
    """Whether a figure of texts is of an extractor's features.

    Raises:
        UnknownNameError: No such figure.
        DataError: It is of class probabilities.
    """
    figures, of_features = chosen_metrics([name])
    if len(figures) > 1:  # a loss is of one figure
        raise unknown_name("figure of texts", name, [*sorted(figures), *(one for one in figures_of() if one != name)])
    return bool(of_features)


def check_sentence_budgets(budgets: Mapping[str, float], yardstick: SentenceYardstick) -> None:
    """Refuse budgets that cannot be judged, before anything is built.

    Raises:
        UnknownNameError: No such figure.
        RecipeError: A budget is no number above 0, or a figure has no better and worse, or needs what is not there.
    """
    for name, most in budgets.items():
        of_features = needs_text_features(name)
        if not (math.isfinite(most) and most > 0):
            raise RecipeError(
                f"the loss of '{name}' may be {most:g}, which no measurement can prove.",
                hint="give a number above 0, such as --max-loss bleu-4=0.01",
            )
        if not of_features and metric_of(name).higher_is_better is None:
            raise RecipeError(
                f"'{name}' is neither better nor worse where it is more, so it cannot be lost.",
                hint="the distance of lengths from real ones is length-distance",
            )
        if not of_features and metric_of(name).against == "training":
            raise RecipeError(
                f"'{name}' tells what is copied from the training set, and that is not known here.",
                hint="evaluate the artifact with --training",
            )
        if (of_features or metric_of(name).against == "references") and not yardstick.references:
            raise RecipeError(f"the loss of '{name}' needs real texts to compare with.", hint="give --data FILE")


def sentence_losses(
    source: npt.NDArray[np.int32],
    final: npt.NDArray[np.int32],
    budgets: Mapping[str, float],
    *,
    seeds: str,
    yardstick: SentenceYardstick,
    on_event: OnEvent = ignore,
) -> tuple[QualityLoss, ...]:
    """What was lost between two sets of texts of the same inputs.

    Args:
        source: n texts as tokens, (n, steps).
        final: The same of the optimized graph, text for text.
        budgets: Figure -> the most that may be lost, in its own unit.
        seeds: Of the texts, such as ``"0-1999"``.
        yardstick: What they are measured with.
        on_event: Who watches.

    Returns:
        A loss for each budget, in their order; above 0 where the final graph is worse.

    Raises:
        DataError: Too few texts for an interval.
        UnknownNameError: No such figure.
    """
    words = [split_lines(yardstick.decode(tokens), SPLITTER) for tokens in (source, final)]
    real = split_lines(yardstick.references, SPLITTER)
    losses = []
    for done, (name, most) in enumerate(budgets.items()):
        on_event(Progress("gate", done, len(budgets), "metrics"))
        found: dict[str, object] = {"metric": name, "budget": most, "samples": len(source), "seeds": seeds}
        if needs_text_features(name):
            extractor = yardstick.extractor
            assert extractor is not None, "metrics of features need an extractor"
            found |= {"extractor": extractor.name, "extractor_sha256": extractor.sha256}
            before, after = _of_features(METRICS.load(name), words, real, extractor, on_event)
            up, against = METRICS.load(name).higher_is_better, True
        else:
            before, after = (_of_words(name, Texts(sentences, real)) for sentences in words)
            up, against = bool(metric_of(name).higher_is_better), metric_of(name).against == "references"
        if against:
            found |= {"data": yardstick.name, "data_sha256": yardstick.digest}
        more, less = (before, after) if up else (after, before)
        loss = more[0] - less[0]
        around = interval(loss, more[1] - less[1], CONFIDENCE)
        found |= {"loss": loss, "interval": around, "source": before[0], "final": after[0], "confidence": CONFIDENCE}
        losses.append(QualityLoss.model_validate(found))
    on_event(Progress("gate", len(budgets), len(budgets), "metrics"))
    return tuple(losses)


def _of_words(name: str, texts: Texts) -> tuple[float, Doubles]:
    """A figure, and what it is with each group of samples left out."""
    found = metric_of(name).figures(texts, split(len(texts.samples), GROUPS))
    return next((figure.value, figure.without) for figure in found if figure.name == name)


def _of_features(
    metric: Metric, words: Sequence[Sentences], real: Sentences, extractor: TextExtractor, on_event: OnEvent
) -> list[tuple[float, Doubles]]:
    """The same of a metric of features, for each set of samples."""

    def rows(sentences: Sequence[Sentence]) -> Features:
        return extractor.features([" ".join(sentence) for sentence in sentences], on_event=on_event)

    statistics = metric.statistics(rows([real[place] for place in chosen(len(real), LIMIT)]))
    return [metric.leave_out(rows(some), split(len(some), metric.groups), statistics) for some in words]
