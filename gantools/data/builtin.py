"""Image sets that come with a dependency, for first trainings and tests without a download."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gantools.core.optional import require
from gantools.core.registry import Table
from gantools.data.sources import Entry

BUILTIN: Table[Callable[[], list[Entry]]] = Table("built-in image set", {"digits": "gantools.data.builtin:digits"})


def digits() -> list[Entry]:
    """The 1797 handwritten digits of the UCI set that scikit-learn ships: real scans, 8x8 grey, values 0..16.

    Each becomes a PGM file in memory, a format whose bytes are the same on every machine, so the digest is too.
    """
    datasets = require("sklearn.datasets", extra="data", why="for 'builtin:digits'")
    scans = datasets.load_digits().images  # (1797, 8, 8) float64, 0..16
    pixels = np.rint(scans * (255 / 16)).astype(np.uint8)
    return [
        Entry(f"{number:04d}.pgm", _constant(b"P5 8 8 255\n" + scan.tobytes())) for number, scan in enumerate(pixels)
    ]


def _constant(content: bytes) -> Callable[[], bytes]:
    return lambda: content
