"""An image in parts that overlap, and one image of what became of them. Numbers only: nothing here runs a graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Cut:
    """A stretch of an axis, in pixels of the input.

    Attributes:
        start: Where the part begins that is computed.
        first: Where the pixels begin that are kept of it.
        last: Where they end.
    """

    start: int
    first: int
    last: int


@dataclass(frozen=True)
class Tiling:
    """How images are cut.

    Attributes:
        size: Height and width of a part, with its overlap, in pixels of the input.
        halo: Pixels on each side inside the image that are computed and not kept.
        align: Parts begin at multiples of it.
    """

    size: tuple[int, int]
    halo: int
    align: int = 1

    def cuts(self, height: int, width: int) -> Iterator[tuple[Cut, Cut]]:
        """The parts of an image, row by row. No part leaves the image, and every pixel is kept of exactly one."""
        for row in cuts(height, self.size[0], self.halo, self.align):
            for column in cuts(width, self.size[1], self.halo, self.align):
                yield row, column


def cuts(length: int, size: int, halo: int, align: int = 1) -> list[Cut]:
    """Cut an axis into parts of one size; what is not larger than a part is one part.

    Args:
        length: Of the axis. A multiple of ``align``, as is ``size``.
        size: Of a part; more than two halos.
        halo: Of a part, where the image goes on.
        align: Parts begin at multiples of it.

    Raises:
        ValueError: The parts are too small for their halos.
    """
    if size >= length:
        return [Cut(0, 0, length)]
    step = (size - 2 * halo) // align * align
    if step < 1:
        raise ValueError(f"parts of {size} pixels are nothing but halos of {halo}")
    starts = [*range(0, length - size, step), length - size]
    borders = [0, *(start + halo for start in starts[1:]), length]
    return [Cut(start, borders[place], borders[place + 1]) for place, start in enumerate(starts)]
