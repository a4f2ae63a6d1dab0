"""Frames with more or less at their edges, as they are stored: no pixel that is kept changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gantools.core.optional import require


def fitted(picture: Any, width: int, height: int) -> Any:
    """A frame of this size: rows and columns are cut off below and on the right, or the last ones repeated.

    Args:
        picture: PyAV's frame, in any format whose samples lie in rows of whole bytes.
        width: In pixels.
        height: In pixels.
    """
    if (picture.width, picture.height) == (width, height):
        return picture
    av: Any = require("av", extra="video", why="to write videos")
    made = av.VideoFrame(width, height, picture.format.name)
    for number, (old, new) in enumerate(zip(picture.planes, made.planes, strict=True)):
        size = _sample_bytes(picture.format, number)
        there, rows = _rows(old, size), _rows(new, size)
        kept = there[: len(rows), : rows.shape[1]]
        more = [(0, wanted - found) for wanted, found in zip(rows.shape, kept.shape, strict=True)]
        rows[:] = np.pad(kept, more, "edge")
    return made


def _sample_bytes(kind: Any, plane: int) -> int:
    """Bytes that belong together in a plane: a component, or all those that lie side by side."""
    of_plane = [part for part in kind.components if part.plane == plane]
    if len(of_plane) == len(kind.components):
        return int(kind.padded_bits_per_pixel + 7) // 8
    return sum((part.bits + 7) // 8 for part in of_plane)


def _rows(plane: Any, size: int) -> Any:
    """A view of a plane: (height, width, bytes of a sample)."""
    whole = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return whole[:, : plane.width * size].reshape(plane.height, plane.width, size)
