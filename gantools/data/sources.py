"""What images come from: the two kinds of source, and the tables that find one by what the user wrote.

A source is opened without reading an image. What it holds is then listed (names and digests), and only where no decoded
copy of exactly that is in the cache are the pixels asked for. No name inside an archive is ever used as a path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError
from gantools.core.events import OnEvent
from gantools.core.registry import Table
from gantools.data.labels import Labels
from gantools.data.ledger import Item, Ledger

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
LARGEST_FILE_BYTES = 256 * 2**20

Pixels = npt.NDArray[np.uint8]
Fit = Literal["resize", "pad"]


@dataclass(frozen=True)
class Geometry:
    """What every image becomes.

    Attributes:
        resolution: Edge of the squares, in pixels.
        channels: 1 for grey, 3 for RGB.
        fit: What happens to images that are smaller: enlarged, or laid in the middle of black.
    """

    resolution: int
    channels: int
    fit: Fit = "resize"


@dataclass(frozen=True)
class Entry:
    """One image file.

    Attributes:
        name: Relative to the source, with forward slashes.
        read: Gives its bytes.
        label: Its class as the source itself states it; none: the folder it lies in speaks.
    """

    name: str
    read: Callable[[], bytes]
    label: str | None = None


@dataclass(frozen=True)
class Contents:
    """What a source holds, without any pixels.

    Attributes:
        count: Number of images, broken ones included.
        parts: Digests of everything in order, concatenated.
        items: One for each image; empty for a source whose images have no names.
    """

    count: int
    parts: bytes
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Original:
    """An image as it lies in the source: its size in pixels and its colours, ``"L"`` or ``"RGB"`` for example."""

    width: int
    height: int
    mode: str


class Source(Protocol):
    """Something that images come from.

    Attributes:
        origin: The same for the same source, however the user wrote it: names the file of what is known about it.
    """

    origin: str

    def contents(self, ledger: Ledger, on_event: OnEvent) -> Contents:
        """List it. What the ledger knows and whose file is unchanged is not read."""

    def pixels(self, geometry: Geometry, contents: Contents, on_event: OnEvent) -> Iterator[Pixels | None]:
        """Decode every image in order; none for a broken one.

        Raises:
            DataError: It is no longer what ``contents`` says.
        """

    def labels(self, contents: Contents) -> Labels:
        """The class of every image, broken ones included.

        Raises:
            DataError: It has none.
        """

    def originals(self, on_event: OnEvent) -> Iterator[Original | None]:
        """Size and colours of every image, from its header alone; none for a broken one."""


SCHEMES: Table[Callable[[str, ExitStack], Source]] = Table(
    "kind of image source",
    {
        "builtin": "gantools.data.builtin:open_builtin",
        "dataset": "gantools.data.published:open_published",
        "hf": "gantools.data.hub:open_hub",
    },
)
# Readers take the file, a folder inside it ("" for all of it), and a stack that is closed when the reading is over.
READERS: Table[Callable[[Path, str, ExitStack], Source]] = Table(
    "file of images",
    {
        ".zip": "gantools.data.archives:open_zip",
        ".tar": "gantools.data.archives:open_tar",
        ".tar.gz": "gantools.data.archives:open_tar",
        ".tgz": "gantools.data.archives:open_tar",
        ".tar.bz2": "gantools.data.archives:open_tar",
        ".tar.xz": "gantools.data.archives:open_tar",
        ".npy": "gantools.data.arrays:open_npy",
        ".npz": "gantools.data.arrays:open_npz",
        ".parquet": "gantools.data.hub:open_parquet",
        "idx": "gantools.data.idx:open_idx",  # known by its first bytes
    },
)
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def open_source(source: str, stack: ExitStack) -> Source:
    """Find the source a user means.

    Args:
        source: ``builtin:NAME``, ``dataset:NAME[:SPLIT]``, ``hf:NAME[:SPLIT]``, a folder, a file of ``READERS``, a
            folder inside an archive (``photos.zip/train``), or numbered shards (``shards-{0000..0009}.tar``).
        stack: Closed when the source is no longer read.

    Raises:
        DataError: There is no such source.
        UnknownNameError: No built-in or published set has this name.
    """
    from gantools.data import archives, files, hub, idx

    scheme, colon, rest = source.partition(":")
    if colon and scheme in SCHEMES:
        return SCHEMES.load(scheme)(rest, stack)
    path = Path(os.path.abspath(Path(source).expanduser()))  # noqa: PTH100 - resolve() would follow links
    if _RANGE.search(source) and not path.exists():
        return archives.open_shards(_expanded(str(path)), str(path), stack)
    if path.is_dir():
        return hub.open_saved(path) if hub.is_saved(path) else files.open_folder(path)
    file, inside = _split(path)
    reader = _reader(file) if file.is_file() else None
    if reader is None and file.is_file() and idx.is_idx(file):
        reader = "idx"
    if reader is None:
        known = ", ".join(suffix for suffix in READERS if suffix.startswith("."))
        what = f"is neither a folder nor a file of images ({known} or idx)" if path.exists() else "does not exist"
        raise DataError(
            f"the image source '{source}' {what}.",
            hint="give a folder or a file of images, builtin:digits, or a set of 'gantools data get'",
        )
    return READERS.load(reader)(file, inside, stack)


def is_image_name(name: str) -> bool:
    """Whether a file counts as an image: by suffix, and not hidden, as the resource forks in zips from macOS are."""
    return name.lower().endswith(SUFFIXES) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Whether a name, or a folder in it, starts with a dot, or is one that macOS adds to zips."""
    # Texts and not paths: a path object for each of a million files takes seconds.
    return any(part.startswith((".", "__MACOSX")) and part != "." for part in name.split("/"))


def _reader(file: Path) -> str | None:
    suffixes = [suffix for suffix in READERS if suffix.startswith(".") and file.name.lower().endswith(suffix)]
    return max(suffixes, key=len, default=None)


def _split(path: Path) -> tuple[Path, str]:
    """``a/photos.zip/train`` -> ``a/photos.zip`` and ``train``, where ``a/photos.zip`` is a file."""
    for parent in path.parents:
        if parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return path, ""


def _expanded(pattern: str) -> list[Path]:
    found = _RANGE.search(pattern)
    if found is None:
        return [Path(pattern)]
    first, last = found[1], found[2]
    return [
        path
        for number in range(int(first), int(last) + 1)
        for path in _expanded(pattern[: found.start()] + str(number).zfill(len(first)) + pattern[found.end() :])
    ]
