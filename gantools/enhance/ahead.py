"""Stages that overlap: each generator runs on a thread of its own, at most a few items ahead of whoever takes them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")
_PATIENCE_S = 0.1  # between two looks at whether anybody still waits


def ahead(items: Iterable[T], depth: int, name: str) -> Generator[T]:
    """The same items, made on another thread while the caller works on those before.

    Whatever the thread raises is raised here. When the caller stops early, the thread ends after the item that it is
    at, and ``items`` is closed.

    Args:
        items: Only the new thread takes them.
        depth: How many may wait. Memory is bounded by it.
        name: Of the thread, for debuggers.
    """
    waiting: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: T | None, error: BaseException | None = None) -> bool:
        while not stopped.is_set():
            try:
                waiting.put((item, error), timeout=_PATIENCE_S)
            except queue.Full:
                continue
            return True
        return False

    def fill() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(None, StopIteration())
        except BaseException as err:  # raised again on the other side
            put(None, err)
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=fill, name=name, daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()
