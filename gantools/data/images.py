"""Image sets: whatever images come from, as one memory-mapped array, decoded once and cached by content."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gantools.core.cache import user_cache
from gantools.core.errors import DataError
from gantools.core.events import OnEvent, ignore
from gantools.data.broken import check_broken
from gantools.data.build import FORMAT, build, built
from gantools.data.labels import Labels
from gantools.data.ledger import Ledger
from gantools.data.sources import Contents, Fit, Geometry, Source, open_source


@dataclass(frozen=True)
class ImageSet:
    """Real images of one size.

    Attributes:
        name: The source as the user wrote it.
        images: (n, height, width, channels) uint8, 0..255, NHWC, memory-mapped and read-only.
        digest: Of names, contents, size, channels and, where asked for, labels: equal digests mean equal sets.
        broken: Names of the files that could not be read and were left out.
        labels: (n,) int64, the class of each image; none where they were not asked for.
        classes: The name of each class; empty without labels.
        names: Of each image, relative to the source; empty for arrays, whose images have numbers alone.
    """

    name: str
    images: npt.NDArray[np.uint8]
    digest: str
    broken: tuple[str, ...]
    labels: npt.NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def rows(self) -> npt.NDArray[np.uint8]:
        """The images."""
        return self.images

    def name_of(self, number: int) -> str:
        """The name of an image, or its number where it has none."""
        return self.names[number] if self.names else str(number)


def open_images(
    source: str,
    *,
    resolution: int,
    channels: int,
    labels: bool = False,
    fit: Fit = "resize",
    max_broken: float = 0.01,
    cache: str | None = None,
    on_event: OnEvent = ignore,
) -> ImageSet:
    """Open images of any size and kind as one array of squares.

    The first time everything is read and decoded. Later, an unchanged source costs a look at the times of its files.

    Args:
        source: A folder, which is searched recursively for PNG, JPEG and WebP files; a ``.zip``, ``.tar`` or
            ``.tar.gz`` of one, or a folder in it, such as ``photos.zip/train``; WebDataset shards, such as
            ``shards-{0000..0009}.tar``; an idx file, ``.npy``, ``.npz`` or ``.parquet``; a folder written by
            ``datasets.save_to_disk``; ``hf:NAME[:SPLIT]`` from the Hugging Face Hub; ``dataset:NAME[:SPLIT]`` from
            ``gantools data get``; or ``builtin:NAME``.
        resolution: Edge of the squares, in pixels.
        channels: 1 for grey, 3 for RGB.
        labels: Whether the class of each image is needed; ``labels.py`` says where it comes from.
        fit: What happens to images that are smaller: enlarged, or laid in the middle of black.
        max_broken: Largest share of files that may be unreadable.
        cache: Folder for decoded images; none: ``gantools`` in the user's cache folder.
        on_event: Who watches.

    Raises:
        DataError: There is no such source, no image in it, too many are broken, or it has no labels.
        UnknownNameError: No built-in or published set has this name.
    """
    store = Path(cache).expanduser() if cache else user_cache()
    geometry = Geometry(resolution, channels, fit)
    with ExitStack() as stack:
        opened = open_source(source, stack)
        ledger = Ledger.of(opened.origin, store)
        contents = opened.contents(ledger, on_event)
        ledger.save()
        digest = _digest(geometry, contents)
        pixels = store / "images" / f"{digest}.npy"
        broken = built(pixels)
        if broken is None:
            broken = _build(opened, contents, pixels, geometry, ledger, on_event)
        found = opened.labels(contents) if labels else None
    unread = [contents.items[number].name for number in broken]
    check_broken(source, unread, contents.count, max_broken, on_event, "images")
    kept = np.delete(np.arange(contents.count), broken)
    names = tuple(item.name for item in contents.items)
    values = None if found is None else found.values[kept]
    return ImageSet(
        source,
        np.load(pixels, mmap_mode="r"),
        digest if found is None else _digest_with(digest, found),
        tuple(names[number] for number in broken),
        values,
        found.classes if found else (),
        tuple(names[number] for number in kept) if broken else names,
    )


def _digest(geometry: Geometry, contents: Contents) -> str:
    """Digest of what the array is made of, known before anything is decoded."""
    fit = "" if geometry.fit == "resize" else f" {geometry.fit}"
    head = f"{FORMAT}\n{geometry.resolution} {geometry.channels}{fit}\n"
    return hashlib.sha256(head.encode() + contents.parts).hexdigest()


def _digest_with(digest: str, labels: Labels) -> str:
    """Digest of images and labels. The array in the cache is the same with and without them."""
    whole = hashlib.sha256(f"{digest}\n{len(labels.classes)}\n".encode())
    for name in labels.classes:
        whole.update(name.encode("utf-8", "surrogateescape") + b"\0")
    whole.update(labels.values.astype("<i8").tobytes())
    return whole.hexdigest()


def _build(
    source: Source, contents: Contents, pixels: Path, geometry: Geometry, ledger: Ledger, on_event: OnEvent
) -> tuple[int, ...]:
    try:
        return build(source.pixels(geometry, contents, on_event), pixels, geometry)
    except DataError:
        ledger.forget()  # a ledger that was wrong must not be so again
        raise
