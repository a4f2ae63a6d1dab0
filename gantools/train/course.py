"""Where a training goes from step to step: on, back to an earlier step, or to its end. All processes go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from gantools.core.errors import GantoolsError
from gantools.core.recipe import Recipe
from gantools.train.draws import Draws
from gantools.train.guard import Terms
from gantools.train.interrupt import StopRequest
from gantools.train.learner import Learner
from gantools.train.record import Recorder, is_due
from gantools.train.run import Beginning
from gantools.train.watch import WINDOW, Value


class Course:
    """Steers a training.

    Args:
        recipe: Says when what is due.
        fabric: Launched.
        learner: What learns.
        draws: What it learns from.
        recorder: On the first process: who keeps the run folder and judges.
        stop: Whether somebody wants the training to stop.

    Attributes:
        terms: The loss terms that nobody has looked at yet.
        stopped_at: Finished steps when the training was asked to stop, which are saved; none: it was not.
    """

    def __init__(
        self,
        recipe: Recipe,
        fabric: Fabric,
        learner: Learner,
        draws: Draws,
        recorder: Recorder | None,
        stop: StopRequest,
    ) -> None:
        self._recipe, self._fabric, self._learner, self._draws = recipe, fabric, learner, draws
        self._recorder, self._stop = recorder, stop
        self.terms = Terms()
        self.stopped_at: int | None = None

    def begin(self, beginning: Beginning) -> None:
        """Go to where a beginning is."""
        if beginning.checkpoint:
            self._learner.restore(beginning.checkpoint)
        else:
            self._learner.begin_again()
        self._learner.scale = beginning.memory.learning_rate_scale
        self._draws.attempt = beginning.memory.attempt

    def after(self, step: int) -> int:
        """Look at the training, where it is time to.

        Args:
            step: Finished steps.

        Returns:
            The finished steps to go on from.

        Raises:
            GantoolsError: The training cannot go on; on every process.
        """
        look = step % WINDOW == 0 or is_due(step, self._recipe)
        stopping = self._asked_to_stop(look) and step < self._recipe.train.steps
        if not look and not stopping:
            return step
        back = self._recorded(step, self.terms.take(self._mean), stopping=stopping)
        if back:
            self.begin(back)
            return back.step
        if stopping:
            self.stopped_at = step
        return step

    def _recorded(self, step: int, values: Sequence[Value], *, stopping: bool) -> Beginning | None:
        """What the first process did and decided; what stops it stops all of them, or the others would wait for it."""
        back: Beginning | None = None
        error: GantoolsError | None = None
        if self._recorder:
            try:
                back = self._recorder.after(step, values, stopping=stopping)
            except GantoolsError as err:
                error = err
        if self._fabric.world_size > 1:
            told: Any = (error.message, error.hint) if error else None
            back, told = self._fabric.broadcast((back, told))
            if told and not error:
                error = GantoolsError(told[0], hint=told[1])
        if error:
            raise error
        return back

    def _asked_to_stop(self, look: bool) -> bool:
        """Whether to stop now. Several processes agree on it when they look: all must stop together."""
        if self._fabric.world_size == 1:
            return self._stop.requested
        if not look:
            return False
        votes: Any = self._fabric.all_reduce(
            torch.tensor(float(self._stop.requested), device=self._fabric.device), reduce_op="sum"
        )
        return bool(votes > 0)

    def _mean(self, values: Tensor) -> Tensor:
        """The mean over all processes: a value that is not finite on one of them is not finite on any."""
        if self._fabric.world_size == 1:
            return values
        mean: Any = self._fabric.all_reduce(values, reduce_op="mean")
        result: Tensor = mean
        return result
