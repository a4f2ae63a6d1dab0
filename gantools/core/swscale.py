"""Frames of a film in other colours, ranges and sizes: libswscale, told all that it would guess or round wrongly.

By itself it takes every film for BT.601, and loses a level of brightness and more on the way to an encoder and back,
which a network would learn to add.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.optional import require

# As in ISO/IEC 23091-2; for libswscale 5 is BT.601, and 6, which is the same matrix, is unknown.
RGB, BT709, UNSPECIFIED, BT470BG, BT601 = 0, 1, 2, 5, 6
LIMITED, FULL = 1, 2
# Matrices that it knows; others, such as YCgCo, come out in the one that players guess.
KNOWN = {BT709, 4, BT470BG, BT601, 7, 9}


def guessed_matrix(width: int, height: int) -> int:
    """What players take an untagged film for: BT.601 up to standard definition, else BT.709."""
    return BT709 if width >= 1280 or height > 576 else BT601


def swscale_matrix(matrix: int, width: int, height: int) -> int:
    """A matrix as libswscale counts; the one that is guessed by size where there is none that it knows."""
    found = matrix if matrix in KNOWN else guessed_matrix(width, height)
    return BT470BG if found == BT601 else found


def meant_range(picture: Any, range_: int = 0) -> int:
    """The range of a decoded frame: its tag, else ``range_``, else what its format says, else limited."""
    found: int = picture.color_range or range_ or (FULL if picture.format.name.startswith("yuvj") else LIMITED)
    return found


def converted(
    picture: Any, pixels: str, from_matrix: int, from_range: int, matrix: int, range_: int, **size: int
) -> Any:
    """A frame of PyAV in another format, range or size, by bicubic interpolation, rounded to the nearest.

    Args:
        picture: The frame.
        pixels: FFmpeg's name of the format.
        from_matrix: Of the frame, as libswscale counts.
        from_range: ``LIMITED`` or ``FULL``. Of grey and of RGB it counts as full, whatever is said here.
        matrix: What it should have.
        range_: What it should have.
        size: ``width`` and ``height``, where they change.

    Raises:
        MissingDependencyError: PyAV is not installed.
    """
    av: Any = require("av.video.reformatter", extra="video", why="to convert colours")
    how = av.Interpolation
    return picture.reformat(
        format=pixels,
        src_colorspace=from_matrix,
        src_color_range=from_range,
        dst_colorspace=matrix,
        dst_color_range=range_,
        interpolation=how.BICUBIC | how.FULL_CHR_H_INT | how.FULL_CHR_H_INP | how.ACCURATE_RND,
        **size,
    )


def seen(picture: Any, kind: str, matrix: int, range_: int) -> npt.NDArray[np.uint8]:
    """A decoded frame as it looks, over the full range.

    Args:
        picture: The frame.
        kind: ``rgb24``; or ``gray``: its brightness, by its own matrix.
        matrix: Of the frame, as libswscale counts.
        range_: Of the frame.

    Returns:
        (height, width, 3) or (height, width) uint8.
    """
    if kind == "gray":
        # Its own grey would be that of BT.601, to which a film of BT.709 goes by way of RGB: another brightness.
        plane = converted(picture, "yuv420p", matrix, range_, matrix, FULL).planes[0]
        return np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width].copy()
    pixels: npt.NDArray[np.uint8] = converted(picture, kind, matrix, range_, UNSPECIFIED, FULL).to_ndarray()
    return pixels
