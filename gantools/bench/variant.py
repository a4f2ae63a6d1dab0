"""A variant that was opened to be measured: in this process, beside the others, or in one of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gantools.bench.isolation import Worker, WorkerRunner
from gantools.bench.results import ColdStart, Energy, Memory
from gantools.bench.target import BenchTarget
from gantools.core.artifact import Precision
from gantools.core.errors import BackendError, MissingDependencyError
from gantools.timing.measure import Clock, Runner
from gantools.verify.attest import Attestation, attest


class Variant(Protocol):
    """What is measured, and what there is to know of it."""

    backend: str
    device: str
    asked: Precision
    load_ms: float

    def runner(self, batch: int) -> Callable[[], object] | Runner:
        """Who is timed at a batch size."""

    def attest(self) -> Attestation | None:
        """What it computes in; None where the runtime does not tell."""

    def cold(self, first_call_ms: float) -> ColdStart | None:
        """From nothing to the first call."""

    def memory(self) -> Memory | None:
        """Since the last warm-up began."""

    def energy(self, batch: int, seconds: float) -> Energy | None:
        """Of so many seconds of calls."""

    def close(self) -> None:
        """Free everything."""


class Shared:
    """A variant in this process: what it starts with and what it takes cannot be told from the others."""

    def __init__(self, target: BenchTarget, threads: int, clock: Clock) -> None:
        started = clock()
        self._target, self._session = target, target.open(threads)
        self.load_ms = (clock() - started) / 1e6
        self.backend, self.device = self._session.backend, self._session.device
        self.asked: Precision = self._session.graph.precision

    def runner(self, batch: int) -> Callable[[], object]:
        """As ``Variant``."""
        return self._target.call(self._session, batch)

    def attest(self) -> Attestation | None:
        """As ``Variant``."""
        try:
            return attest(self._session)
        except (BackendError, MissingDependencyError):  # it does not tell: the row then shows no precision
            return None

    def cold(self, first_call_ms: float) -> None:
        """As ``Variant``."""

    def memory(self) -> None:
        """As ``Variant``."""

    def energy(self, batch: int, seconds: float) -> None:
        """As ``Variant``."""

    def close(self) -> None:
        """As ``Variant``."""
        self._session.close()


class Apart:
    """A variant in a process of its own."""

    def __init__(self, target: BenchTarget, threads: int) -> None:
        self.worker = Worker(target, threads)
        told = self.worker.opened
        self.backend, self.device, self.asked = told["backend"], told["device"], told["asked"]
        self.load_ms: float = told["load_ms"]
        self._is_cold = True

    def runner(self, batch: int) -> Runner:
        """As ``Variant``."""
        return WorkerRunner(self.worker, batch)

    def attest(self) -> Attestation | None:
        """As ``Variant``."""
        return self.worker.attest()

    def cold(self, first_call_ms: float) -> ColdStart | None:
        """As ``Variant``; only once, because a process starts once."""
        was_cold, self._is_cold = self._is_cold, False
        return self.worker.cold(first_call_ms) if was_cold else None

    def memory(self) -> Memory:
        """As ``Variant``."""
        return self.worker.memory()

    def energy(self, batch: int, seconds: float) -> Energy | None:
        """As ``Variant``."""
        return self.worker.energy(batch, seconds)

    def close(self) -> None:
        """As ``Variant``."""
        self.worker.close()
