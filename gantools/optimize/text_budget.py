"""Hold an optimization of a generator of texts to its budgets. Below fp32 there are always some: see ``text_gate``."""

from __future__ import annotations

from gantools.core.artifact import Artifact
from gantools.core.proof import QualityLoss
from gantools.optimize.plan import Plan
from gantools.runtime.session import Session
from gantools.verify.gate import raise_if_lost
from gantools.verify.report import open_reference
from gantools.verify.text_gate import SCORE, RealTexts, TextGate, budgets_of


def text_losses(
    artifact: Artifact, plan: Plan, real: RealTexts | None, writing: Session, scoring: Session
) -> tuple[QualityLoss, ...]:
    """Measure what a generator of texts lost, and refuse it where that may be more than its budget.

    Args:
        artifact: What was optimized.
        plan: With the precision, and budgets where other ones than usual are wanted.
        real: Texts to compare likelihoods of; none: those that the artifact writes.
        writing: The graph that writes, of what the artifact became.
        scoring: Its graph ``score``.

    Raises:
        QualityError: A loss is not within its budget for certain.
    """
    sampler = artifact.manifest.sampler
    with (
        open_reference(artifact, sampler.graph, plan.threads) as before,
        open_reference(artifact, SCORE, plan.threads) as scored,
    ):
        gate = TextGate(before, scored, sampler, plan.samples, real)
    losses = gate.losses(writing, scoring, budgets_of(plan.precision, plan.max_loss))
    raise_if_lost(losses, f"the precision {plan.precision} on {plan.target}")
    return losses
