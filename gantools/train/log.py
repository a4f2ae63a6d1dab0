"""What a run leaves for people: ``log.jsonl``, TensorBoard files, sample grids, and progress events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch.utils.tensorboard.writer import SummaryWriter

from gantools.core.atomic import write_atomic
from gantools.core.events import OnEvent, Progress
from gantools.media.grid import image_grid, save_grid

LOG = "log.jsonl"


class Log:
    """The log of a run. Lines beyond ``start`` are of steps that a killed training did not save, and are dropped.

    Args:
        run: The run folder.
        start: Finished steps.
        total: Steps of the whole training.
        on_event: Who watches.
    """

    def __init__(self, run: Path, *, start: int, total: int, on_event: OnEvent) -> None:
        self._run, self._total, self._on_event = run, total, on_event
        _drop_lines_after(run / LOG, start)
        self._lines = (run / LOG).open("a")
        self._board = SummaryWriter(str(run / "tensorboard"), purge_step=start + 1 if start else None)
        self._reported, self._since = start, time.perf_counter()

    def losses(self, step: int, batch: int, means: dict[str, float]) -> None:
        """Report mean loss terms and the speed since the last report."""
        now = time.perf_counter()
        rate = (step - self._reported) * batch / (now - self._since)
        self._reported, self._since = step, now
        self.values(step, {**means, "images/s": rate})
        self._on_event(Progress("train", step, self._total, values={"images/s": rate, **means}))

    def values(self, step: int, values: dict[str, float]) -> None:
        """Write figures of a step."""
        self._lines.write(json.dumps({"step": step, **values}) + "\n")
        self._lines.flush()
        for name, value in values.items():
            self._board.add_scalar(name.replace(".", "/"), value, step)

    def grid(self, step: int, images: npt.NDArray[np.uint8], metadata: dict[str, str]) -> None:
        """Save samples (n, height, width, channels) uint8 as a picture."""
        save_grid(self._run / "samples" / f"step-{step:08d}.png", images, metadata=metadata)
        self._board.add_image("samples", image_grid(images), step, dataformats="HWC")

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


def _drop_lines_after(path: Path, step: int) -> None:
    """Keep whole lines of steps up to ``step``; a kill may have cut the last one."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError):
            continue
    write_atomic(path, "".join(kept).encode())
