"""What happens between steps: logs, sample grids, scores, checkpoints, judgements. On the first process alone."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch

from gantools.core.errors import TrainingError
from gantools.core.events import OnEvent
from gantools.core.recipe import EvaluateSection, Recipe
from gantools.data import ImageSet
from gantools.data.pairs.pairs import PairSet
from gantools.data.pairs.unpaired import UnpairedSet
from gantools.data.texts import TextSet
from gantools.runtime.tokens import Tokenizer
from gantools.train.checkpoint import (
    EXAMPLES,
    TOKENIZER,
    State,
    badness,
    best_step,
    checkpoint_steps,
    figure_text,
    keep_best_and_newest,
    load_checkpoint,
    save_checkpoint,
)
from gantools.train.guard import means
from gantools.train.learner import Learner
from gantools.train.log import Log
from gantools.train.pair_quality import PairScorer
from gantools.train.quality import Scorer, sample
from gantools.train.reals import Reals, Sides
from gantools.train.report import write_report
from gantools.train.run import Beginning, Rollback, go_back
from gantools.train.schedule import share
from gantools.train.story import Story
from gantools.train.text_quality import TextScorer
from gantools.train.unpaired_quality import UnpairedScorer
from gantools.train.watch import SLOWER, Finding, Memory, Score, Value, Watch

GRID_SEEDS = range(64)
_REPORT_S = 30.0  # least time between two drawings of the report


class Recorder:
    """Keeps the run folder, and says when a training must go back.

    Args:
        run: The run folder.
        recipe: Says when what is due.
        beginning: Where the training goes on.
        learner: What is recorded.
        reals: What it is scored against, and what was held out.
        device: Where the learner is.
        story: Where events go.
        on_event: Who watches.
    """

    def __init__(
        self,
        run: Path,
        recipe: Recipe,
        beginning: Beginning,
        learner: Learner,
        reals: Sides,
        device: torch.device,
        story: Story,
        on_event: OnEvent,
    ) -> None:
        self._run, self._recipe, self._learner, self._story = run, recipe, learner, story
        self._reals, self._device = reals.learned, device
        self._tokenizer = Tokenizer(reals.learned.tokenizer) if isinstance(reals.learned, TextSet) else None
        self._pairs = pairs = _pairs(reals, recipe.evaluate, on_event)
        self._scorer = (pairs or _scorer(reals, recipe.evaluate, on_event)) if recipe.evaluate.every else None
        self._files = _files(reals.learned, pairs)
        self._watch = Watch(recipe.safety, beginning.memory)
        attempt = beginning.memory.attempt
        self._log = Log(run, start=beginning.step, attempt=attempt, total=recipe.train.steps, on_event=on_event)
        self._reported_at = -math.inf

    def after(self, step: int, values: Sequence[Value], *, stopping: bool) -> Beginning | None:
        """Do what is due after ``step`` finished steps.

        Args:
            step: Finished steps.
            values: Loss terms since the last look.
            stopping: Whether this is the last call before the training stops early.

        Returns:
            Where to go back to; none: go on.

        Raises:
            TrainingError: The training cannot go on.
        """
        recipe, last = self._recipe, step == self._recipe.train.steps
        if failure := self._failure(step, self._watch.losses(step, values)):
            return self._go_back(step, failure)
        if values:
            rate = recipe.train.learning_rate * self._watch.memory.learning_rate_scale * share(recipe.train, step - 1)
            self._log.losses(step, recipe.train.batch, means(values), learning_rate=rate)
        scheduled = _due(step, recipe.evaluate.every)
        with self._log.paused():
            if recipe.train.sample_every and (last or _due(step, recipe.train.sample_every)):
                self._show(step)
            quality = self._score(step) if scheduled or last else None
            # A score that is not due in every course of this training is no part of what it remembers.
            if quality and scheduled and (failure := self._failure(step, self._watch.score(_judged(step, quality)))):
                return self._go_back(step, failure)
            # A scored step is always saved: were it the best, it could not be made again.
            if quality or last or stopping or _due(step, recipe.train.checkpoint_every):
                try:
                    self._save(step, quality)
                except TrainingError as err:
                    return self._go_back(step, Finding(err.message.rstrip("."), SLOWER, fatal=True))
                self._report(at_once=last or stopping)
        return None

    def _show(self, step: int) -> None:
        if self._pairs is not None:
            rows = "given, made" + (", wanted" if isinstance(self._pairs, PairScorer) else "")
            known = {"name": self._recipe.name, "step": str(step), "rows": rows}
            self._log.grid(step, self._pairs.show(self._learner.averaged, self._device), known, columns=6)
            return
        samples = sample(self._learner.averaged, GRID_SEEDS, self._device)
        if self._tokenizer is not None:
            self._log.texts(step, self._tokenizer.decode(samples))
            return
        seeds = f"{GRID_SEEDS.start}-{GRID_SEEDS.stop - 1}"
        self._log.grid(step, samples, {"name": self._recipe.name, "step": str(step), "seeds": seeds})

    def _failure(self, step: int, findings: Sequence[Finding]) -> Finding | None:
        """What is fatal among findings; of others it warns."""
        for finding in findings:
            if finding.fatal:
                return finding
            self._story.tell("warning", step, finding.text, attempt=self._watch.memory.attempt)
        return None

    def _go_back(self, step: int, failure: Finding) -> Beginning:
        """Undo all since the best checkpoint, and take smaller steps from there; or end the training."""
        safety, memory = self._recipe.safety, self._watch.memory
        target = best_step(self._run) or (checkpoint_steps(self._run) or [0])[-1]
        if not safety.enabled or memory.attempt >= safety.rollbacks:
            vain = f", and going back {_times(memory.attempt)} has not helped" if memory.attempt else ""
            self._story.tell("stop", step, failure.text + vain, attempt=memory.attempt, aloud=False)
            self._report(at_once=True)
            kept = f"; the checkpoint of step {target} is kept in '{self._run}'" if target else ""
            raise TrainingError(f"{failure.text}{vain}.", hint=failure.advice + kept)
        attempt, scale = memory.attempt + 1, memory.learning_rate_scale * safety.learning_rate_factor
        kept_memory = load_checkpoint(self._run, target).state.memory if target else Memory()
        changed = kept_memory.gone_back(attempt=attempt, learning_rate_scale=scale)
        beginning = go_back(self._run, Rollback(step=target, memory=changed))
        self._watch.memory = beginning.memory
        self._log.go_back(target, attempt)
        text = f"{failure.text}: back to step {target} with learning rates times {scale:.3g}"
        count = f"{attempt} of at most {_times(safety.rollbacks)}"
        self._story.tell("roll-back", step, f"{text} ({count})", attempt=memory.attempt, back_to=target, scale=scale)
        self._report(at_once=True)
        return beginning

    def _score(self, step: int) -> dict[str, Any] | None:
        if self._scorer is None:
            return None
        quality = self._scorer.score(self._learner.averaged, self._device)
        self._log.values(step, {key: value for key, value in quality.items() if isinstance(value, float)})
        return quality

    def _save(self, step: int, quality: dict[str, Any] | None) -> None:
        state = State(
            step=step,
            images_seen=step * self._recipe.train.batch,
            data_sha256=self._reals.digest,
            quality=quality,
            classes=self._reals.classes,
            memory=self._watch.memory,
            origin=self._learner.origin,
            recipe=self._recipe,
        )
        folder = save_checkpoint(self._run, state, self._learner.tensors(), self._files)
        best = keep_best_and_newest(self._run, self._recipe.train.keep)
        scored = f", {figure_text(quality)}{' (best so far)' if best == step else ''}" if quality else ""
        self._story.tell("saved", step, f"saved {folder.name}{scored}", attempt=self._watch.memory.attempt)

    def _report(self, *, at_once: bool) -> None:
        if at_once or time.monotonic() - self._reported_at > _REPORT_S:
            write_report(self._run)
            self._reported_at = time.monotonic()

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


def _pairs(reals: Sides, evaluate: EvaluateSection, on_event: OnEvent) -> PairScorer | UnpairedScorer | None:
    learned, held_out = reals
    if isinstance(learned, UnpairedSet):
        apart = held_out if isinstance(held_out, UnpairedSet) else None
        return UnpairedScorer(
            learned, apart, evaluate.samples, evaluate.extractor if evaluate.every else None, on_event
        )
    if not isinstance(learned, PairSet):
        return None
    return PairScorer(learned, held_out if isinstance(held_out, PairSet) else None, evaluate.samples)


def _scorer(reals: Sides, evaluate: EvaluateSection, on_event: OnEvent) -> Scorer | TextScorer:
    learned, held_out = reals
    if isinstance(learned, TextSet):
        kept = held_out if isinstance(held_out, TextSet) else None
        return TextScorer(learned, evaluate.samples, evaluate.extractor, on_event, held_out=kept)
    assert isinstance(learned, ImageSet)
    return Scorer(learned, evaluate.samples, evaluate.extractor, on_event)


def _files(learned: Reals, pairs: PairScorer | UnpairedScorer | None) -> dict[str, bytes]:
    """What every checkpoint holds besides tensors and state."""
    if isinstance(learned, TextSet):
        return {TOKENIZER: learned.tokenizer.encode()}
    if pairs is None:
        return {}
    stream = io.BytesIO()
    np.save(stream, pairs.examples(), allow_pickle=False)
    return {EXAMPLES: stream.getvalue()}


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _judged(step: int, quality: dict[str, Any]) -> Score:
    if "psnr" in quality:
        low, high = (10 ** (-quality[end] / 10) for end in ("psnr_high", "psnr_low"))
        return Score(step=step, figure="squared error", kid=badness(quality), low=low, high=high, variance=1, rank=1)
    return Score(
        step=step,
        kid=quality["kid"],
        low=quality["kid_low"],
        high=quality["kid_high"],
        variance=quality["variance"],
        rank=quality["rank"],
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
