"""Image sets that come with a dependency, for first trainings and tests without a download."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from gantools.core.optional import require
from gantools.core.registry import Table
from gantools.data.files import FileSource, Unit
from gantools.data.sources import Entry

BUILTIN: Table[Callable[[], list[Entry]]] = Table("built-in image set", {"digits": "gantools.data.builtin:digits"})


def open_builtin(name: str, stack: ExitStack) -> FileSource:  # noqa: ARG001 - nothing to close
    """A set of ``BUILTIN`` as a source.

    Raises:
        UnknownNameError: No built-in set has this name.
    """
    return FileSource(f"builtin:{name}", [Unit(name, (), BUILTIN.load(name))])


def digits() -> list[Entry]:
    """The 1797 handwritten digits of the UCI set that scikit-learn ships: real 8x8 scans, values 0..16.

    Each becomes a PGM file in memory, a format whose bytes are the same on every machine, so the digest is too.
    """
    datasets = require("sklearn.datasets", extra="data", why="for 'builtin:digits'")
    loaded = datasets.load_digits()
    pixels = np.rint(loaded.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8) float64, 0..16 before
    return [
        Entry(f"{number:04d}.pgm", _constant(b"P5 8 8 255\n" + scan.tobytes()), str(digit))
        for number, (scan, digit) in enumerate(zip(pixels, loaded.target, strict=True))
    ]


def _constant(content: bytes) -> Callable[[], bytes]:
    return lambda: content
