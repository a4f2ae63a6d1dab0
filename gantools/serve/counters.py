"""What a server counts, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gantools.runtime.backends.base import Arrays
from gantools.serve.batcher import Job
from gantools.serve.model import Draw

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Run:
    """A run of the graph that has ended.

    Attributes:
        model: Whose.
        samples: In it.
        seconds: That it took.
        waited: Of each request in it, seconds from its arrival to the begin of the run.
    """

    model: str
    samples: int
    seconds: float
    waited: tuple[float, ...]

    @classmethod
    def now(cls, model: str, jobs: Sequence[Job[Draw, Arrays]], seconds: float) -> Run:
        """One that ends in this moment."""
        began = monotonic() - seconds
        waited = tuple(max(0.0, began - job.arrived) for job in jobs)
        return cls(model, sum(job.count for job in jobs), seconds, waited)


@final
class Counters:
    """Counts and times of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        kept: dict[str, Any] = {"registry": self.registry, "namespace": "gantools"}
        self._requests = Counter("requests", "Answers by model and status.", ["model", "code"], **kept)
        self._samples = Counter("samples", "Samples made.", ["model"], **kept)
        self._runs = Counter("runs", "Runs of the graph.", ["model"], **kept)
        self._sizes = Histogram("run_samples", "Samples in a run.", ["model"], buckets=_SIZES, **kept)
        self._joined = Histogram("run_requests", "Requests in a run.", ["model"], buckets=_SIZES, **kept)
        seconds: dict[str, Any] = {"buckets": _SECONDS, **kept}
        self._waited = Histogram("queue_seconds", "From arrival to the begin of a run.", ["model"], **seconds)
        self._computed = Histogram("run_seconds", "Of a run, noise included.", ["model"], **seconds)
        self._answered = Histogram("request_seconds", "From headers to answer.", ["model"], **seconds)
        self._waiting = Gauge("waiting_requests", "Requests whose turn has not come.", ["model"], **kept)

    def ran(self, model: str, jobs: Sequence[Job[Draw, Arrays]], seconds: float) -> None:
        """A run has ended."""
        self.count(Run.now(model, jobs, seconds))

    def count(self, run: Run) -> None:
        """As ``ran``, of a run that may have been elsewhere."""
        self._runs.labels(run.model).inc()
        self._samples.labels(run.model).inc(run.samples)
        self._sizes.labels(run.model).observe(run.samples)
        self._joined.labels(run.model).observe(len(run.waited))
        self._computed.labels(run.model).observe(run.seconds)
        for waited in run.waited:
            self._waited.labels(run.model).observe(waited)

    def answered(self, model: str, code: int, seconds: float) -> None:
        """A request has its answer. ``model`` is empty where it names none that exists."""
        self._requests.labels(model, str(code)).inc()
        self._answered.labels(model).observe(seconds)

    def watch(self, model: str, waiting: Callable[[], int]) -> None:
        """Read the length of a queue whenever somebody asks."""
        self._waiting.labels(model).set_function(waiting)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
