"""What happened in a run, for people: ``events.jsonl``, ``environment.json`` and what the watcher is told."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric

from gantools.core.atomic import write_atomic
from gantools.core.events import Note, OnEvent
from gantools.core.optional import installed_versions
from gantools.train.checkpoint import Origin

EVENTS, ENVIRONMENT, HELD_OUT = "events.jsonl", "environment.json", "held_out.txt"
_LIBRARIES = ("gantools", "torch", "lightning-fabric", "numpy", "onnxruntime", "pillow", "safetensors")

Kind = Literal["begin", "resume", "choice", "saved", "warning", "roll-back", "stop", "end"]


class Story:
    """Tells what happens, and writes it down.

    Args:
        run: The run folder.
        on_event: Who watches.
    """

    def __init__(self, run: Path, on_event: OnEvent) -> None:
        self._path, self._on_event = run / EVENTS, on_event
        run.mkdir(parents=True, exist_ok=True)

    def tell(self, kind: Kind, step: int, text: str, *, attempt: int = 0, aloud: bool = True, **figures: Any) -> None:
        """Write down an event.

        Args:
            kind: What sort it is.
            step: Finished steps.
            text: One sentence.
            attempt: How often the training went back before.
            aloud: Whether the watcher is told, too.
            figures: What belongs to it.
        """
        when = datetime.now(UTC).isoformat(timespec="seconds")
        line = {"time": when, "step": step, "attempt": attempt, "kind": kind, "text": text, **figures}
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if aloud:
            self._on_event(Note(text, "warning" if kind in ("warning", "roll-back", "stop") else "info"))

    def begin(self, run: Path, fabric: Fabric, step: int, attempt: int) -> None:
        """Write down where the training runs. Another environment than in the beginning is worth a warning."""
        now, path = _environment(fabric), run / ENVIRONMENT
        if step == 0 and attempt == 0:
            write_atomic(path, (json.dumps(now, indent=2) + "\n").encode())
            self.tell("begin", step, "the training begins", aloud=False, environment=now)
            return
        self.tell(
            "resume", step, f"the training goes on after step {step}", attempt=attempt, aloud=False, environment=now
        )
        try:
            before = json.loads(path.read_text())
        except (OSError, ValueError):
            return
        changed = [f"{key} was {before.get(key)}, is {value}" for key, value in now.items() if before.get(key) != value]
        if changed:
            text = f"the run is not where it began, so its bits may differ: {'; '.join(changed)}"
            self.tell("warning", step, text, attempt=attempt)

    def start_from(self, origin: Origin) -> None:
        """Write down which nets are those of another training."""
        text = f"{', '.join(origin.nets)} from '{origin.source}', step {origin.step}, digest {origin.digest[:12]}"
        self.tell("begin", 0, f"the training begins with {text}", origin=origin.model_dump(mode="json"))

    def hold_out(self, lines: Sequence[str], learned: int, step: int, what: str, figure: str) -> None:
        """Write down what is not learned from: how many, and which, a line each, in ``held_out.txt``.

        Args:
            lines: The texts, or the names of clips.
            learned: How many are learned from.
            step: Finished steps.
            what: What they are.
            figure: Which figure is of them.
        """
        path = self._path.with_name(HELD_OUT)
        if not path.exists():
            write_atomic(path, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
        total = len(lines) + learned
        share = f"{len(lines)} of {total} {what} ({len(lines) / total:.1%})"
        self.tell("choice", step, f"{share} are held out, in {HELD_OUT}: {figure} is of them")


def _environment(fabric: Fabric) -> dict[str, Any]:
    """What a training's bits and speed depend on besides its recipe and data. No names of hosts, users or paths."""
    device = torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else _processor()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "device": device,
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": fabric.world_size,
        **installed_versions(_LIBRARIES),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
