"""Engines that were compiled before, found by what they were compiled of. Compiling takes minutes, a copy does not.

The name of a file is the digest of everything that the engine depends on, so nothing is ever overwritten or out of
date. Each holds the digest of its content, and is looked at before it is used. Of several processes that want the same
engine one compiles, and the others wait for it; the lock goes with its process, even if that is killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gantools.core.events import Note, OnEvent, ignore
from gantools.core.kept import kept_path, read_kept, write_kept
from gantools.core.optional import require

BOUND_BYTES = 8 * 1024**3
_SUFFIX = ".engine"


def compiled_once(
    facts: Mapping[str, Any], compile_it: Callable[[], bytes], on_event: OnEvent = ignore, *, bound: int = BOUND_BYTES
) -> bytes:
    """An engine from the store, or a new one that is kept there.

    Args:
        facts: Everything that the engine depends on, as JSON can hold it: graph, options, library, device.
        compile_it: Makes it.
        on_event: Who watches.
        bound: Bytes to keep; the least recently used engines go first.

    Returns:
        The engine. A store that cannot be read or written only costs time.
    """
    path = kept_path("engines", facts, _SUFFIX)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        on_event(Note(f"the engine is not kept for the next time: {err}", "warning"))
        return compile_it()
    with locked(path):
        found = read_kept(path, "its engine is compiled again", on_event)
        if found is None:
            found = compile_it()
            write_kept(path, found, "the engine is", on_event, bound=bound)
    return found


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """While the block runs, no other process has the lock of this file. The folder is there."""
    filelock = require("filelock", extra="optimize", why="to compile an engine once")
    with filelock.FileLock(path.with_suffix(".lock")):
        for rest in path.parent.glob(f".{path.name}.*.partial"):  # of a process that was killed while writing
            rest.unlink(missing_ok=True)
        yield
