"""Files in the user's cache that only save time: engines, timings, kernels.

The name of a file is the digest of everything that its content depends on. Each holds the digest of its content, and is
looked at before it is used. One that is missing, damaged or cannot be written is made again. Where a folder has a
bound, the files that were used least recently make room.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantools.core.atomic import write_atomic
from gantools.core.cache import user_cache
from gantools.core.errors import ArtifactError
from gantools.core.events import Note, OnEvent, ignore


def kept_path(folder: str, facts: Mapping[str, Any], suffix: str) -> Path:
    """Where something is kept.

    Args:
        folder: Folder of the user's cache, such as ``"engines"``.
        facts: Everything that the content depends on, as JSON can hold it.
        suffix: Such as ``".engine"``.
    """
    return user_cache() / folder / (hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest() + suffix)


def read_kept(path: Path, instead: str, on_event: OnEvent = ignore) -> bytes | None:
    """The content; None: there is none, or it was damaged.

    Args:
        path: Of the file.
        instead: What happens to damage, as a clause: ``"its engine is compiled again"``.
        on_event: Who watches; told of damage.
    """
    try:
        framed = path.read_bytes()
    except OSError:
        return None
    digest, _, content = framed.partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        on_event(Note(f"'{path}' was damaged, and {instead}", "warning"))
        return None
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(path)
    return content


def write_kept(path: Path, content: bytes, what: str, on_event: OnEvent = ignore, *, bound: int | None = None) -> bool:
    """Write it whole; whether that could be done.

    Args:
        path: Of the file.
        content: To be found by the next one.
        what: In messages: ``"the engine is"``.
        on_event: Who watches; told if it could not be written.
        bound: Bytes that files of this suffix may take in this folder; the least recently used go first.
    """
    try:
        write_atomic(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        if bound is not None:
            _make_room(path, bound)
    except (ArtifactError, OSError) as err:
        on_event(Note(f"{what} not kept for the next time: {err}", "warning"))
        return False
    return True


def _make_room(path: Path, bound: int) -> None:
    kept = 0
    for file in sorted(path.parent.glob(f"*{path.suffix}"), key=lambda file: file.stat().st_mtime, reverse=True):
        kept += file.stat().st_size
        if kept > bound and file != path:
            file.unlink(missing_ok=True)
