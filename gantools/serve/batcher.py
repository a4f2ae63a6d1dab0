"""Requests that wait for one model, and the one thread that runs it: those that fit together ride together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")


class FullError(Exception):
    """As many requests wait as may."""


class RetiredError(Exception):
    """The model has been replaced by another, or the server ends."""


class LateError(Exception):
    """The time of a request was over before its turn came."""


@dataclass(eq=False)
class Job(Generic[Work, Result]):
    """A request that waits.

    Attributes:
        work: What the runner gets.
        key: Jobs of equal keys may share a run.
        count: Samples it asks for.
        deadline: By ``time.monotonic``; when it is over, nobody waits for the result.
        arrived: By the same clock.
        result: What the runner makes of it.
    """

    work: Work
    key: Hashable
    count: int
    deadline: float
    arrived: float = field(default_factory=monotonic)
    result: Future[Result] = field(default_factory=Future)


class Batcher(Generic[Work, Result]):
    """A queue with a bound, and a thread that takes what fits together off it. First come, first served.

    Args:
        run: From jobs of one key to their results, in order. Called on the batcher's thread alone.
        largest: The most samples in one run.
        max_delay_s: How long the first job of a run waits for company; it never waits when a run is full.
        depth: Jobs that may wait.
        name: Of the thread, for debuggers.
        on_run: Told of each run before its jobs are: the jobs, and the seconds it took.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Work]], Sequence[Result]],
        *,
        largest: int,
        max_delay_s: float,
        depth: int,
        name: str,
        on_run: Callable[[Sequence[Job[Work, Result]], float], None] = lambda _jobs, _seconds: None,
    ) -> None:
        self._run, self._on_run = run, on_run
        self._largest, self._max_delay_s, self._depth = largest, max_delay_s, depth
        self._waiting: deque[Job[Work, Result]] = deque()
        self._changed = threading.Condition()
        self._retired = False
        self._thread = threading.Thread(target=self._serve, name=name)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Jobs whose turn has not come."""
        return len(self._waiting)

    def submit(self, job: Job[Work, Result]) -> Future[Result]:
        """Put a job at the end of the queue.

        Raises:
            FullError: There is no room.
            RetiredError: Nobody will take it.
        """
        with self._changed:
            if self._retired:
                raise RetiredError
            if len(self._waiting) >= self._depth:
                raise FullError
            self._waiting.append(job)
            self._changed.notify()
        return job.result

    def retire(self) -> None:
        """Take no more jobs, finish those that wait, and end the thread."""
        with self._changed:
            self._retired = True
            self._changed.notify()
        self._thread.join()

    def _serve(self) -> None:
        while jobs := self._taken():
            self._answer(jobs)

    def _taken(self) -> list[Job[Work, Result]]:
        """The next jobs that share a run; none when all is done. Those whose time is over are told so."""
        with self._changed:
            while True:
                while not self._waiting:
                    if self._retired:
                        return []
                    self._changed.wait()
                first = self._waiting[0]
                group = self._group(first)
                until = min(first.arrived + self._max_delay_s, first.deadline)
                left = until - monotonic()
                if left > 0 and not self._retired and sum(job.count for job in group) < self._largest:
                    self._changed.wait(left)
                    continue
                for job in group:
                    self._waiting.remove(job)
                now = monotonic()
                for job in group:
                    if job.deadline <= now and job.result.set_running_or_notify_cancel():
                        job.result.set_exception(LateError())
                alive = [job for job in group if not job.result.done() and job.result.set_running_or_notify_cancel()]
                if alive:
                    return alive

    def _group(self, first: Job[Work, Result]) -> list[Job[Work, Result]]:
        group, count = [], 0
        for job in self._waiting:
            if job.key == first.key and count + job.count <= max(self._largest, first.count):
                group.append(job)
                count += job.count
        return group

    def _answer(self, jobs: Sequence[Job[Work, Result]]) -> None:
        began = monotonic()
        try:
            results = self._run([job.work for job in jobs])
        except Exception as err:
            if len(jobs) == 1:
                jobs[0].result.set_exception(err)
                return
            # One of them may be at fault, and the others shall not suffer for it.
            for job in jobs:
                self._answer([job])
            return
        self._on_run(jobs, monotonic() - began)
        for job, result in zip(jobs, results, strict=True):
            job.result.set_result(result)
