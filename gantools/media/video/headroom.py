"""Brightness below black and above white, for which limited range has room and RGB has none.

Cameras write highlights above 235 of 255, and borders of films may lie below 16. A network that takes RGB sees both cut
off, and what it makes has them at black and white. Here they are put back, where they still are black and white.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

_BLACK, _WHITE = 16, 235  # of 8 bits (Rec. ITU-R BT.601, BT.709); deeper formats have multiples
_NEAR = 2  # levels of 8 bits: so much a network may have changed what is still black or white
_MIDDLE = 128

Brightness = npt.NDArray[Any]


def lost_in_rgb(picture: Any, back: Callable[[], Any]) -> Brightness | None:
    """How much brighter or darker the pixels of a frame are that RGB cannot hold.

    Args:
        picture: PyAV's frame, of limited range.
        back: Makes it anew of what RGB holds of it.

    Returns:
        (height, width) int16 in levels of 8 bits, 0 between black and white; none: nothing is lost.
    """
    stored = brightness(picture)
    if stored is None:
        return None
    unit = _unit(picture)
    outside = (stored < _BLACK * unit) | (stored > _WHITE * unit)
    if not outside.any():
        return None
    again = brightness(back())
    assert again is not None
    difference = np.rint((stored.astype(np.int32) - again) / unit).clip(-_MIDDLE + 1, _MIDDLE - 1)
    return np.where(outside, difference, 0).astype(np.int16)


def put_back(picture: Any, lost: Brightness, enlarge: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]) -> None:
    """Give a frame what ``lost_in_rgb`` found, in place, wherever it is as black or as white as it was.

    Args:
        picture: PyAV's frame, of limited range, maybe larger than ``lost``.
        lost: Of the frame that it is made of.
        enlarge: Makes a grey picture as large as ``picture``.
    """
    stored = brightness(picture)
    if stored is None:
        return
    unit = _unit(picture)
    large = enlarge((lost + _MIDDLE).astype(np.uint8)).astype(np.int32) - _MIDDLE
    black = (large < 0) & (stored <= (_BLACK + _NEAR) * unit)
    white = (large > 0) & (stored >= (_WHITE - _NEAR) * unit)
    changed = (stored + large * unit).clip(0, 256 * unit - 1)
    np.copyto(stored, changed.astype(stored.dtype), where=black | white)


def brightness(picture: Any) -> Brightness | None:
    """The plane of brightness, (height, width) uint8 or uint16, as it lies in the frame; none: it is not by itself."""
    if not picture.format.name.startswith(("yuv4", "nv12")):
        return None
    plane = picture.planes[0]
    rows = np.frombuffer(plane, np.uint8 if picture.format.components[0].bits == 8 else np.uint16)
    return rows.reshape(plane.height, -1)[:, : plane.width]


def _unit(picture: Any) -> int:
    """What a level of 8 bits is."""
    unit: int = 1 << (picture.format.components[0].bits - 8)
    return unit
