"""What TensorRT timed in earlier builds: it tries kernels of every layer on the GPU, and knows some from then.

One file for each library, version and machine. Builders that run at the same time add to it in turn, so that none loses
what another has timed. TensorRT-RTX times nothing when it compiles: its own timing caches are empty, and deprecated.

Not run on a GPU: tested with a stand-in for the library.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gantools.core.events import Note, OnEvent, ignore
from gantools.core.kept import kept_path, read_kept, write_kept
from gantools.optimize.targets.store import locked

_AGAIN = "all kernels are timed again"


@contextlib.contextmanager
def kept_timings(config: Any, library: tuple[str, str], machine: str, on_event: OnEvent = ignore) -> Iterator[None]:
    """While the block builds, the builder knows what was timed before; after it, the next one knows more.

    Args:
        config: The builder's.
        library: Name and version.
        machine: GPU and driver.
        on_event: Who watches. Timings that cannot be read, are refused or cannot be written only cost time.
    """
    path = kept_path("timings", {"library": library, "machine": machine}, ".timings")
    cache = _cache(config, path, on_event)
    if cache is not None and not config.set_timing_cache(cache, False):
        on_event(Note(f"'{path}' is refused by {' '.join(library)}, and {_AGAIN}", "warning"))
        cache = config.create_timing_cache(b"")
        if cache is not None and not config.set_timing_cache(cache, False):
            cache = None
    yield
    if cache is not None:
        _add(config, cache, path, on_event)


def _cache(config: Any, path: Path, on_event: OnEvent) -> Any:
    """What is in the file, or an empty one."""
    content = read_kept(path, _AGAIN, on_event)
    cache = config.create_timing_cache(content or b"")
    if cache is None and content:
        on_event(Note(f"'{path}' cannot be read by this TensorRT, and {_AGAIN}", "warning"))
        cache = config.create_timing_cache(b"")
    return cache


def _add(config: Any, cache: Any, path: Path, on_event: OnEvent) -> None:
    """Put the timings of a build to those that are in the file by now."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        on_event(Note(f"timings are not kept for the next time: {err}", "warning"))
        return
    with locked(path):
        found = read_kept(path, "those of this build take its place", on_event)
        others = config.create_timing_cache(found) if found else None
        if others is not None:
            cache.combine(others, False)
        content = bytes(cache.serialize())
        if content != found:
            write_kept(path, content, "timings are", on_event)
