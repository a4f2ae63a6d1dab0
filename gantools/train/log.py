"""The figures and pictures of a run: ``log.jsonl``, TensorBoard files, sample grids, and progress events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch.utils.tensorboard.writer import SummaryWriter

from gantools.core.atomic import write_atomic
from gantools.core.events import OnEvent, Progress
from gantools.media.grid import image_grid, save_grid

LOG, SAMPLES = "log.jsonl", "samples"


class Log:
    """The log of a run. Lines beyond ``start`` are of steps that a killed training did not save, and are dropped.

    When a training goes back to an earlier step, what it did before stays: lines of the new attempt have its number,
    and TensorBoard and the pictures keep attempts apart.

    Args:
        run: The run folder.
        start: Finished steps.
        attempt: How often the training went back.
        total: Steps of the whole training.
        on_event: Who watches.
    """

    def __init__(self, run: Path, *, start: int, attempt: int = 0, total: int, on_event: OnEvent) -> None:
        self._run, self._total, self._on_event = run, total, on_event
        _drop_lines_after(run / LOG, start, attempt)
        self._lines = (run / LOG).open("a")
        self._begin(start, attempt)

    def go_back(self, step: int, attempt: int) -> None:
        """What comes belongs to a new attempt, which begins after ``step`` finished steps."""
        self._board.close()
        self._begin(step, attempt)

    def _begin(self, start: int, attempt: int) -> None:
        folder = self._run / "tensorboard" / (f"attempt-{attempt}" if attempt else "")
        self._board = SummaryWriter(str(folder), purge_step=start + 1 if start else None)
        self._attempt = attempt
        self._reported, self._since = start, time.perf_counter()

    def losses(self, step: int, batch: int, means: dict[str, float], *, learning_rate: float) -> None:
        """Report mean loss terms, and the speed since the last report."""
        now = time.perf_counter()
        rate = (step - self._reported) * batch / max(now - self._since, 1e-9)
        self._reported, self._since = step, now
        self.values(step, {**means, "samples/s": rate, "learning_rate": learning_rate})
        self._on_event(Progress("train", step, self._total, values={"samples/s": rate, **means}))

    def values(self, step: int, values: dict[str, float]) -> None:
        """Write figures of a step."""
        numbered = {"attempt": self._attempt} if self._attempt else {}
        self._lines.write(json.dumps({"step": step, **numbered, **values}) + "\n")
        self._lines.flush()
        for name, value in values.items():
            self._board.add_scalar(name.replace(".", "/"), value, step)

    def grid(
        self, step: int, images: npt.NDArray[np.uint8], metadata: dict[str, str], columns: int | None = None
    ) -> None:
        """Save samples (n, height, width, channels) uint8 as a picture."""
        again = f"-attempt-{self._attempt}" if self._attempt else ""
        save_grid(self._run / SAMPLES / f"step-{step:08d}{again}.png", images, metadata=metadata, columns=columns)
        self._board.add_image("samples", image_grid(images, columns=columns), step, dataformats="HWC")

    def texts(self, step: int, lines: list[str]) -> None:
        """Save samples, one a line."""
        again = f"-attempt-{self._attempt}" if self._attempt else ""
        path = self._run / SAMPLES / f"step-{step:08d}{again}.txt"
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, "".join(f"{line}\n" for line in lines).encode())
        self._board.add_text("samples", "\n\n".join(lines), step)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens within is not training and does not count in the speed."""
        started = time.perf_counter()
        yield
        self._since += time.perf_counter() - started

    def close(self) -> None:
        """Write what is buffered."""
        self._lines.close()
        self._board.close()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file of JSON objects with a ``step``; a kill may have cut the last one."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            content = json.loads(line)
            if isinstance(content["step"], int):
                found.append(content)
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _drop_lines_after(path: Path, step: int, attempt: int) -> None:
    """Keep the lines of earlier attempts, and those of this one up to ``step``."""
    if path.exists():
        lines = [line for line in read_lines(path) if (line.get("attempt", 0), line["step"]) <= (attempt, step)]
        write_atomic(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
