"""What a degradation is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from gantools.core.spec import Frozen
from gantools.data.sources import Pixels


class Degradation(Protocol):
    """Makes clips worse.

    Attributes:
        scale: By how much it makes frames smaller, in both directions.
        context: Frames before the first that count, which it needs to see; they are dropped afterwards.
        margin: Pixels around a patch that it looks at.
        between: Whether every second frame is taken away, and those are what should be made.
        unlocked: Whether it spends its time outside of the interpreter lock, so that samples are made side by side.
    """

    scale: int
    context: int
    margin: int
    between: bool
    unlocked: bool

    def apply(self, clip: Pixels, rng: np.random.Generator) -> Pixels:
        """(frames, scale * height, scale * width, channels) uint8 -> (frames, height, width, channels) uint8."""


C = TypeVar("C", bound=Frozen)


@dataclass(frozen=True)
class DegradationRow(Generic[C]):
    """A row of the table.

    Attributes:
        Config: Its options, with every check.
        build: Config -> what applies it.
    """

    Config: type[C]
    build: Callable[[C], Degradation]


def drawn(limits: tuple[float, float], rng: np.random.Generator) -> float:
    """A number drawn evenly from a range."""
    low, high = limits
    return float(rng.uniform(low, high)) if high > low else low


def ordered(limits: tuple[float, float]) -> tuple[float, float]:
    """The limits, for a validator. Raises ValueError: the first is above the second."""
    if limits[0] > limits[1]:
        raise ValueError(f"needs [low, high], got [{limits[0]:g}, {limits[1]:g}]")
    return limits
