"""Archives of image files: zip, tar and WebDataset shards, read in place. No name inside is used as a path.

A member of a plain tar is read where it lies. A compressed tar allows no such thing: it becomes a plain one in a
temporary file first; its members are still never unpacked.

In shards (Aizman, Maltby, Breuel, "High performance I/O for large scale deep learning", 2019) the files of a sample
have the same name up to the first dot: ``0017.jpg`` has its class in ``0017.cls``.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from gantools.core.errors import DataError
from gantools.data import sources
from gantools.data.files import FileSource, Unit
from gantools.data.sources import Entry, is_hidden, is_image_name

# How far a compressed tar may grow. Images hardly shrink; what tar adds to the smallest of them shrinks to nothing.
MOST_GROWTH = 100
SMALLEST_LIMIT_BYTES = 2**30
_CLASS = ".cls"
_LARGEST_CLASS_BYTES = 1000
_DAMAGED = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile)


def open_zip(path: Path, inside: str, stack: ExitStack) -> FileSource:
    """The image files of a zip, sorted by name."""
    return FileSource(_origin(path, inside), [_unit(path, functools.partial(_zip_entries, path, inside, stack))])


def open_tar(path: Path, inside: str, stack: ExitStack) -> FileSource:
    """The image files of a tar, sorted by name."""
    return FileSource(_origin(path, inside), [_unit(path, functools.partial(_tar_entries, path, inside, stack))])


def open_shards(paths: list[Path], pattern: str, stack: ExitStack) -> FileSource:
    """The image files of numbered shards, in order of the shards.

    Raises:
        DataError: Shards are missing.
    """
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(paths)} shards of '{pattern}' do not exist, the first is '{missing[0]}'.",
            hint="give the numbers of the first and the last, with leading zeros, such as shards-{0000..0009}.tar",
        )
    return FileSource(pattern, [_unit(path, functools.partial(_tar_entries, path, "", stack)) for path in paths])


def _origin(path: Path, inside: str) -> str:
    return f"{path}/{inside}" if inside else str(path)


def _unit(path: Path, entries: Callable[[], list[Entry]]) -> Unit:
    return Unit(str(path), (path,), functools.cache(entries))


def _zip_entries(path: Path, inside: str, stack: ExitStack) -> list[Entry]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except _DAMAGED as err:
        raise _damaged(path, "zip", err) from err
    lock = threading.Lock()  # a ZipFile's members share one file position
    names = {_plain(item.filename): item for item in archive.infolist() if is_image_name(item.filename)}
    return _below(inside, {name: _zip_reader(archive, item, lock) for name, item in names.items()}, {})


def _zip_reader(archive: zipfile.ZipFile, item: zipfile.ZipInfo, lock: threading.Lock) -> Callable[[], bytes]:
    def read() -> bytes:
        with lock, archive.open(item) as stream:
            content = stream.read(sources.LARGEST_FILE_BYTES + 1)
        if len(content) > sources.LARGEST_FILE_BYTES:
            raise ValueError(f"unpacks to more than {sources.LARGEST_FILE_BYTES} bytes")
        return content

    return read


def _tar_entries(path: Path, inside: str, stack: ExitStack) -> list[Entry]:
    readers, labels = {}, {}
    try:
        plain = path if path.name.lower().endswith(".tar") else _unpacked(path, stack)
        with tarfile.open(plain, "r:") as archive:
            for member in archive:
                if not member.isreg() or member.issparse():
                    continue
                if is_image_name(member.name):
                    readers[_plain(member.name)] = _range_reader(plain, member.offset_data, member.size)
                elif member.name.endswith(_CLASS) and not is_hidden(member.name):
                    size = min(member.size, _LARGEST_CLASS_BYTES)
                    text = _range_reader(plain, member.offset_data, size)().decode("utf-8", "replace")
                    labels[_sample(member.name)] = text.strip()
    except _DAMAGED as err:
        raise _damaged(path, "tar", err) from err
    return _below(inside, readers, {name: labels[_sample(name)] for name in readers if _sample(name) in labels})


def _range_reader(path: Path, offset: int, size: int) -> Callable[[], bytes]:
    def read() -> bytes:
        if size > sources.LARGEST_FILE_BYTES:
            raise ValueError(f"is larger than {sources.LARGEST_FILE_BYTES} bytes")
        with path.open("rb") as stream:  # of its own: threads would move a shared position
            stream.seek(offset)
            content = stream.read(size)
        if len(content) != size:
            raise EOFError(f"{path} ends too early")
        return content

    return read


def _unpacked(path: Path, stack: ExitStack) -> Path:
    """A plain copy of a compressed tar that goes when the stack is closed."""
    limit = max(SMALLEST_LIMIT_BYTES, MOST_GROWTH * path.stat().st_size)
    plain = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gantools-"))) / "plain.tar"
    with _decompressed(path) as packed, plain.open("wb") as unpacked:
        while chunk := packed.read(2**20):
            unpacked.write(chunk)
            if unpacked.tell() > limit:
                raise ValueError(f"it unpacks to more than {limit} bytes")
    return plain


def _decompressed(path: Path) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    match path.suffix.lower():
        case ".xz":
            return lzma.open(path, "rb")
        case ".bz2":
            return bz2.open(path, "rb")
        case _:
            return gzip.open(path, "rb")


def _plain(name: str) -> str:
    """``./photos/a.png`` -> ``photos/a.png``."""
    return str(PurePosixPath(name))


def _sample(name: str) -> str:
    """``photos/0017.rgb.jpg`` -> ``photos/0017``."""
    path = PurePosixPath(name)
    return str(path.with_name(path.name.partition(".")[0]))


def _below(inside: str, readers: dict[str, Callable[[], bytes]], labels: dict[str, str]) -> list[Entry]:
    prefix = f"{inside}/" if inside else ""
    return [
        Entry(name.removeprefix(prefix), read, labels.get(name))
        for name, read in sorted(readers.items())
        if name.startswith(prefix)
    ]


def _damaged(path: Path, kind: str, err: Exception) -> DataError:
    return DataError(f"'{path}' cannot be read as a {kind}: {err}.", hint="pack the images again, or give the folder")
