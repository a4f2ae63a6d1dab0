"""One training of a benchmark in a process of its own, with one thread: what scripts that train many have in common."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gantools.timing.environment import LoadWatch, environment


def train_alone(words: Sequence[str], folder: Path, jobs: int) -> dict[str, Any] | None:
    """Run this very script again, and take the JSON document that it prints.

    Args:
        words: Its arguments.
        folder: Where what it says on stderr goes, as ``log.txt``.
        jobs: How many such processes run side by side.

    Returns:
        The document, with the load and the environment of the machine; none: it failed, which is said.
    """
    watch = LoadWatch()
    with (folder / "log.txt").open("w") as log:
        done = subprocess.run(
            [sys.executable, sys.argv[0], *words],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    if done.returncode:
        print(f"{folder.name}: failed, see {folder / 'log.txt'}", file=sys.stderr)
        return None
    load = {"jobs": jobs, **watch.stop().model_dump()}
    return {**json.loads(done.stdout), "load": load, "environment": environment().model_dump()}
