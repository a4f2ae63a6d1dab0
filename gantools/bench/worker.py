"""The process of one variant: opens it, calls it, times it. A line of JSON is a request, and a line of JSON an answer.

    python -m gantools.bench.worker

Started by ``bench.isolation``. Nothing is imported at the top but the standard library, so that starting Python and
importing what a generator needs can be told apart. Standard output carries the answers alone: whatever a library
prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import IO, Any

_MIB = 2**20


def main() -> None:
    """Answer until there are no more requests."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _answer(answers, {"ready": resident_bytes()})
    room = _Room()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            done = getattr(room, request.pop("do"))(**request)
        except KeyboardInterrupt:
            return
        except Exception as err:
            from gantools.timing.measure import reason

            _answer(answers, {"failed": reason(err)})
        else:
            _answer(answers, {"done": done})
    room.close()


def _answer(stream: IO[str], words: dict[str, Any]) -> None:
    stream.write(json.dumps(words) + "\n")
    stream.flush()


class _Room:
    """What requests are about. Each method is a request, its arguments and result are JSON."""

    def __init__(self) -> None:
        self._before = resident_bytes()
        self._device_before: int | None = None
        self._target: Any = None
        self._session: Any = None
        self._runners: dict[int, Any] = {}
        self._slower = 0.0
        self._call: Callable[[int], Callable[[], object]]

    def product(self, size: int) -> dict[str, Any]:
        """In the place of a graph: a fixed matrix product in numpy, for tests of the measuring itself.

        On one thread: idle threads of numpy's libraries spin for tens of milliseconds, on cores that others need.
        """
        os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        import numpy as np

        left, right = np.random.default_rng(0).standard_normal((2, size, size), np.float32)
        self._call = lambda _: lambda: left @ right
        return {}

    def slow_down(self, share: float) -> None:
        """Let every call take so much longer: a slowdown that is known, for tests of the measuring itself."""
        self._slower = share

    def open(self, target: dict[str, Any], threads: int) -> dict[str, Any]:
        """Import the runtime, then open the graph; both are timed."""
        started = time.perf_counter()
        from gantools.bench.target import BenchTarget
        from gantools.runtime.backends import BACKENDS

        words = target["backend_used"], target["device_used"]
        backend = BACKENDS.load(words[0])
        from gantools.timing.gpu import device_bytes

        self._device_before = device_bytes(words[1])
        backend.probe(words[1])  # imports the library
        imported = time.perf_counter()
        self._target = BenchTarget.from_words(target)
        self._session = self._target.open(threads)
        self._call = lambda batch: self._target.call(self._session, batch)
        loaded = time.perf_counter()
        return {
            "import_ms": (imported - started) * 1000,
            "load_ms": (loaded - imported) * 1000,
            "backend": self._session.backend,
            "device": self._session.device,
            "asked": self._session.graph.precision,
        }

    def warm_up(self, batch: int, plan: dict[str, Any]) -> tuple[float, int, bool, float]:
        """As ``Runner.warm_up``. The peak of memory is counted from here."""
        from gantools.timing.measure import BenchPlan, CallRunner

        forget_peak()
        self._runners = {batch: CallRunner(self._slowed(self._call(batch)))}
        return tuple(self._runners[batch].warm_up(BenchPlan.model_validate(plan)))

    def block(self, batch: int, **how: float) -> list[float]:
        """As ``Runner.block``."""
        values: list[float] = self._runners[batch].block(**how)
        return values

    def memory(self) -> dict[str, Any]:
        """As ``results.Memory``."""
        from gantools.timing.gpu import device_bytes

        now = device_bytes(self._session.device)
        taken = None if now is None or self._device_before is None else max(0, now - self._device_before)
        return {"host_before_bytes": self._before, "host_peak_bytes": peak_bytes(), "device_bytes": taken}

    def energy(self, batch: int, seconds: float) -> dict[str, Any] | None:
        """As ``results.Energy``; None where there is no meter."""
        from gantools.timing.energy import meter

        found = meter(self._session.device)
        if found is None:
            return None
        started, joules, runs = time.perf_counter(), found.joules(), 0
        while time.perf_counter() - started < seconds:
            self._runners[batch].block(1, 0, 0.0, 0.0)
            runs += 1
        joules, elapsed = found.joules() - joules, time.perf_counter() - started
        return {"joules_per_sample": joules / (runs * batch), "watts": joules / elapsed, "source": found.source}

    def attest(self) -> dict[str, Any] | None:
        """As ``verify.attest``; None where the runtime does not tell."""
        from gantools.core.errors import BackendError, MissingDependencyError
        from gantools.verify.attest import attest

        try:
            return attest(self._session).model_dump()
        except (BackendError, MissingDependencyError):
            return None

    def scenario(self, plan: dict[str, Any], name: str) -> dict[str, Any]:
        """As ``scenarios.run_scenario``."""
        from gantools.bench.scenarios import ScenarioPlan, run_scenario

        wanted = ScenarioPlan.model_validate(plan)
        told: dict[str, Any] = run_scenario(self._session, self._target.artifact, wanted, name).model_dump()
        return told

    def _slowed(self, call: Callable[[], object]) -> Callable[[], object]:
        if not self._slower:
            return call

        def slower() -> None:
            started = time.perf_counter()
            call()
            until = started + (time.perf_counter() - started) * (1 + self._slower)
            while time.perf_counter() < until:
                pass

        return slower

    def close(self) -> None:
        """Free the graph."""
        if self._session is not None:
            self._session.close()


def resident_bytes() -> int:
    """Of this process; 0 where the kernel does not tell."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """The most since ``forget_peak``; 0 where the kernel does not tell."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Let the peak be what is resident now. Does nothing where the kernel has no such thing."""
    try:
        with open("/proc/self/clear_refs", "w") as stream:  # noqa: PTH123 - pathlib would be an import
            stream.write("5")
    except OSError:
        return


def _status(field: str) -> int:
    try:
        with open("/proc/self/status") as stream:  # noqa: PTH123
            lines = dict(line.split(":", 1) for line in stream)
    except OSError:
        return 0
    return int(lines.get(field, "0 kB").split()[0]) * 1024


if __name__ == "__main__":
    main()
