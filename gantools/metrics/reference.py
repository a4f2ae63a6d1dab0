"""What an extractor says of real images: computed once for each data set, and kept in the user's cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gantools.core.atomic import write_atomic
from gantools.core.cache import user_cache
from gantools.core.errors import ArtifactError
from gantools.core.events import Note, OnEvent, ignore
from gantools.metrics.features import ImageExtractor, Images, Rows

# Beyond this many, more references move a value by less than the noise of the samples, and cost memory and time.
LIMIT = 10_000
BOUND_BYTES = 2 * 1024**3
# Part of every key: to be raised when the same images and extractor would give other rows.
FORMAT = "gantools reference features 1"


class References(Protocol):
    """Real images: ``images`` (n, height, width, channels) uint8, their content digest, and a name for people."""

    @property
    def images(self) -> Images:
        """(n, height, width, channels) uint8."""

    @property
    def digest(self) -> str:
        """Content digest."""

    @property
    def name(self) -> str:
        """A name for people."""


def chosen(count: int, limit: int, *, after: int = 0) -> npt.NDArray[np.int64]:
    """Which of ``count`` images stand for all: at most ``limit``, always the same ones, in their order.

    Args:
        count: How many there are.
        limit: The most to choose.
        after: Choose none of those that ``chosen(count, after)`` chooses.
    """
    if count <= limit and not after:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[after : after + limit])


def reference_rows(
    references: References, extractor: ImageExtractor, *, limit: int = LIMIT, after: int = 0, on_event: OnEvent = ignore
) -> Rows:
    """Features and class probabilities of real images, from the cache where they are there.

    Args:
        references: Real images. Equal digests must mean equal images.
        extractor: Who looks at them.
        limit: The most images to look at; see ``chosen``.
        after: Look at others than the first ``after`` of them.
        on_event: Who watches.

    Returns:
        A row for each chosen image.
    """
    places = chosen(len(references.images), limit, after=after)
    path = _path(references, extractor, len(places), after)
    found = _read(path)
    shapes = (len(places), extractor.card.features), (len(places), extractor.card.classes)
    if found is None or (found.features.shape, found.probabilities.shape) != shapes:
        images = references.images if len(places) == len(references.images) else references.images[places]
        found = extractor.rows(images, on_event=on_event)
        _keep(path, found, on_event)
    return found


def unseen(references: References, extractor: ImageExtractor, *, limit: int = LIMIT, after: int = 0) -> int:
    """How many images ``reference_rows`` would have to look at: none where the cache has them, else all it chooses."""
    count = len(chosen(len(references.images), limit, after=after))
    return 0 if _path(references, extractor, count, after).is_file() else count


def _path(references: References, extractor: ImageExtractor, count: int, after: int) -> Path:
    parts = (FORMAT, references.digest, extractor.sha256, extractor.card.preparation, str(count), str(after))
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return user_cache() / "features" / f"{key}.npz"


def _read(path: Path) -> Rows | None:
    """Rows as they were kept; none where there are none, or damaged ones: a zip knows its content's checksum."""
    try:
        # Opened here, because NumPy leaves a file open that turns out to be no zip.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            rows = Rows(archive["features"], archive["probabilities"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(path)
    return rows


def _keep(path: Path, rows: Rows, on_event: OnEvent) -> None:
    """Write rows, and make room: the least recently used files go. A cache that cannot be written only costs time."""
    content = io.BytesIO()
    np.savez(content, features=rows.features, probabilities=rows.probabilities)
    try:
        write_atomic(path, content.getvalue())
        kept = 0
        for file in sorted(path.parent.glob("*.npz"), key=lambda file: file.stat().st_mtime, reverse=True):
            kept += file.stat().st_size
            if kept > BOUND_BYTES and file != path:
                file.unlink(missing_ok=True)
    except (ArtifactError, OSError) as err:
        on_event(Note(f"the features of the references are not kept for the next time: {err}", "warning"))
