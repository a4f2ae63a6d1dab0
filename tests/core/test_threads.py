"""Encoders do not stop what else the machine does."""

import os
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from gantools.core.threads import without_urgent_threads
from gantools.media.video.encoder import Encoder, Settings
from gantools.media.video.source import Colours

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="threads are looked at through /proc")


def urgent() -> list[int]:
    tasks = [int(path.name) for path in Path("/proc/self/task").iterdir()]
    return [task for task in tasks if os.sched_getscheduler(task) != os.SCHED_OTHER]


@LINUX
def test_threads_that_are_real_time_become_usual_ones() -> None:
    ready, over = threading.Event(), threading.Event()
    refused = []

    def work() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            refused.append(True)
        ready.set()
        over.wait()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    try:
        if refused:
            pytest.skip("this user may not have real-time threads, so no encoder does")
        assert thread.native_id in urgent()
        assert without_urgent_threads() >= 1
        assert thread.native_id not in urgent()
    finally:
        over.set()
        thread.join()


@LINUX
def test_an_open_encoder_has_none() -> None:
    settings = Settings(
        codec="libsvtav1",
        options=(("crf", "50"), ("preset", "12")),
        width=64,
        height=64,
        pixels="yuv420p",
        time_base=Fraction(1, 25),
        rate=Fraction(25),
        aspect=None,
        colours=Colours(),
        headers_apart=False,
    )
    encoder = Encoder(settings)
    tasks = list(Path("/proc/self/task").iterdir())
    assert len(tasks) > threading.active_count(), "the encoder has threads of its own"
    container: Any = av
    count = 0
    for number in range(20):
        frame = container.VideoFrame(64, 64, "yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        count += len(list(encoder.packets(frame, 1)))
    assert urgent() == []
    assert count + len(list(encoder.rest())) == 20
