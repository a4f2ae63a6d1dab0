"""Memory on the CPU that one step gives back and the next one asks for again.

The C library returns large blocks to the system at once, and the system hands out new ones page by page, each cleared
to zero when it is first touched. A training's activations are such blocks, and the same ones in every step: up to a
fifth of its time goes into clearing pages that are then overwritten.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Of glibc's malloc.h: when memory at the end of the heap is given back, and how many blocks lie outside of the heap.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER, _NONE = -1, 0
_TRIM_DEFAULT, _MMAP_DEFAULT = 128 * 1024, 65536


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within, this process keeps what it frees, and uses it again. Afterwards all of it is given back.

    Does nothing where the C library is not glibc. The most memory that a training needs stays about what it was.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(_TRIM_THRESHOLD, _NEVER)
    library.mallopt(_MMAP_MAX, _NONE)
    try:
        yield
    finally:
        library.mallopt(_TRIM_THRESHOLD, _TRIM_DEFAULT)
        library.mallopt(_MMAP_MAX, _MMAP_DEFAULT)
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
