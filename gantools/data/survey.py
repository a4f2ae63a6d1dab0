"""What lies in a source before anything is resized: how many images, of which sizes and colours."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass

from gantools.core.events import OnEvent, ignore
from gantools.data.sources import open_source

SMALLEST, LARGEST = 8, 64


@dataclass(frozen=True)
class Survey:
    """Of all images of a source.

    Attributes:
        count: Images, broken ones included.
        sizes: (width, height) in pixels -> images.
        modes: Colours, such as ``"L"`` or ``"RGB"`` -> images.
        broken: Images whose header cannot be read; others may turn out to be broken when they are decoded.
    """

    count: int
    sizes: dict[tuple[int, int], int]
    modes: dict[str, int]
    broken: int

    @property
    def resolution(self) -> int:
        """The commonest shorter edge, but no more than is needed to compare images."""
        edges = Counter[int]()
        for size, images in self.sizes.items():
            edges[min(size)] += images
        return min(max(edges.most_common(1)[0][0], SMALLEST), LARGEST) if edges else LARGEST

    @property
    def channels(self) -> int:
        """1 where all images are grey, else 3."""
        return 1 if set(self.modes) <= {"1", "L", "LA", "I", "I;16"} else 3


def survey(source: str, *, on_event: OnEvent = ignore) -> Survey:
    """Read the header of every image of a source, as ``open_images`` takes it.

    Raises:
        DataError: There is no such source.
    """
    sizes, modes = Counter[tuple[int, int]](), Counter[str]()
    count = broken = 0
    with ExitStack() as stack:
        for original in open_source(source, stack).originals(on_event):
            count += 1
            if original is None:
                broken += 1
            else:
                sizes[original.width, original.height] += 1
                modes[original.mode] += 1
    return Survey(count, dict(sizes.most_common()), dict(modes.most_common()), broken)
