"""The side of a load test that is tested: a set of samples, and a desk where a session answers queries for them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import Artifact
from gantools.core.spec import TensorSpec
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session
from gantools.verify.trials import examples_of, trial_inputs

_LEAST_RUNS = 3
_TIMING_MS = 50.0


class SampleSet:
    """The inputs of all samples, made beforehand, and the session that makes outputs of them.

    Sample k is that of seed k.

    Args:
        session: Who computes.
        artifact: Says which inputs are noise and what they look like.
        count: Samples in the set.
        batch: Most samples of one run; the session's own limits bound it.
    """

    def __init__(self, session: Session, artifact: Artifact, count: int, batch: int) -> None:
        self.session = session
        self.count = count
        self._limits = session.spec.axes.get("batch")
        self.batch = self._limits.clamped(batch) if self._limits else 1
        sampler = artifact.manifest.sampler
        self._inputs = trial_inputs(session.spec, sampler, range(count), examples=examples_of(artifact))
        self._with_rows = {tensor.name for tensor in session.spec.inputs if tensor.has_rows}

    def run(self, samples: Sequence[int]) -> Arrays:
        """Compute at most ``batch`` samples in one run.

        Where the graph takes no such number of samples, the last one is made several times: row k is that of
        ``samples[k]``, and rows beyond them mean nothing.
        """
        size = len(samples)
        if self._limits:
            size = max(self._limits.min, -(-size // self._limits.step) * self._limits.step)
        places = [*samples, *[samples[-1]] * (size - len(samples))]
        return self.session.run(
            {name: array[places] if name in self._with_rows else array for name, array in self._inputs.items()}
        )

    def parts(self, samples: Sequence[int]) -> Iterator[Sequence[int]]:
        """The runs that so many samples take."""
        return (samples[start : start + self.batch] for start in range(0, len(samples), self.batch))

    def row(self, outputs: Arrays, tensor: TensorSpec, row: int) -> npt.NDArray[Any]:
        """What one sample of a run has of an output, contiguous."""
        array = outputs[tensor.name]
        return np.ascontiguousarray(array[row] if tensor.has_rows else array)

    def answer(self, outputs: Arrays, row: int) -> bytes:
        """All that one sample of a run has: the bytes of every output, in the order of the spec."""
        return b"".join(self.row(outputs, tensor, row).tobytes() for tensor in self.session.spec.outputs)

    def least_ms(self, count: int) -> float:
        """The shortest time that so many samples took, of a few tries."""
        samples = [place % self.count for place in range(count)]
        times_ms: list[float] = []
        while len(times_ms) < _LEAST_RUNS or sum(times_ms) < _TIMING_MS:
            started = time.perf_counter_ns()
            for part in self.parts(samples):
                self.run(part)
            times_ms.append((time.perf_counter_ns() - started) / 1e6)
        return min(times_ms)


class _Sign(Enum):
    FLUSH = auto()
    END = auto()


Complete = Callable[[Sequence[int], Arrays | None], None]
"""Hands answers over: one id for each row of the outputs; None: there is no answer, the query is only closed.

Where it raises, it has handed over none.
"""


class Desk:
    """Where queries wait for the session. Whatever waits is computed together, up to a batch, without waiting for more.

    ``issue`` and ``flush`` are called by the load generator's thread, ``work`` is all that the session's thread does.
    A test that cannot go on, because the session failed, someone stops it or too many answers were late, has to end all
    the same, and a load generator ends only when every query is closed. So from then on queries are closed at once,
    without an answer; or, with ``hold``, kept until the generator has noticed that too many are open and gives up.

    Args:
        samples: What queries ask for.
        complete: Where answers go.
        hold: Whether queries stay open once the test cannot go on.
        late_ms: An answer later than this is late; none: no answer is.
        most_late: With more late answers the test is lost, and goes on no longer.
    """

    def __init__(
        self,
        samples: SampleSet,
        complete: Complete,
        *,
        hold: bool = False,
        late_ms: float | None = None,
        most_late: int | None = None,
    ) -> None:
        self.failure: Exception | None = None
        self.unanswered = 0
        self._samples, self._complete, self._hold = samples, complete, hold
        self._late_ns = None if late_ms is None else late_ms * 1e6
        self._most_late = most_late
        self._late = 0
        self._over = False
        self._inbox: SimpleQueue[tuple[list[int], list[int], int] | _Sign] = SimpleQueue()
        self._waiting: deque[tuple[int, int, int]] = deque()
        self._held: list[int] = []

    @property
    def over(self) -> bool:
        """Whether the test went on no longer before its end."""
        return self._over

    def issue(self, ids: list[int], samples: list[int]) -> None:
        """Take a query: the id of each sample's answer, and which sample of the set it is."""
        if self._over and not self._hold:  # there may be a million more to come: not by way of the other thread
            self._complete(ids, None)
            return
        self._inbox.put((ids, samples, time.perf_counter_ns()))

    def flush(self) -> None:
        """No further query will come."""
        self._inbox.put(_Sign.FLUSH)

    def end(self) -> None:
        """The load generator has ended."""
        self._inbox.put(_Sign.END)

    def stop(self) -> None:
        """Go on no longer."""
        self._over = True

    def work(self) -> None:
        """Answer until the load generator has ended."""
        while self._take():
            part = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._samples.batch))]
            ids = [one[0] for one in part]
            if self._over:
                self._dismiss(ids)
                continue
            try:
                self._complete(ids, self._samples.run([one[1] for one in part]))
            except Exception as err:  # whatever a runtime raises ends the test and is its reason
                self.failure = err
                self._over = True
                self._dismiss(ids)
                continue
            self._count_late([one[2] for one in part])

    def _take(self) -> bool:
        """Wait until there is something to answer, and take all there is; False at the end."""
        while not self._waiting or not self._inbox.empty():
            match self._inbox.get():
                case _Sign.END:
                    return False
                case _Sign.FLUSH:
                    self._hold = False
                    if self._held:
                        self._complete(self._held, None)
                        self._held = []
                case ids, samples, issued_ns:
                    self._waiting.extend((one, sample, issued_ns) for one, sample in zip(ids, samples, strict=True))
        return True

    def _dismiss(self, ids: list[int]) -> None:
        self.unanswered += len(ids)
        if self._hold:
            self._held += ids
        else:
            self._complete(ids, None)

    def _count_late(self, issued_ns: Sequence[int]) -> None:
        if self._late_ns is None or self._most_late is None:
            return
        now_ns = time.perf_counter_ns()
        self._late += sum(now_ns - issued > self._late_ns for issued in issued_ns)
        if self._late > self._most_late:
            self._over = True
