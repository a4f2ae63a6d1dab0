"""How much quality did an optimization cost, and may it? The same inputs through both graphs, in the user's terms.

The samples are pairs: seed or image k makes sample k in both. What both have in common, such as how well the generator
was trained, falls out of the difference of their metrics, so a difference is known far better than either value. Its
interval is the jackknife of ``metrics.interval`` over pairs: what is left out is left out of both.

A gate fails closed. It opens when the interval's upper end is within the budget: when the loss is small for certain,
and not when it was merely not seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gantools.core.errors import DataError, QualityError, RecipeError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.proof import QualityLoss
from gantools.core.registry import unknown_name
from gantools.metrics import METRICS
from gantools.metrics.features import Extractor, Rows
from gantools.metrics.interval import CONFIDENCE, interval, split
from gantools.metrics.metric import GROUPS, Groups, Metric, means_without
from gantools.metrics.pairs import PAIR_METRICS, PairMetric, Pairs, Pictures
from gantools.metrics.reference import LIMIT, References, reference_rows
from gantools.verify.sentence_losses import SentenceYardstick, check_sentence_budgets
from gantools.verify.text_gate import RealTexts

SEEDS_FROM = 2_000_000
"""Neither parity nor people use these seeds."""
_FEWEST = 5  # pairs, for the mean of values of pairs


@dataclass(frozen=True)
class Yardstick:
    """What quality is measured with.

    Attributes:
        references: Real images, for metrics of sets; none: only metrics without them.
        extractor: Whose features sets are compared by; none: only metrics of pairs.
        pairs: Images and what should be made of each, for graphs that make images of images; none: their samples are
            compared with those of the source alone.
        sentences: For generators of texts, in the place of all others; none: it makes images.
        texts: Those whose likelihoods are compared; none: those that the source writes.
    """

    references: References | None = None
    extractor: Extractor | None = None
    pairs: Pairs | None = None
    sentences: SentenceYardstick | None = None
    texts: RealTexts | None = None


def needs_features(name: str) -> bool:
    """Whether a metric is made of an extractor's features.

    Raises:
        UnknownNameError: No such metric.
    """
    return is_of_sets(name) or PAIR_METRICS.load(name).of_features


def is_of_sets(name: str) -> bool:
    """Whether a metric compares sets of samples, and not each sample with one other picture.

    Raises:
        UnknownNameError: No such metric.
    """
    if name not in PAIR_METRICS and name not in METRICS:
        raise unknown_name("metric", name, [*METRICS, *PAIR_METRICS])
    return name not in PAIR_METRICS


def check_budgets(budgets: Mapping[str, float], yardstick: Yardstick) -> None:
    """Refuse budgets that cannot be judged, before anything is built.

    Raises:
        UnknownNameError: No such metric.
        RecipeError: A budget is no number above 0, or a metric needs references or targets.
    """
    if yardstick.sentences is not None:
        check_sentence_budgets(budgets, yardstick.sentences)
        return
    for name, most in budgets.items():
        of_sets = is_of_sets(name)
        if not (math.isfinite(most) and most > 0):
            raise RecipeError(
                f"the loss of '{name}' may be {most:g}, which no measurement can prove.",
                hint="give a number above 0, such as --max-loss kid=0.001",
            )
        if of_sets and METRICS.load(name).against_references and yardstick.references is None:
            raise RecipeError(f"the loss of '{name}' needs real images to compare with.", hint="give --data SOURCE")
        if not of_sets and PAIR_METRICS.load(name).against_targets and yardstick.pairs is None:
            raise RecipeError(
                f"the loss of '{name}' needs the images that should be made of images.",
                hint="give --data FOLDER of them; a generator that makes images of noise has levels, kid or fid",
            )


def quality_losses(
    source: Pictures,
    final: Pictures,
    budgets: Mapping[str, float],
    *,
    seeds: str,
    yardstick: Yardstick = Yardstick(),
    on_event: OnEvent = ignore,
) -> tuple[QualityLoss, ...]:
    """What was lost between two sets of samples of the same inputs.

    Args:
        source: n samples, (height, width, channels) uint8; metrics of sets take one array of them.
        final: The same of the optimized graph, sample for sample.
        budgets: Metric -> the most that may be lost, in the metric's own unit.
        seeds: Of the samples, such as ``"0-1999"``.
        yardstick: What they are measured with; its pairs are those of the samples.
        on_event: Who watches.

    Returns:
        A loss for each budget, in their order; above 0 where the final graph is worse.

    Raises:
        DataError: Too few samples for an interval.
        UnknownNameError: No such metric.
    """
    rows, extractor = {}, yardstick.extractor
    if any(needs_features(name) for name in budgets):
        assert extractor is not None, "metrics of features need an extractor"
        rows = {"source": _rows(extractor, source, on_event), "final": _rows(extractor, final, on_event)}
    losses = []
    for done, (name, most) in enumerate(budgets.items()):
        on_event(Progress("gate", done, len(budgets), "metrics"))
        known = {"metric": name, "budget": most, "samples": len(source), "seeds": seeds, "confidence": CONFIDENCE}
        if is_of_sets(name):
            assert extractor is not None
            found = _of_sets(METRICS.load(name), rows, yardstick.references, extractor, on_event)
        elif PAIR_METRICS.load(name).of_features:
            assert extractor is not None
            found = {"extractor": extractor.name, "extractor_sha256": extractor.sha256}
            found |= _apart(PAIR_METRICS.load(name), rows["source"].features, rows["final"].features)
        else:
            found = _of_pairs(PAIR_METRICS.load(name), source, final, yardstick.pairs)
        losses.append(QualityLoss.model_validate(known | found))
    on_event(Progress("gate", len(budgets), len(budgets), "metrics"))
    return tuple(losses)


def _rows(extractor: Extractor, pictures: Pictures, on_event: OnEvent) -> Rows:
    """Features of pictures, which may each have a size of their own."""
    if len({picture.shape for picture in pictures}) == 1:
        return extractor.rows(np.asarray(pictures), on_event=on_event)
    parts = [extractor.rows(picture[np.newaxis]) for picture in pictures]
    return Rows(*(np.concatenate(outputs) for outputs in zip(*parts, strict=True)))


def _of_sets(
    metric: Metric, rows: Mapping[str, Rows], references: References | None, extractor: Extractor, on_event: OnEvent
) -> dict[str, object]:
    """Loss, interval and both values of a metric of sets of features."""
    found: dict[str, object] = {"extractor": extractor.name, "extractor_sha256": extractor.sha256}
    statistics = None
    if metric.against_references:
        assert references is not None, "such a metric needs references"
        real = reference_rows(references, extractor, limit=LIMIT, on_event=on_event)
        statistics = metric.statistics(getattr(real, metric.rows))
        found |= {"data": references.name, "data_sha256": references.digest}
    features = {which: getattr(some, metric.rows) for which, some in rows.items()}
    groups = split(len(features["source"]), metric.groups)
    before, after = (metric.leave_out(features[which], groups, statistics) for which in ("source", "final"))
    sign = -1.0 if metric.higher_is_better else 1.0
    loss = sign * (after[0] - before[0])
    found["interval"] = interval(loss, sign * (after[1] - before[1]), CONFIDENCE)
    return found | {"loss": loss, "source": before[0], "final": after[0]}


def _of_pairs(metric: PairMetric, source: Pictures, final: Pictures, pairs: Pairs | None) -> dict[str, object]:
    """The same of a metric whose loss is a mean over pairs."""
    if not metric.against_targets:
        return _apart(metric, source, final)
    assert pairs is not None, "such a metric needs targets"
    groups = _groups(len(source))
    before, after = (
        np.array([metric.value(one, wanted) for one, wanted in zip(some, pairs.targets, strict=True)], np.float64)
        for some in (source, final)
    )
    loss, deleted = means_without((before - after) * (1 if metric.higher_is_better else -1), groups)
    known = {"source": float(before.mean()), "final": float(after.mean()), "data": pairs.name}
    return known | {"data_sha256": pairs.digest, "loss": loss, "interval": interval(loss, deleted, CONFIDENCE)}


def _apart(metric: PairMetric, source: Iterable[Any], final: Iterable[Any]) -> dict[str, object]:
    """The same of one whose value is the loss: how far pairs lie apart."""
    lost = np.array([metric.value(one, other) for one, other in zip(final, source, strict=True)], np.float64)
    loss, deleted = means_without(lost, _groups(len(lost)))
    return {"loss": loss, "interval": interval(loss, deleted, CONFIDENCE)}


def _groups(count: int) -> Groups:
    """Of a mean, whose jackknife holds for groups of one pair as well (it is Student's interval then)."""
    if count < _FEWEST:
        raise DataError(f"an interval needs at least {_FEWEST} pairs, got {count}.", hint="give more images or samples")
    return split(count, GROUPS) if count >= 2 * GROUPS else [np.array([place]) for place in range(count)]


def raise_if_lost(losses: Sequence[QualityLoss], step: str) -> None:
    """Refuse what lost more than it may.

    Args:
        losses: Of a graph.
        step: What was done to it last, for the message: ``"the precision bf16"``.

    Raises:
        QualityError: A loss is not within its budget for certain. All of them are named.
    """
    over = [loss for loss in losses if not loss.ok]
    if over:
        raise QualityError(
            f"{step} costs too much: " + "; ".join(map(str, over)) + ".",
            hint="use a precision with more bits, allow more, or score more --samples for a narrower interval",
        )
