"""How much quality did an optimization cost, and may it? The same seeds through both graphs, in the user's terms.

The samples are pairs: seed k makes sample k in both. What both have in common, such as how well the generator was
trained, falls out of the difference of their metrics, so a difference is known far better than either value. Its
interval is the jackknife of ``metrics.interval`` over pairs: what is left out is left out of both.

A gate fails closed. It opens when the interval's upper end is within the budget: when the loss is small for certain,
and not when it was merely not seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import QualityLoss
from gantools.core.errors import QualityError, RecipeError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.metrics import METRICS
from gantools.metrics.features import Extractor, Images
from gantools.metrics.interval import CONFIDENCE, interval, split
from gantools.metrics.metric import GROUPS, means_without
from gantools.metrics.reference import LIMIT, References, reference_rows

LEVELS = "levels"
"""Mean absolute difference of the paired pixels in levels of 0..255; needs no references."""
SEEDS_FROM = 2_000_000
"""Neither parity nor people use these seeds."""


def check_budgets(budgets: Mapping[str, float], references: References | None) -> None:
    """Refuse budgets that cannot be judged, before anything is built.

    Raises:
        UnknownNameError: No such metric.
        RecipeError: A budget is no number above 0, or a metric needs references.
    """
    for name, most in budgets.items():
        if not (math.isfinite(most) and most > 0):
            raise RecipeError(
                f"the loss of '{name}' may be {most:g}, which no measurement can prove.",
                hint="give a number above 0, such as --max-loss kid=0.001",
            )
        if name != LEVELS and METRICS.load(name).against_references and references is None:
            raise RecipeError(f"the loss of '{name}' needs real images to compare with.", hint="give --data SOURCE")


def quality_losses(
    source: Images,
    final: Images,
    budgets: Mapping[str, float],
    *,
    seeds: str,
    references: References | None = None,
    extractor: Extractor | None = None,
    on_event: OnEvent = ignore,
) -> tuple[QualityLoss, ...]:
    """What was lost between two sets of samples of the same seeds.

    Args:
        source: (n, height, width, channels) uint8.
        final: The same of the optimized graph, sample for sample.
        budgets: Metric -> the most that may be lost, in the metric's own unit.
        seeds: Of the samples, such as ``"0-1999"``.
        references: Real images, for metrics that have them.
        extractor: Whose features metrics are made of; only ``levels`` needs none.
        on_event: Who watches.

    Returns:
        A loss for each budget, in their order; above 0 where the final graph is worse.

    Raises:
        DataError: Too few samples for an interval.
        UnknownNameError: No such metric.
    """
    rows = {}
    if any(name != LEVELS for name in budgets):
        assert extractor is not None, "metrics of features need an extractor"
        rows = {"source": extractor.rows(source, on_event=on_event), "final": extractor.rows(final, on_event=on_event)}
    losses = []
    for done, (name, most) in enumerate(budgets.items()):
        on_event(Progress("gate", done, len(budgets), "metrics"))
        known = {"metric": name, "budget": most, "samples": len(source), "seeds": seeds, "confidence": CONFIDENCE}
        if name == LEVELS:
            loss, deleted = means_without(_levels(source, final), split(len(source), GROUPS))
            values: dict[str, object] = {}
        else:
            assert extractor is not None
            metric = METRICS.load(name)
            statistics = None
            known["extractor"], known["extractor_sha256"] = extractor.name, extractor.sha256
            if metric.against_references:
                assert references is not None, f"'{name}' needs references"
                real = reference_rows(references, extractor, limit=LIMIT, on_event=on_event)
                statistics = metric.statistics(getattr(real, metric.rows))
                known["data"], known["data_sha256"] = references.name, references.digest
            groups = split(len(source), metric.groups)
            before, after = (
                metric.leave_out(getattr(rows[which], metric.rows), groups, statistics) for which in ("source", "final")
            )
            sign = -1.0 if metric.higher_is_better else 1.0
            loss, deleted = sign * (after[0] - before[0]), sign * (after[1] - before[1])
            values = {"source": before[0], "final": after[0]}
        low, high = interval(loss, deleted, CONFIDENCE)
        losses.append(QualityLoss.model_validate(known | values | {"loss": loss, "interval": (low, high)}))
    on_event(Progress("gate", len(budgets), len(budgets), "metrics"))
    return tuple(losses)


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


def _levels(source: Images, final: Images) -> npt.NDArray[np.float64]:
    """Mean absolute difference of each pair: (n,) float64."""
    return np.array(
        [np.abs(one.astype(np.int16) - other).mean() for one, other in zip(source, final, strict=True)], np.float64
    )
