"""Image sets: any folder or zip of images as one memory-mapped array, decoded once and cached by content."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
import numpy.typing as npt

from gantools.core.atomic import write_atomic
from gantools.core.errors import ArtifactError, DataError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.optional import require
from gantools.data.builtin import BUILTIN
from gantools.data.sources import SUFFIXES, Entry, folder_entries, open_zip, zip_entries

# Part of every digest: to be raised when the same file would be decoded to other pixels.
FORMAT = "gantools image set 1"
_CHUNK = 256  # files between two progress events, and the most that wait in memory
_NAMED = 3  # broken files an error or a note names

T = TypeVar("T")


@dataclass(frozen=True)
class ImageSet:
    """Real images of one size.

    Attributes:
        name: The source as the user wrote it.
        images: (n, height, width, channels) uint8, 0..255, NHWC, memory-mapped and read-only.
        digest: Of names, file contents, size and channels: equal digests mean equal images.
        broken: Names of the files that could not be read and were left out.
        labels: (n,) int64, places in ``classes``; none unless they were asked for.
        classes: Names of the classes.
    """

    name: str
    images: npt.NDArray[np.uint8]
    digest: str
    broken: tuple[str, ...]
    labels: npt.NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()


def open_images(
    source: str,
    *,
    resolution: int,
    channels: int,
    max_broken: float = 0.01,
    cache: str | None = None,
    on_event: OnEvent = ignore,
) -> ImageSet:
    """Open images of any size and kind as one array of squares.

    Args:
        source: A folder, which is searched recursively for PNG, JPEG and WebP files, a ``.zip`` of one, or
            ``builtin:NAME``.
        resolution: Edge of the squares, in pixels.
        channels: 1 for grey, 3 for RGB.
        max_broken: Largest share of files that may be unreadable.
        cache: Folder for decoded images; none: ``gantools`` in the user's cache folder.
        on_event: Who watches.

    Raises:
        DataError: There is no such source, no image in it, or too many are broken.
        UnknownNameError: No built-in set has this name.
    """
    with ExitStack() as stack:
        entries = _entries(source, stack)
        digest = _digest(entries, resolution, channels, on_event)
        store = (Path(cache).expanduser() if cache else _user_cache()) / "images"
        pixels, listing = store / f"{digest}.npy", store / f"{digest}.json"
        if not pixels.is_file():
            _build(entries, pixels, listing, resolution, channels, on_event)
    broken = tuple(json.loads(listing.read_text())["broken"])
    images = np.load(pixels, mmap_mode="r")
    _check_broken(source, broken, len(entries), max_broken, on_event)
    return ImageSet(source, images, digest, broken)


def _entries(source: str, stack: ExitStack) -> list[Entry]:
    if source.startswith("builtin:"):
        return BUILTIN.load(source.removeprefix("builtin:"))()
    path = Path(source).expanduser()
    if path.is_dir():
        entries = folder_entries(path)
    elif path.suffix.lower() == ".zip" and path.is_file():
        entries = zip_entries(stack.enter_context(open_zip(path)))
    else:
        what = "is neither a folder nor a .zip" if path.exists() else "does not exist"
        known = ", ".join(f"builtin:{name}" for name in BUILTIN)
        raise DataError(
            f"the image source '{source}' {what}.",
            hint=f"give a folder of images, a .zip of one, or {known} as data.source",
        )
    if not entries:
        raise DataError(
            f"the image source '{source}' holds no images.", hint=f"files that count end in {', '.join(SUFFIXES)}"
        )
    return entries


def _digest(entries: list[Entry], resolution: int, channels: int, on_event: OnEvent) -> str:
    """Digest of what the array is made of, known before anything is decoded."""
    require("PIL", extra="data", why="to read images")
    whole = hashlib.sha256(f"{FORMAT}\n{resolution} {channels}\n".encode())
    for part in _in_threads(_file_digest, entries, "read images", on_event):
        whole.update(part)
    return whole.hexdigest()


def _file_digest(entry: Entry) -> bytes:
    from gantools.data.decode import BROKEN

    try:
        content = hashlib.sha256(entry.read()).digest()
    except BROKEN:
        content = b"unreadable"
    return hashlib.sha256(entry.name.encode("utf-8", "surrogateescape") + b"\0" + content).digest()


def _build(
    entries: list[Entry], pixels: Path, listing: Path, resolution: int, channels: int, on_event: OnEvent
) -> None:
    """Decode all files into ``pixels``.

    The array appears last and by rename, so where it stands the set is complete. Two builders of one set write the same
    bytes under names of their own, and the second rename changes nothing.
    """
    from gantools.data.decode import BROKEN, decode, decoding

    def attempt(entry: Entry) -> npt.NDArray[np.uint8] | None:
        try:
            return decode(entry.read(), resolution=resolution, channels=channels)
        except BROKEN:
            return None

    try:
        pixels.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=pixels.parent, prefix=".", suffix=".partial", delete=False) as file:
            try:
                broken = []
                _write_header(file, 0, resolution, channels)
                with decoding():
                    decoded = _in_threads(attempt, entries, "decode images", on_event)
                    for entry, image in zip(entries, decoded, strict=True):
                        if image is None:
                            broken.append(entry.name)
                        else:
                            file.write(image.tobytes())
                file.seek(0)
                _write_header(file, len(entries) - len(broken), resolution, channels)
                file.flush()
                os.fsync(file.fileno())
                write_atomic(listing, json.dumps({"format": FORMAT, "broken": broken}).encode())
                Path(file.name).replace(pixels)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as err:
        raise ArtifactError(
            f"cannot write the decoded images to '{pixels.parent}': {err.strerror or err}.",
            hint="free some space, or give another folder as data.cache",
        ) from err


def _write_header(file: IO[bytes], count: int, resolution: int, channels: int) -> None:
    """The head of an ``.npy`` file, of a length that does not depend on ``count``: NumPy leaves room for it to grow."""
    shape = (count, resolution, resolution, channels)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _check_broken(source: str, broken: tuple[str, ...], total: int, max_broken: float, on_event: OnEvent) -> None:
    if not broken:
        return
    names = ", ".join(broken[:_NAMED]) + (f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else "")
    sentence = f"{len(broken)} of {total} images in '{source}' cannot be read: {names}"
    if len(broken) > max_broken * total or len(broken) == total:
        raise DataError(
            f"{sentence}; data.max_broken allows {max_broken:.1%}.",
            hint="repair or remove them, or raise data.max_broken",
        )
    on_event(Note(f"{sentence}; they are left out.", "warning"))


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gantools"


def _in_threads(work: Callable[[Entry], T], entries: list[Entry], stage: str, on_event: OnEvent) -> Iterator[T]:
    """``work`` of every entry, in order. Decoders free the interpreter lock, so threads are enough."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(entries), _CHUNK):
            yield from pool.map(work, entries[start : start + _CHUNK])
            on_event(Progress(stage, min(start + _CHUNK, len(entries)), len(entries), "images"))
