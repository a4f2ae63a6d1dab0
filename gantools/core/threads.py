"""How urgent the threads of encoders are."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_TASKS = Path("/proc/self/task")


def without_urgent_threads() -> int:
    """Give every real-time thread of this process the usual scheduling again; returns how many there were.

    SVT-AV1 makes its threads real-time where the system lets it, as it does root's in a container. They then stop
    whatever else the machine does: the network that makes the frames, and the user's other programs. Linux alone.
    """
    if not _TASKS.is_dir():
        return 0
    changed = 0
    for task in _TASKS.iterdir():
        with contextlib.suppress(OSError):  # a thread may end meanwhile
            if os.sched_getscheduler(int(task.name)) in (os.SCHED_FIFO, os.SCHED_RR):
                os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))
                changed += 1
    return changed
