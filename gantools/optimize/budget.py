"""Hold an optimization to its quality budget, on the very file that ships, and name the step that broke it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gantools.core.artifact import QualityLoss, Sampler
from gantools.core.errors import BackendError, RecipeError
from gantools.core.events import OnEvent, ignore
from gantools.metrics.features import Extractor, Images
from gantools.metrics.reference import References
from gantools.optimize.plan import Plan
from gantools.runtime.session import Session
from gantools.samplers import SAMPLERS
from gantools.verify.gate import SEEDS_FROM, check_budgets, quality_losses, raise_if_lost


@dataclass(frozen=True)
class Yardstick:
    """What quality is measured with.

    Attributes:
        references: Real images; none: only metrics without them.
        extractor: Whose features are compared; none: only ``levels``.
    """

    references: References | None = None
    extractor: Extractor | None = None


def check_plan(plan: Plan, yardstick: Yardstick, absent: str | None) -> None:
    """Refuse a budget that cannot be judged, before anything is built.

    Args:
        plan: What was asked for.
        yardstick: What it is measured with.
        absent: Why the compiled graph cannot be run here; none: it can.

    Raises:
        BackendError: The compiled graph cannot be run here, so nothing can be said of its loss.
        RecipeError: A budget is no number above 0, a metric needs references, or int8 has no budget.
        UnknownNameError: No such metric.
    """
    check_budgets(plan.max_loss, yardstick.references)
    if plan.precision == "int8" and not plan.max_loss:
        raise RecipeError(
            "what int8 costs depends on the generator, and no element-wise limit knows it.",
            hint="give a budget, such as --max-loss levels=1 or --max-loss kid=0.001 --data SOURCE",
        )
    if plan.max_loss and absent:
        raise BackendError(
            f"--max-loss is measured on the graph that ships, which cannot be run here: {absent}",
            hint="optimize where it will run, or leave --max-loss out",
        )


def hold(
    source: Session,
    final: Session,
    sampler: Sampler,
    plan: Plan,
    yardstick: Yardstick,
    *,
    rewritten: Callable[[], Session] | None,
    on_event: OnEvent = ignore,
) -> tuple[QualityLoss, ...]:
    """Measure every loss of the plan's budget.

    Args:
        source: The graph that was optimized.
        final: What became of it.
        sampler: How seeds become inputs of both.
        plan: With the budgets.
        yardstick: What they are measured with.
        rewritten: Opens the graph as it was after the rewrites and before its precision changed; asked only where a
            budget is broken, to know by which of the two. None: it was not rewritten.
        on_event: Who watches.

    Raises:
        QualityError: A loss is not within its budget for certain.
    """
    seeds = range(SEEDS_FROM, SEEDS_FROM + plan.samples)
    before = _samples(source, sampler, seeds)

    def losses_of(session: Session) -> tuple[QualityLoss, ...]:
        return quality_losses(
            before,
            _samples(session, sampler, seeds),
            plan.max_loss,
            seeds=f"{seeds.start}-{seeds.stop - 1}",
            references=yardstick.references,
            extractor=yardstick.extractor,
            on_event=on_event,
        )

    losses = losses_of(final)
    if not all(loss.ok for loss in losses):
        if rewritten is not None:
            with rewritten() as halfway:
                raise_if_lost(losses_of(halfway), "rewriting")
        raise_if_lost(losses, f"the precision {plan.precision} on {plan.target}")
    return losses


def _samples(session: Session, sampler: Sampler, seeds: range) -> Images:
    limits = session.spec.axes.get("batch")
    batch = limits.max if limits else 1
    made: Images = np.concatenate(list(SAMPLERS.load(sampler.kind)(session, sampler, seeds, batch, {})))
    return made
