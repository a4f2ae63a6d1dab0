"""A frame of a clip as metrics see it: its colours, its brightness, and how it moved since the frame before.

What several metrics need is computed when the first one asks. A frame holds the one before it, and that one no other,
so memory does not grow with a clip.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError, first_line
from gantools.core.optional import require

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
# ITU-R BT.601, of components in 0..255 to brightness in 16..235.
_RED, _GREEN, _BLUE, _BLACK = 65.481 / 255, 128.553 / 255, 24.966 / 255, 16.0


class Frame:
    """One frame.

    Args:
        rgb: Gives (height, width, 3) uint8, when somebody asks.
        stored: (height, width) uint8, brightness as it is stored in the file; none: the file stores none in 8 bits, or
            the other file stores it in another way.
        before: The frame before this one; none: this is the first.
    """

    def __init__(self, rgb: Callable[[], Bytes], stored: Bytes | None = None, before: Frame | None = None) -> None:
        self._rgb = rgb
        self._stored = stored
        self.before = before
        if before is not None:
            before.before = None

    @cached_property
    def rgb(self) -> Bytes:
        """(height, width, 3) uint8."""
        return self._rgb()

    @property
    def stored(self) -> Bytes:
        """(height, width) uint8, brightness as it is stored.

        Raises:
            DataError: The files do not store it alike.
        """
        if self._stored is None:
            raise DataError(
                "brightness as it is stored is measured between two videos of 8 bits in one matrix and one range.",
                hint="--metrics psnr,ssim measure the brightness of their colours",
            )
        return self._stored

    @property
    def brightness(self) -> tuple[Bytes, str]:
        """(height, width) uint8, as it is stored where that can be compared, else of the colours; and which it is."""
        return (self._grey, "bt601") if self._stored is None else (self._stored, "stored")

    @cached_property
    def luma(self) -> Doubles:
        """(height, width), the brightness of the colours by BT.601 in 16..235, not rounded."""
        red, green, blue = np.moveaxis(self.rgb.astype(np.float64), -1, 0)
        found: Doubles = _BLACK + _RED * red + _GREEN * green + _BLUE * blue
        return found

    @cached_property
    def flow(self) -> Floats:
        """(height, width, 2), where each pixel was in the frame before: x and y to be added to its own place.

        Dense inverse search, Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
        """
        return _dense_inverse_search(self._grey, self._grey_before)

    @cached_property
    def visible(self) -> npt.NDArray[np.bool_]:
        """(height, width), whether what a pixel shows was to be seen in the frame before.

        It was not where its flow leads out of the picture, where the flow back does not return (Sundaram et al., "Dense
        point trajectories by GPU-accelerated large displacement optical flow", ECCV 2010, equation 5), and where the
        flow has an edge (equation 6); so Lai et al. 2018 and Ruder et al. 2016 decide it.
        """
        flow, (height, width) = self.flow, self._grey.shape
        back = _at(_dense_inverse_search(self._grey_before, self._grey), flow)
        down, across = np.mgrid[:height, :width].astype(np.float32)
        x, y = across + flow[..., 0], down + flow[..., 1]
        inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        length = np.square(flow).sum(-1)
        returns = np.square(flow + back).sum(-1) <= 0.01 * (length + np.square(back).sum(-1)) + 0.5
        slopes = [slope for part in (0, 1) for slope in np.gradient(flow[..., part])]
        smooth = sum(np.square(slope) for slope in slopes) <= 0.01 * length + 0.002
        found: npt.NDArray[np.bool_] = inside & returns & smooth
        return found

    @cached_property
    def farneback(self) -> Floats:
        """(height, width, 2), how each pixel of the frame before moves to this one.

        Farnebäck, "Two-Frame Motion Estimation Based on Polynomial Expansion", 2003, with a pyramid of 3 by 0.5, a
        window of 15, 3 iterations, and neighbourhoods of 5 with a deviation of 1.2.
        """
        cv2: Any = require("cv2", extra="video-metrics", why="to see how pictures move")
        found: Floats = cv2.calcOpticalFlowFarneback(self._grey_before, self._grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)
        return found

    @cached_property
    def _grey(self) -> Bytes:
        found: Bytes = np.rint(self.luma).astype(np.uint8)
        return found

    @property
    def _grey_before(self) -> Bytes:
        if self.before is None:
            raise ValueError("the first frame has none before it")
        return self.before._grey


def change_along(flow: Floats, now: Doubles, before: Doubles) -> Doubles:
    """What a frame shows less what the frame before showed at the places that the flow leads to.

    Args:
        flow: (height, width, 2), see ``Frame.flow``.
        now: (height, width) or (height, width, channels).
        before: Of the same shape.
    """
    found: Doubles = now - _at(before, flow)
    return found


def _at(values: npt.NDArray[Any], flow: Floats) -> npt.NDArray[Any]:
    """Values at the places that a flow leads to, bilinear between pixels."""
    cv2: Any = require("cv2", extra="video-metrics", why="to see how pictures move")
    height, width = flow.shape[:2]
    down, across = np.mgrid[:height, :width].astype(np.float32)
    given = np.ascontiguousarray(values, np.float32)
    border = cv2.BORDER_REPLICATE
    found: npt.NDArray[Any] = cv2.remap(
        given, across + flow[..., 0], down + flow[..., 1], cv2.INTER_LINEAR, borderMode=border
    )
    return found


def _dense_inverse_search(one: Bytes, other: Bytes) -> Floats:
    cv2: Any = require("cv2", extra="video-metrics", why="to see how pictures move")
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    try:
        found: Floats = search.calc(one, other, None)
    except cv2.error as err:
        height, width = one.shape
        raise DataError(
            f"pictures of {width}x{height} pixels are too small to see how they move: {first_line(err)}"
        ) from err
    return found
