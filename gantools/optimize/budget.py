"""Hold an optimization to its quality budget, on the very file that ships, and name the step that broke it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gantools.core.errors import BackendError, RecipeError
from gantools.core.events import OnEvent, ignore
from gantools.core.proof import QualityLoss
from gantools.core.sampler import Sampler
from gantools.metrics.pairs import Pictures
from gantools.optimize.plan import Plan
from gantools.runtime.session import Session
from gantools.samplers import SAMPLERS
from gantools.verify.gate import SEEDS_FROM, Yardstick, check_budgets, is_of_sets, quality_losses, raise_if_lost
from gantools.verify.sentence_losses import sentence_losses
from gantools.verify.text_gate import beside, budgets_of
from gantools.verify.trials import Images, trial_inputs

_MADE_UP = 16  # pictures, where an artifact carries none


def check_plan(
    plan: Plan, yardstick: Yardstick, sampler: Sampler, absent: str | None, *, of_texts: bool = False
) -> None:
    """Refuse a budget that cannot be judged, before anything is built.

    Args:
        plan: What was asked for.
        yardstick: What it is measured with.
        sampler: Of the artifact.
        absent: Why the compiled graph cannot be run here; none: it can.
        of_texts: Whether the artifact makes texts.

    Raises:
        BackendError: The compiled graph cannot be run here, so nothing can be said of its loss.
        RecipeError: A budget is no number above 0, a metric needs references or noise, or int8 has no budget.
        UnknownNameError: No such metric.
    """
    if sampler.image is not None and (of_sets := [name for name in plan.max_loss if is_of_sets(name)]):
        raise RecipeError(
            f"'{of_sets[0]}' is of a set of samples, and this generator makes an image of each image.",
            hint="give --max-loss psnr=0.1, ssim=0.01, levels=1 or features=0.01",
        )
    if of_texts:
        budgets_of(plan.precision, plan.max_loss)
    check_budgets(beside(plan.max_loss) if of_texts else plan.max_loss, yardstick)
    if plan.precision == "int8" and not plan.max_loss and not of_texts:
        raise RecipeError(
            "what int8 costs depends on the generator, and no element-wise limit knows it.",
            hint="give a budget, such as --max-loss levels=1 or --max-loss kid=0.001 --data SOURCE",
        )
    if plan.max_loss and absent:
        raise BackendError(
            f"--max-loss is measured on the graph that ships, which cannot be run here: {absent}",
            hint="optimize where it will run, or leave --max-loss out",
        )


class Judge:
    """Measures what graphs lose against a source, whose samples are made once.

    Args:
        source: The graph that is optimized.
        sampler: How seeds become inputs.
        plan: With the budgets.
        yardstick: What losses are measured with.
        examples: Real images, for graphs that take them, where the yardstick has no pairs.
        on_event: Who watches.
    """

    def __init__(
        self,
        source: Session,
        sampler: Sampler,
        plan: Plan,
        yardstick: Yardstick,
        *,
        examples: Images | None = None,
        on_event: OnEvent = ignore,
    ) -> None:
        self._sampler, self._plan, self._yardstick, self._on_event = sampler, plan, yardstick, on_event
        self._pictures = None if sampler.image is None else _pictures(source, sampler, yardstick, examples)
        count = plan.samples if self._pictures is None else min(len(self._pictures), plan.samples)
        self._seeds = range(SEEDS_FROM, SEEDS_FROM + count)
        self._before = _samples(source, sampler, self._seeds, self._pictures)

    def losses(self, session: Session) -> tuple[QualityLoss, ...]:
        """Every loss of the plan's budget, within it or not."""
        after = _samples(session, self._sampler, self._seeds, self._pictures)
        seeds, budgets = f"{self._seeds.start}-{self._seeds.stop - 1}", self._plan.max_loss
        if (sentences := self._yardstick.sentences) is not None:
            one, other, rest = np.asarray(self._before, np.int32), np.asarray(after, np.int32), beside(budgets)
            return sentence_losses(one, other, rest, seeds=seeds, yardstick=sentences, on_event=self._on_event)
        yardstick, on_event = self._yardstick, self._on_event
        return quality_losses(self._before, after, budgets, seeds=seeds, yardstick=yardstick, on_event=on_event)

    def hold(self, final: Session, rewritten: Callable[[], Session] | None) -> tuple[QualityLoss, ...]:
        """Measure every loss of a graph, and refuse it where one may be larger than its budget.

        Args:
            final: What became of the source.
            rewritten: Opens the graph as it was after the rewrites and before its precision changed; asked only where
                a budget is broken, to know by which of the two. None: it was not rewritten.

        Raises:
            QualityError: A loss is not within its budget for certain.
        """
        losses = self.losses(final)
        if not all(loss.ok for loss in losses):
            if rewritten is not None:
                with rewritten() as halfway:
                    raise_if_lost(self.losses(halfway), "rewriting")
            raise_if_lost(losses, f"the precision {self._plan.precision} on {self._plan.target}")
        return losses


def _pictures(session: Session, sampler: Sampler, yardstick: Yardstick, examples: Images | None) -> Pictures:
    """What a graph that takes images gets: those of the pairs, else the artifact's examples, else made-up ones."""
    if yardstick.pairs is not None:
        return yardstick.pairs.inputs
    if examples is not None:
        return list(examples)
    assert sampler.image is not None
    made = [trial_inputs(session.spec, sampler, [seed])[sampler.image] for seed in range(_MADE_UP)]
    return list(np.concatenate(made))


def _samples(session: Session, sampler: Sampler, seeds: range, pictures: Pictures | None) -> Pictures:
    """A sample for each seed, and where the graph takes images, for the one of the same place."""
    if pictures is None:
        drawn = SAMPLERS.load(sampler.kind)(session, sampler, seeds, session.spec.largest_batch, {})
        whole: Images = np.concatenate(list(drawn))
        return whole
    shape = next(tensor.shape for tensor in session.spec.inputs if tensor.name == sampler.image)
    output = session.spec.outputs[0].name
    made = []
    for seed, picture in zip(seeds, pictures, strict=False):
        sizes = {axis: size for axis, size in zip(shape[1:3], picture.shape[:2], strict=True) if isinstance(axis, str)}
        given = trial_inputs(session.spec, sampler, [seed], sizes=sizes, examples=picture[np.newaxis])
        made.append(session.run(given)[output][0])
    return made
