"""A variant in a process of its own: what crashes there is a row here, and nobody shares memory, threads or imports."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Self

from gantools.bench.results import ColdStart, Energy, Memory, ScenarioResult
from gantools.bench.target import BenchTarget
from gantools.core.errors import BackendError
from gantools.timing.measure import BenchPlan, WarmUp
from gantools.verify.attest import Attestation

PATIENCE_SECONDS = 600.0
"""How long a process may say nothing. Compiling a large graph takes minutes."""
_LEAVE_SECONDS = 5.0
_PRODUCT = 256


class Worker:
    """The process of one variant. Usable as a context manager.

    Args:
        target: What to open there; none: a fixed matrix product, to test the measuring itself.
        threads: CPU threads it gets.
        patience_seconds: How long it may say nothing before it is ended.

    Raises:
        BackendError: It could not be opened, or the process has ended; the sentence says how.
    """

    def __init__(self, target: BenchTarget | None, threads: int, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gantools.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            encoding="utf-8",
        )
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._answer()
            self.python_ms = (time.perf_counter() - started) * 1000
            self.opened: dict[str, Any] = self._open(target, threads)
        except BaseException:
            self.close()
            raise

    def _open(self, target: BenchTarget | None, threads: int) -> Any:
        if target is None:
            return self.ask("product", size=_PRODUCT)
        words = target.to_words() | {"backend_used": target.backend, "device_used": target.device}
        return self.ask("open", target=words, threads=threads)

    def ask(self, do: str, **arguments: Any) -> Any:
        """Have something done there. Raises BackendError with the reason if it failed."""
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise BackendError(self._death()) from None
        answer = self._answer()
        if "failed" in answer:
            raise BackendError(answer["failed"])
        return answer["done"]

    def cold(self, first_call_ms: float) -> ColdStart:
        """From the start of the process to its first call."""
        told = self.opened
        return ColdStart(
            python_ms=self.python_ms,
            import_ms=told["import_ms"],
            load_ms=told["load_ms"],
            first_call_ms=first_call_ms,
        )

    def memory(self) -> Memory:
        """Since the last warm-up began."""
        return Memory.model_validate(self.ask("memory"))

    def energy(self, batch: int, seconds: float) -> Energy | None:
        """Of so many seconds of calls."""
        told = self.ask("energy", batch=batch, seconds=seconds)
        return None if told is None else Energy.model_validate(told)

    def attest(self) -> Attestation | None:
        """What it computes in; None where the runtime does not tell."""
        told = self.ask("attest")
        return None if told is None else Attestation.model_validate(told)

    def scenario(self, plan: Any, name: str) -> ScenarioResult:
        """One run of the load generator."""
        return ScenarioResult.model_validate(self.ask("scenario", plan=plan.model_dump(), name=name))

    def stop(self) -> None:
        """Keep it from running at all until it is told to go on."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After ``stop``."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process. A second call does nothing."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._answers.put(line)
        self._answers.put("")

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=self._patience_seconds)
        except queue.Empty:
            self._process.kill()
            raise BackendError(f"its process said nothing for {self._patience_seconds:g} s and was ended.") from None
        if not line:
            raise BackendError(self._death())
        found: dict[str, Any] = json.loads(line)
        return found

    def _death(self) -> str:
        """How the process ended, with the last thing it said."""
        code = self._process.wait(_LEAVE_SECONDS)
        how = f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        return f"its process {how}{f': {lines[-1][:200]}' if lines else '.'}"


class WorkerRunner:
    """A ``Runner`` of a variant at a batch size, in its process."""

    def __init__(self, worker: Worker, batch: int) -> None:
        self._worker, self._batch = worker, batch

    def warm_up(self, plan: BenchPlan) -> WarmUp:
        """As ``Runner``."""
        return WarmUp(*self._worker.ask("warm_up", batch=self._batch, plan=plan.model_dump()))

    def block(self, calls: int, lead_in_calls: int, lead_in_ms: float, gap_ms: float) -> list[float]:
        """As ``Runner``."""
        how = {"calls": calls, "lead_in_calls": lead_in_calls, "lead_in_ms": lead_in_ms, "gap_ms": gap_ms}
        values: list[float] = self._worker.ask("block", batch=self._batch, **how)
        return values
