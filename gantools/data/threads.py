"""Work on many images at once. Decoders and digests free the interpreter lock, so threads are enough."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gantools.core.events import OnEvent, Progress

CHUNK = 256  # images between two progress events, and the most that wait in memory
GROUP = 32  # images handed to a thread at once: handing over costs as much as a tiny image

S = TypeVar("S")
T = TypeVar("T")


def in_threads(work: Callable[[S], T], things: Sequence[S], stage: str, on_event: OnEvent) -> Iterator[T]:
    """``work`` of every thing, in order."""

    def of_group(first: int, end: int) -> list[T]:
        return [work(thing) for thing in things[first:end]]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(things), CHUNK):
            firsts = range(start, min(start + CHUNK, len(things)), GROUP)
            ends = [min(first + GROUP, start + CHUNK) for first in firsts]
            for done in pool.map(of_group, firsts, ends):
                yield from done
            on_event(Progress(stage, min(start + CHUNK, len(things)), len(things), "images"))
