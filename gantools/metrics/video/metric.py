"""What a metric of clips is: a value of each frame beside the frame that it should be, and the mean of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gantools.metrics.interval import interval
from gantools.metrics.video.frame import Frame

BLOCKS = 10
Value = Callable[[Frame, Frame], float | None]


class Running(Protocol):
    """A metric on its way through two clips."""

    def add(self, reference: Frame, made: Frame) -> None:
        """See the next frame of both.

        Args:
            reference: The frame as it should be.
            made: The frame that is judged.
        """

    def values(self) -> list[float | None]:
        """A value of each frame that was added; none: it has no value, as the first one where two are needed."""

    def close(self) -> None:
        """Leave nothing running. A second call does nothing."""


@dataclass(frozen=True)
class VideoMetric:
    """A row of the table.

    Attributes:
        begin: A new pass over two clips.
        protocol: What exactly is measured; ``{crop}`` is the number of pixels left out at each edge, and
            ``{brightness}`` is ``stored`` or ``bt601``, where the metric takes what there is.
        unit: Of the values; empty: they have none.
        higher_is_better: Which way is up.
    """

    begin: Callable[[], Running]
    protocol: str
    unit: str
    higher_is_better: bool


@dataclass
class _EachFrame:
    value: Value

    def __post_init__(self) -> None:
        self._values: list[float | None] = []

    def add(self, reference: Frame, made: Frame) -> None:
        self._values.append(self.value(reference, made))

    def values(self) -> list[float | None]:
        return self._values

    def close(self) -> None:
        pass


def each_frame(value: Value) -> Callable[[], Running]:
    """A metric whose value of a frame depends on that frame and the one before it alone.

    Args:
        value: (frame as it should be, frame that is judged) -> value; none: this frame has none.
    """
    return lambda: _EachFrame(value)


def mean_of(values: Sequence[float | None]) -> tuple[float | None, float | None, float | None]:
    """Mean over the frames that have a value, and its 95 % interval.

    Neighbouring frames are alike, so the delete-a-group jackknife leaves out ten stretches of the clip in turn instead
    of single frames (Künsch, "The jackknife and the bootstrap for general stationary observations", 1989). The interval
    says how the mean would move with other stretches of the same kind, and nothing about other clips.

    Returns:
        (mean, low, high); the ends are None below two frames in a stretch, and all are where no frame has a value.
    """
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return None, None, None
    mean = float(known.mean())
    if len(known) < 2 * BLOCKS:
        return mean, None, None
    stretches = np.array_split(np.arange(len(known)), BLOCKS)
    return (mean, *interval(mean, np.array([np.delete(known, stretch).mean() for stretch in stretches])))
