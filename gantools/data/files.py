"""Sources whose images are encoded files: a folder here, archives and Hugging Face sets elsewhere."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gantools.core.errors import DataError
from gantools.core.events import OnEvent
from gantools.core.optional import require
from gantools.data.labels import Labels, labels_of_folders, labels_of_texts
from gantools.data.ledger import Item, Ledger, settled_stamp
from gantools.data.sources import SUFFIXES, Contents, Entry, Geometry, Original, Pixels, is_image_name
from gantools.data.threads import in_threads


@dataclass(frozen=True)
class Unit:
    """Files on disk that change together: one image, an archive, a shard, or the tables of a Hugging Face set.

    Attributes:
        name: Within the source.
        paths: The files; none where the images are made in memory. As texts where there may be very many.
        entries: Opens it and lists the images in it. It may be called twice.
    """

    name: str
    paths: tuple[str | Path, ...]
    entries: Callable[[], list[Entry]]


class FileSource:
    """Encoded image files, in units.

    Args:
        origin: See ``Source``.
        units: All of it, in order.
        classes: Names of the classes, where the source states them.
    """

    def __init__(self, origin: str, units: list[Unit], classes: tuple[str, ...] = ()) -> None:
        self.origin = origin
        self._units = units
        self._classes = classes

    def contents(self, ledger: Ledger, on_event: OnEvent) -> Contents:
        """See ``Source``."""
        require("PIL", extra="data", why="to read images")
        found = [ledger.recall(unit.name, unit.paths) for unit in self._units]
        unknown = [number for number, items in enumerate(found) if items is None]
        stamps = [settled_stamp(self._units[number].paths) for number in unknown]
        opened = [self._units[number].entries() for number in unknown]
        listed = in_threads(_listed, [entry for entries in opened for entry in entries], "read images", on_event)
        for number, stamp, entries in zip(unknown, stamps, opened, strict=True):
            unit, items = self._units[number], tuple(next(listed) for _ in entries)
            ledger.remember(unit.name, unit.paths, stamp, items)
            found[number] = items
        for _ in listed:  # nothing is left but the last progress event
            pass
        all_items = tuple(item for items in found if items is not None for item in items)
        if not all_items:
            raise DataError(
                f"the image source '{self.origin}' holds no images.",
                hint=f"files that count end in {', '.join(SUFFIXES)}{_elsewhere(self.origin)}",
            )
        return Contents(len(all_items), b"".join(map(_part, all_items)), all_items)

    def pixels(self, geometry: Geometry, contents: Contents, on_event: OnEvent) -> Iterator[Pixels | None]:
        """See ``Source``. A file that is no longer what was listed is an error, and never a broken image."""
        from gantools.data.decode import BROKEN, decode

        def attempt(work: tuple[Entry, Item]) -> Pixels | None:
            entry, item = work
            content = _content(entry)
            if (hashlib.sha256(content).hexdigest() if content is not None else "") != item.digest:
                raise changed(entry.name, self.origin)
            if content is None:
                return None
            try:
                return decode(content, resolution=geometry.resolution, channels=geometry.channels, fit=geometry.fit)
            except BROKEN:
                return None

        entries = self._entries()
        if len(entries) != len(contents.items):
            raise changed(self.origin, self.origin)
        yield from in_threads(attempt, list(zip(entries, contents.items, strict=True)), "decode images", on_event)

    def labels(self, contents: Contents) -> Labels:
        """See ``Source`` and the rules in ``labels.py``."""
        stated = [item.label for item in contents.items if item.label is not None]
        if not stated:
            return labels_of_folders([item.name for item in contents.items], self.origin)
        if len(stated) < contents.count:
            without = next(item.name for item in contents.items if item.label is None)
            raise DataError(
                f"class labels are needed, and '{without}' in '{self.origin}' has none, unlike "
                f"{len(stated)} of the {contents.count} images.",
                hint="give every image a label, or none",
            )
        return labels_of_texts(stated, self._classes, self.origin)

    def originals(self, on_event: OnEvent) -> Iterator[Original | None]:
        """See ``Source``."""
        require("PIL", extra="data", why="to read images")
        from gantools.data.decode import BROKEN, header

        def attempt(entry: Entry) -> Original | None:
            try:
                return Original(*header(entry.read()))
            except BROKEN:
                return None

        yield from in_threads(attempt, self._entries(), "read headers", on_event)

    def _entries(self) -> list[Entry]:
        return [entry for unit in self._units for entry in unit.entries()]


def open_folder(folder: Path) -> FileSource:
    """All image files below a folder, sorted by name. Hidden files and folders are left out."""
    named = {}
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = "" if root == str(folder) else f"{Path(root).relative_to(folder).as_posix()}/"
        named.update({below + name: f"{root}{os.sep}{name}" for name in files if is_image_name(name)})
    return FileSource(str(folder), [_file(name, path) for name, path in sorted(named.items())])


def changed(name: str, origin: str) -> DataError:
    """The error for images that are not what they were when they were listed."""
    where = f"'{name}' in '{origin}'" if name != origin else f"'{origin}'"
    return DataError(
        f"{where} changed while it was read.",
        hint="run the command again when nothing writes there any more",
    )


def _file(name: str, path: str) -> Unit:
    return Unit(name, (path,), lambda: [Entry(name, lambda: Path(path).read_bytes())])


def _content(entry: Entry) -> bytes | None:
    from gantools.data.decode import BROKEN

    try:
        return entry.read()
    except BROKEN:
        return None


def _listed(entry: Entry) -> Item:
    content = _content(entry)
    return Item(entry.name, "" if content is None else hashlib.sha256(content).hexdigest(), entry.label)


def _part(item: Item) -> bytes:
    content = bytes.fromhex(item.digest) or b"unreadable"
    return hashlib.sha256(item.name.encode("utf-8", "surrogateescape") + b"\0" + content).digest()


def _elsewhere(origin: str) -> str:
    """The rest of the hint, for a folder in which there is a file of images."""
    from gantools.data.idx import is_idx

    folder = Path(origin)
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    arrays = [path for path in files if path.suffix in (".npy", ".npz", ".zip", ".tar", ".parquet") or is_idx(path)]
    return f"; or give one of its files, such as {arrays[0]}" if arrays else ""
