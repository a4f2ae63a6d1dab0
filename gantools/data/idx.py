"""idx files, the format of MNIST and its kin (LeCun, Cortes, Burges): a head that says the shape, then raw bytes.

The head is two zero bytes, 8 for uint8, the number of axes, and each axis as four bytes, the most significant first.
Labels lie beside the images, in ``train-labels-idx1-ubyte`` for ``train-images-idx3-ubyte``. Either may end in ``.gz``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from gantools.core.errors import DataError
from gantools.data.arrays import ArraySource, Integers, no_folders, opened_packed

_MAGIC = b"\0\0\x08"
_MOST_AXES = 4
_MOST_LABELS = 2**30
_DAMAGED = (OSError, EOFError, struct.error, zlib.error)


def is_idx(path: Path) -> bool:
    """Whether a file, packed or not, begins like one of idx images."""
    try:
        with opened_packed(path) as stream:
            begin = stream.read(4)
    except _DAMAGED:
        return False
    return begin[:3] == _MAGIC and begin[3:] in (b"\3", b"\4")


def open_idx(path: Path, inside: str, stack: ExitStack) -> ArraySource:  # noqa: ARG001 - nothing to close
    """Grey images (idx3), or images with channels last (idx4)."""
    no_folders(path, inside)
    beside = _labels_beside(path)

    def numbers() -> tuple[Integers, tuple[str, ...]]:
        if beside is None:
            raise ValueError("not called without labels")
        return _read_labels(beside), ()

    return ArraySource(
        path,
        _shape(path, "images"),
        lambda: _after_head(path),
        numbers if beside else None,
        f"put '{_labels_name(path.name)}' beside it",
    )


def _labels_name(name: str) -> str:
    return name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")


def _labels_beside(path: Path) -> Path | None:
    name = _labels_name(path.name)
    names = (name, name.removesuffix(".gz"), f"{name}.gz")
    return next((path.with_name(one) for one in names if one != path.name and path.with_name(one).is_file()), None)


def _read_labels(path: Path) -> Integers:
    shape = _shape(path, "labels")
    try:
        with _after_head(path) as stream:
            # One more than there should be: a file that goes on has other labels than its head says.
            content = stream.read(min(shape[0], _MOST_LABELS) + 1)
    except _DAMAGED as err:
        raise DataError(f"'{path}' is damaged: {err}.", hint="download it again") from err
    if len(shape) != 1 or len(content) != shape[0]:
        more = " or more" if len(content) > shape[0] else ""
        raise DataError(f"'{path}' holds {len(content)} labels{more}, its head says {shape}.", hint="download it again")
    return np.frombuffer(content, np.uint8)


def _shape(path: Path, what: str) -> tuple[int, ...]:
    try:
        with opened_packed(path) as stream:
            return _head(stream)
    except _DAMAGED as err:
        raise DataError(f"'{path}' cannot be read as idx {what}: {err}.", hint="download it again") from err


def _head(stream: IO[bytes]) -> tuple[int, ...]:
    begin = stream.read(4)
    if len(begin) < 4 or begin[:3] != _MAGIC or not 1 <= begin[3] <= _MOST_AXES:
        raise EOFError(f"it begins with {begin.hex() or 'nothing'}, expected 000008 and the number of axes")
    return struct.unpack(f">{begin[3]}I", stream.read(4 * begin[3]))


@contextmanager
def _after_head(path: Path) -> Iterator[IO[bytes]]:
    with opened_packed(path) as stream:
        _head(stream)
        yield stream
