"""Judges a training by its figures: does it diverge, collapse, or get worse? Knows nothing of files, nets or torch.

Every judgement depends on the figures alone, and what it remembers of them is saved with each checkpoint. So a resumed
training is judged as an uninterrupted one is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from gantools.core.recipe import SafetySection
from gantools.core.spec import Frozen

WINDOW = 20  # steps over which loss terms are averaged before they are judged
ACCURACY = "D.accuracy"
_HISTORY, _LEAST = 50, 10  # windows behind a running median: the most, and the least that say anything
# A term near zero may grow a hundredfold without harm: in windows whose median is smaller, this counts instead.
_FLOOR = 1.0
_SATURATED = 25  # windows in a row: 500 steps


class Value(NamedTuple):
    """A loss term of one step, averaged over all processes. ``step`` counts from 0."""

    step: int
    name: str
    value: float


class Score(Frozen):
    """What the samples of a step are worth.

    Attributes:
        step: Finished steps.
        kid: Kernel distance to the real images, or what else is told in its place.
        low: Lower end of its interval.
        high: Upper end of its interval.
        variance: Total variance of the samples' features, as a share of the real images'.
        rank: Their effective rank, likewise.
        figure: What ``kid`` is, for people.
    """

    step: int
    kid: float
    low: float
    high: float
    variance: float
    rank: float
    figure: str = "KID"


class Memory(Frozen):
    """What is remembered of a training's past.

    Attributes:
        attempt: How often the training went back.
        learning_rate_scale: What going back has made of the learning rates: 1 is the recipe's.
        window: Sum and count of each loss term in the window that is not full.
        medians: Absolute means of the last full windows, by loss term, oldest first.
        exploding: Windows in a row in which a loss term was far above its median.
        saturated: Windows in a row in which the discriminator was right nearly always.
        best: The best score.
        bad: Bad scores in a row.
    """

    attempt: int = 0
    learning_rate_scale: float = 1.0
    window: Mapping[str, tuple[float, int]] = {}
    medians: Mapping[str, tuple[float, ...]] = {}
    exploding: int = 0
    saturated: int = 0
    best: Score | None = None
    bad: int = 0

    def gone_back(self, *, attempt: int, learning_rate_scale: float) -> Memory:
        """The memory to go on with when a training goes back to where this one was saved."""
        fresh = {"attempt": attempt, "learning_rate_scale": learning_rate_scale}
        return self.model_copy(update={**fresh, "exploding": 0, "saturated": 0, "bad": 0})


@dataclass(frozen=True)
class Finding:
    """Something to warn of.

    Attributes:
        text: What was found, without a full stop.
        advice: What to change in the recipe.
        fatal: Whether the training cannot go on from here.
    """

    text: str
    advice: str
    fatal: bool = False


SLOWER = "start again with a lower train.learning_rate"
_STEADIER = "start again with a lower train.learning_rate, or a discriminator with spectral norm or objective.r1_gamma"
_WEAKER = "start again with a lower train.discriminator_learning_rate, or for few images with objective.augment=ada"
_VARIED = "start again with another objective, a larger train.batch, or a discriminator with spectral norm"


class Watch:
    """The judge.

    Args:
        section: Where the limits are.
        memory: What it remembers; changed by every call.
    """

    def __init__(self, section: SafetySection, memory: Memory) -> None:
        self._section, self.memory = section, memory

    def losses(self, done: int, values: Iterable[Value]) -> list[Finding]:
        """Judge loss terms.

        Args:
            done: Finished steps. To be called whenever a window is full, and at any time in between.
            values: What came since the last call.
        """
        window = dict(self.memory.window)
        for step, name, value in values:
            if not math.isfinite(value):
                return [Finding(f"the loss term '{name}' became {value} at step {step + 1}", SLOWER, fatal=True)]
            total, count = window.get(name, (0.0, 0))
            window[name] = (total + value, count + 1)
        if not self._section.enabled:
            return []
        if done % WINDOW:
            self._remember(window=window)
            return []
        means = {name: total / count for name, (total, count) in window.items()}
        self._remember(window={})
        return [*self._explosion(done, means), *self._saturation(done, means)]

    def score(self, score: Score) -> list[Finding]:
        """Judge a score. To be called at the same steps in every course of a training."""
        if not self._section.enabled:
            return []
        best, bad = self.memory.best, self.memory.bad
        if best is None or score.kid < best.kid:
            self._remember(best=score, bad=0)
            return []
        complaint = self._complaint(score, best)
        self._remember(bad=bad + 1 if complaint else 0)
        if not complaint:
            return []
        text, advice = complaint
        count = f"bad score {bad + 1} of {self._section.patience} in a row"
        return [Finding(f"at step {score.step} {text} ({count})", advice, fatal=bad + 1 >= self._section.patience)]

    def _complaint(self, score: Score, best: Score) -> tuple[str, str] | None:
        """What is wrong with a score that is not the best, and what to do about it."""
        for name, value in (("variance", score.variance), ("effective rank", score.rank)):
            if value < self._section.min_diversity:
                return f"the samples' features have {value:.0%} of the real ones' {name}", _VARIED
        apart = score.low > best.high
        compared = f"{score.figure} is {score.kid:.4f}, and was {best.kid:.4f} at step {best.step}"
        if apart and self.memory.saturated >= _SATURATED:
            return f"the discriminator is nearly always right, and {compared}", _WEAKER
        if apart and score.kid > self._section.worse * best.kid:
            return compared, _STEADIER
        return None

    def _explosion(self, done: int, means: Mapping[str, float]) -> list[Finding]:
        if not self._section.explosion:
            return []
        medians, worst = dict(self.memory.medians), ("", 0.0, 0.0)
        for name, mean in means.items():
            history = medians.get(name, ())
            usual = max(median(history), _FLOOR) if len(history) >= _LEAST else math.inf
            if abs(mean) > self._section.explosion * usual and abs(mean) / usual > worst[2]:
                worst = (name, mean, abs(mean) / usual)
            medians[name] = (*history, abs(mean))[-_HISTORY:]
        exploding = self.memory.exploding + 1 if worst[0] else 0
        self._remember(medians=medians, exploding=exploding)
        if not exploding:
            return []
        name, mean, times = worst
        text = f"the loss term '{name}' is {mean:.3g} at step {done}, {times:.0f} times as usual"
        return [Finding(text, SLOWER, fatal=exploding > 1)]

    def _saturation(self, done: int, means: Mapping[str, float]) -> list[Finding]:
        if ACCURACY not in means or self._section.max_accuracy == 1:
            return []
        saturated = self.memory.saturated + 1 if means[ACCURACY] > self._section.max_accuracy else 0
        self._remember(saturated=saturated)
        if saturated != _SATURATED:  # told once
            return []
        share = f"{means[ACCURACY]:.1%} of all samples right"
        return [Finding(f"the discriminator has told {share} for {_SATURATED * WINDOW} steps at step {done}", _WEAKER)]

    def _remember(self, **changes: object) -> None:
        self.memory = self.memory.model_copy(update=changes)
