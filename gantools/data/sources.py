"""Where image files come from: a folder, or a zip that is read in place. No name inside a zip is used as a path."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gantools.core.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
LARGEST_FILE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Entry:
    """One image file: its name relative to the source, with forward slashes, and how to get its bytes."""

    name: str
    read: Callable[[], bytes]


def folder_entries(folder: Path) -> list[Entry]:
    """All image files below a folder, sorted by name. Hidden files and folders are left out."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root) / name for name in files]
    named = {path.relative_to(folder).as_posix(): path for path in found}
    return [Entry(name, _file_reader(path)) for name, path in sorted(named.items()) if is_image_name(name)]


def zip_entries(archive: zipfile.ZipFile) -> list[Entry]:
    """All image files of a zip, sorted by name."""
    lock = threading.Lock()  # a ZipFile's members share one file position
    members = sorted(
        (item for item in archive.infolist() if is_image_name(item.filename)), key=lambda item: item.filename
    )
    return [Entry(item.filename, _member_reader(archive, item, lock)) for item in members]


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip.

    Raises:
        DataError: It is none, or is damaged.
    """
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as err:
        raise DataError(
            f"'{path}' cannot be read as a zip: {err}.", hint="pack the images again, or give the folder"
        ) from err


def is_image_name(name: str) -> bool:
    """Whether a file counts as an image: by suffix, and not hidden, as the resource forks in zips from macOS are."""
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _file_reader(path: Path) -> Callable[[], bytes]:
    return path.read_bytes


def _member_reader(archive: zipfile.ZipFile, item: zipfile.ZipInfo, lock: threading.Lock) -> Callable[[], bytes]:
    def read() -> bytes:
        with lock, archive.open(item) as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            raise ValueError(f"unpacks to more than {LARGEST_FILE_BYTES} bytes")
        return content

    return read
