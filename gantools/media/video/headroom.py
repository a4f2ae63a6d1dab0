"""Brightness that RGB has no room for: below black and above white, and of colours that no screen shows.

Cameras write highlights above 235 of 255, borders of films may lie below 16, and there are many more triples of
brightness and colour than there are of red, green and blue. A network that takes RGB sees them cut off, and what it
makes has them so. Here they are put back, where the network left them about as it saw them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

_LEAST = 0.001  # mean square in levels, 78 dB: a few pixels of a frame, which take as long to put back as many
_ROUNDING = 1  # level of 8 bits, by which conversions differ where nothing is cut off
_NEAR = 8  # levels by which a network may have changed what is put back; a style changes more
_MIDDLE = 128

Brightness = npt.NDArray[Any]


def lost_in_rgb(picture: Any, back: Callable[[], Any]) -> tuple[Brightness, Brightness] | None:
    """How much brighter or darker the pixels of a frame are that RGB cannot hold.

    Args:
        picture: PyAV's frame.
        back: Makes it anew of what RGB holds of it.

    Returns:
        (height, width) int16, what is lost, 0 where nothing is, and (height, width) uint8, the brightness of what RGB
        holds; both in levels of 8 bits. None: nothing is lost, or next to nothing.
    """
    stored = brightness(picture)
    if stored is None:
        return None
    again = brightness(back())
    assert again is not None
    unit = _unit(picture)
    lost = np.subtract(stored, again, dtype=np.int16 if unit == 1 else np.int32, casting="unsafe")
    if unit > 1:
        lost = ((lost + unit // 2) // unit).astype(np.int16)
    lost[np.abs(lost) <= _ROUNDING] = 0
    lost = lost.clip(1 - _MIDDLE, _MIDDLE - 1)
    if np.square(lost[lost != 0]).sum() < _LEAST * lost.size:
        return None
    return lost, (again // unit).astype(np.uint8)


def put_back(
    picture: Any,
    lost: Brightness,
    seen: Brightness,
    enlarge: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]],
) -> None:
    """Give a frame what ``lost_in_rgb`` found, in place, wherever it is about as bright as what the network was given.

    Args:
        picture: PyAV's frame, maybe larger than ``lost``.
        lost: Of the frame that it is made of.
        seen: The brightness of that in RGB.
        enlarge: Makes a grey picture as large as ``picture``.
    """
    stored = brightness(picture)
    if stored is None:
        return
    unit = _unit(picture)
    large = enlarge((lost + _MIDDLE).astype(np.uint8))
    where = np.nonzero(large != _MIDDLE)  # few, as a rule
    now, was = stored[where].astype(np.int32), unit * enlarge(seen)[where].astype(np.int32)
    more = unit * (large[where].astype(np.int32) - _MIDDLE)
    left = np.abs(now - was) <= _NEAR * unit
    stored[where] = np.where(left, (now + more).clip(0, 256 * unit - 1), now).astype(stored.dtype)


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
