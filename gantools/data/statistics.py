"""Figures of an image set that a training wants at every start: computed once, kept beside the decoded images."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from gantools.core.atomic import write_atomic
from gantools.core.errors import ArtifactError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.spec import Frozen
from gantools.data.images import ImageSet

PIECE_BYTES = 16 * 2**20


class Statistics(Frozen):
    """Of all pixels of a set, one value for each channel, in units of 0..255.

    Attributes:
        count: Images.
        mean: Arithmetic mean.
        std: Standard deviation of the pixels, over the whole set.
        low: Smallest value.
        high: Largest value.
        repeated: Images whose pixels are those of an earlier image.
    """

    count: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    repeated: int


def statistics(images: ImageSet, *, on_event: OnEvent = ignore) -> Statistics:
    """The figures of a set, read where they are known.

    Args:
        images: A set. Where its array is in the cache, what is found is kept beside it: file names there are digests.
        on_event: Who watches.
    """
    array = images.images
    file = array.filename if isinstance(array, np.memmap) else None
    kept = Path(file).with_suffix(".statistics.json") if file else None
    if kept is not None:
        with contextlib.suppress(OSError, ValidationError):
            return Statistics.model_validate_json(kept.read_bytes())
    found = _computed(array, on_event)
    if kept is not None:
        with contextlib.suppress(ArtifactError):  # a cache that cannot be written costs time and nothing else
            write_atomic(kept, found.model_dump_json().encode())
    return found


def note_duplicates(images: ImageSet, *, on_event: OnEvent) -> None:
    """Say in one sentence how many images of a set are in it more than once, if any. It costs time only once."""
    if repeated := statistics(images, on_event=on_event).repeated:
        share = repeated / len(images.images)
        on_event(
            Note(
                f"{repeated} of {len(images.images)} images in '{images.name}' ({share:.1%}) are equal to an earlier "
                f"one; 'gantools data inspect {images.name}' names them.",
                "warning",
            )
        )


def pixel_digests(images: npt.NDArray[np.uint8]) -> Iterator[bytes]:
    """A digest of the pixels of each image: equal for equal images."""
    for image in images:
        yield hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def _computed(images: npt.NDArray[np.uint8], on_event: OnEvent) -> Statistics:
    """From the histogram of each channel, which is exact: all sums are of integers."""
    count, height, width, channels = images.shape
    histograms = np.zeros((channels, 256), np.int64)
    seen: set[bytes] = set()
    piece = max(1, PIECE_BYTES // (height * width * channels))
    for start in range(0, count, piece):
        part = np.asarray(images[start : start + piece])
        for channel in range(channels):
            histograms[channel] += np.bincount(part[..., channel].ravel(), minlength=256)
        seen.update(pixel_digests(part))
        on_event(Progress("measure images", start + len(part), count, "images"))
    values, pixels = np.arange(256), count * height * width
    sums, squares = histograms @ values, histograms @ values**2
    mean = sums / pixels
    return Statistics(
        count=count,
        mean=tuple(mean.tolist()),
        # In integers, so that the difference of two large sums loses nothing.
        std=tuple(math.sqrt(int(q) * pixels - int(s) ** 2) / pixels for s, q in zip(sums, squares, strict=True)),
        low=tuple(int(np.flatnonzero(histogram)[0]) for histogram in histograms),
        high=tuple(int(np.flatnonzero(histogram)[-1]) for histogram in histograms),
        repeated=count - len(seen),
    )
