"""What happens between steps: logs, sample grids, scores, checkpoints. Exists on the first process alone."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from gantools.core.events import Note, OnEvent
from gantools.core.recipe import Recipe
from gantools.data import ImageSet
from gantools.train.checkpoint import State, keep_best_and_newest, save_checkpoint
from gantools.train.learner import Learner
from gantools.train.log import Log
from gantools.train.quality import Scorer, sample

GRID_SEEDS = range(64)


class Recorder:
    """Keeps the run folder.

    Args:
        run: The run folder.
        recipe: Says when what is due.
        start: Finished steps.
        learner: What is recorded.
        images: What it is scored against.
        device: Where the learner is.
        on_event: Who watches.
    """

    def __init__(
        self,
        run: Path,
        recipe: Recipe,
        start: int,
        learner: Learner,
        images: ImageSet,
        device: torch.device,
        on_event: OnEvent,
    ) -> None:
        self._run, self._recipe, self._learner = run, recipe, learner
        self._images, self._device, self._on_event = images, device, on_event
        scores = recipe.evaluate
        self._scorer = Scorer(images, scores.samples, scores.extractor, on_event) if scores.every else None
        self._log = Log(run, start=start, total=recipe.train.steps, on_event=on_event)

    def after(self, step: int, means: dict[str, float], *, stopping: bool) -> None:
        """Do what is due after ``step`` finished steps.

        Args:
            step: Finished steps.
            means: Mean loss terms since the last look.
            stopping: Whether this is the last call before the training stops early.
        """
        recipe, last = self._recipe, step == self._recipe.train.steps
        if means:
            self._log.losses(step, recipe.train.batch, means)
        scoring = self._scorer is not None and (last or _due(step, recipe.evaluate.every))
        with self._log.paused():
            if recipe.train.sample_every and (last or _due(step, recipe.train.sample_every)):
                grid = sample(self._learner.averaged, GRID_SEEDS, self._device)
                seeds = f"{GRID_SEEDS.start}-{GRID_SEEDS.stop - 1}"
                self._log.grid(step, grid, {"name": recipe.name, "step": str(step), "seeds": seeds})
            if scoring or last or stopping or _due(step, recipe.train.checkpoint_every):
                # A scored step is always saved: were it the best, it could not be made again.
                self._save(step, self._score(step) if scoring else None)

    def _score(self, step: int) -> dict[str, Any] | None:
        if self._scorer is None:
            return None
        quality = self._scorer.score(self._learner.averaged, self._device)
        self._log.values(step, {"kid": quality["kid"]})
        return quality

    def _save(self, step: int, quality: dict[str, Any] | None) -> None:
        state = State(
            step=step,
            images_seen=step * self._recipe.train.batch,
            data_sha256=self._images.digest,
            quality=quality,
            classes=self._images.classes,
            recipe=self._recipe,
        )
        folder = save_checkpoint(self._run, state, self._learner.tensors())
        best = keep_best_and_newest(self._run, self._recipe.train.keep)
        scored = f", KID {quality['kid']:.4f}{' (best so far)' if best == step else ''}" if quality else ""
        self._on_event(Note(f"saved {folder.name}{scored}"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()


def is_due(step: int, recipe: Recipe) -> bool:
    """Whether anything but looking at the losses is to be done after ``step`` finished steps."""
    every = (recipe.train.sample_every, recipe.train.checkpoint_every, recipe.evaluate.every)
    return step == recipe.train.steps or any(_due(step, steps) for steps in every)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
