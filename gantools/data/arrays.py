"""Sources whose images are one array in a file: ``.npy`` and ``.npz`` here, idx beside. They need no decoder of images.

They are read in pieces, whatever their size and however far a compressed one unpacks, and pickles are refused.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError
from gantools.core.events import OnEvent, Progress
from gantools.core.optional import require
from gantools.data.files import changed
from gantools.data.labels import Labels, labels_of_numbers
from gantools.data.ledger import Item, Ledger, settled_stamp
from gantools.data.sources import Contents, Geometry, Original, Pixels
from gantools.data.threads import in_threads

PIECE_BYTES = 16 * 2**20
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
IMAGES, LABELS, CLASSES = ("images", "arr_0"), ("labels", "arr_1"), "classes"
_DAMAGED = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile)

Stream = AbstractContextManager[IO[bytes]]
Integers = npt.NDArray[np.integer]


class ArraySource:
    """Raw pixels.

    Args:
        path: The file.
        shape: Count, height, width and channels.
        stream: Opens the file where the pixels begin: uint8, 0..255, NHWC, in C order.
        numbers: Gives the class of each image, any integers, and the names of the classes if they are known; none:
            there are no labels.
        no_labels: Where labels would be, for the error that says there are none.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        stream: Callable[[], Stream],
        numbers: Callable[[], tuple[Integers, tuple[str, ...]]] | None,
        no_labels: str,
    ) -> None:
        self.origin = str(path)
        self._path, self._shape, self._stream = path, _nhwc(shape, path), stream
        self._numbers, self._no_labels = numbers, no_labels

    def contents(self, ledger: Ledger, on_event: OnEvent) -> Contents:
        """See ``Source``. One digest, of shape and pixels: it is the same for a packed file and a plain one."""
        items = ledger.recall("", (self._path,))
        if items is None:
            before = settled_stamp((self._path,))
            whole = self._begin()
            for piece in self._pieces("read images", on_event):
                whole.update(piece.data)
            items = (Item("", whole.hexdigest()),)
            ledger.remember("", (self._path,), before, items)
        return Contents(self._shape[0], bytes.fromhex(items[0].digest))

    def pixels(self, geometry: Geometry, contents: Contents, on_event: OnEvent) -> Iterator[Pixels | None]:
        """See ``Source``."""
        pillow = require("PIL.Image", extra="data", why="to resize images")
        from gantools.data.decode import square

        def resized(image: Pixels) -> Pixels:
            pil = pillow.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
            return square(pil, resolution=geometry.resolution, channels=geometry.channels, fit=geometry.fit)

        fits = self._shape[1:] == (geometry.resolution, geometry.resolution, geometry.channels)
        whole = self._begin()
        for piece in self._pieces("decode images", on_event):
            whole.update(piece.data)
            yield from piece if fits else in_threads(resized, list(piece), "", lambda _: None)
        if whole.digest() != contents.parts:
            raise changed(self.origin, self.origin)

    def labels(self, contents: Contents) -> Labels:
        """See ``Source``."""
        if self._numbers is None:
            raise DataError(f"class labels are needed, and '{self.origin}' has none.", hint=self._no_labels)
        values, classes = self._numbers()
        if values.shape != (contents.count,) or values.dtype.kind not in "iu":
            raise DataError(
                f"the labels of '{self.origin}' have shape {values.shape} and type {values.dtype}, expected "
                f"({contents.count},) integers.",
                hint=self._no_labels,
            )
        return labels_of_numbers(values, classes, self.origin)

    def originals(self, on_event: OnEvent) -> Iterator[Original | None]:  # noqa: ARG002 - all alike, nothing to do
        """See ``Source``."""
        count, height, width, channels = self._shape
        for _ in range(count):
            yield Original(width, height, MODES[channels])

    def with_classes(self, classes: tuple[str, ...]) -> ArraySource:
        """The same with names for its classes."""
        if (numbers := self._numbers) is not None:
            self._numbers = lambda: (numbers()[0], classes)
        return self

    def _begin(self) -> hashlib._Hash:
        return hashlib.sha256(f"array of {'x'.join(map(str, self._shape))}\n".encode())

    def _pieces(self, stage: str, on_event: OnEvent) -> Iterator[Pixels]:
        """(k, height, width, channels) uint8, one after another.

        Raises:
            DataError: The file is damaged, or holds fewer or more images than it says.
        """
        count, *rest = self._shape
        size = math.prod(rest)
        most = max(1, PIECE_BYTES // size)
        try:
            with self._stream() as stream:
                for start in range(0, count, most):
                    images = min(most, count - start)
                    content = stream.read(images * size)
                    if len(content) != images * size:
                        raise EOFError(f"it ends after {start + len(content) // size} of {count} images")
                    yield np.frombuffer(content, np.uint8).reshape(images, *rest)
                    on_event(Progress(stage, start + images, count, "images"))
                if stream.read(1):
                    raise ValueError(f"it holds more than the {count} images it speaks of")
        except _DAMAGED as err:
            raise DataError(f"'{self._path}' is damaged: {err}.", hint="write or download it again") from err


def open_npy(path: Path, inside: str, stack: ExitStack) -> ArraySource:  # noqa: ARG001 - nothing to close
    """An ``.npy`` of images (n, height, width[, channels]) uint8, with labels in ``NAME.labels.npy`` beside it."""
    no_folders(path, inside)
    beside = path.with_suffix(".labels.npy")
    shape = _npy_shape(lambda: path.open("rb"), path, "")

    def numbers() -> tuple[Integers, tuple[str, ...]]:
        return _small_array(lambda: beside.open("rb"), beside), ()

    return ArraySource(
        path,
        shape,
        lambda: _after_header(path.open("rb")),
        numbers if beside.is_file() else None,
        f"write (n,) integers to '{beside}'",
    )


def open_npz(path: Path, inside: str, stack: ExitStack) -> ArraySource:
    """An ``.npz`` with the arrays ``images`` and, for classes, ``labels`` and ``classes``.

    The names that ``np.savez`` gives to arrays without one, ``arr_0`` and ``arr_1``, are understood too.
    """
    no_folders(path, inside)
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except _DAMAGED as err:
        raise DataError(f"'{path}' cannot be read as an .npz: {err}.", hint="write it again with np.savez") from err
    names = {item.removesuffix(".npy") for item in archive.namelist()}
    images = next((name for name in IMAGES if name in names), None)
    if images is None:
        raise DataError(
            f"'{path}' holds no array 'images', but {', '.join(sorted(names)) or 'nothing'}.",
            hint="np.savez(path, images=images, labels=labels)",
        )
    labels = next((name for name in LABELS if name in names), None)

    def numbers() -> tuple[Integers, tuple[str, ...]]:
        values = _small_array(lambda: archive.open(f"{labels}.npy"), path)
        known = _small_array(lambda: archive.open(f"{CLASSES}.npy"), path) if CLASSES in names else ()
        return values, tuple(map(str, known))

    return ArraySource(
        path,
        _npy_shape(lambda: archive.open(f"{images}.npy"), path, images),
        lambda: _after_header(archive.open(f"{images}.npy")),
        numbers if labels else None,
        "np.savez(path, images=images, labels=labels), labels being (n,) integers",
    )


def no_folders(path: Path, inside: str) -> None:
    """Refuse ``digits.npz/train``.

    Raises:
        DataError: ``inside`` is not empty.
    """
    if inside:
        raise DataError(f"'{path}' is an array, in which there is no '{inside}'.", hint=f"give {path}")


@contextmanager
def opened_packed(path: Path) -> Iterator[IO[bytes]]:
    """A file, or what is in it where its name ends in ``.gz``."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
        yield stream  # type: ignore[misc]


def _nhwc(shape: tuple[int, ...], path: Path) -> tuple[int, int, int, int]:
    count, height, width, channels = (*shape, 1) if len(shape) == 3 else shape if len(shape) == 4 else (0, 0, 0, 0)
    if channels not in MODES or min(height, width) < 1:
        order = "; it seems to be NCHW" if len(shape) == 4 and shape[1] in MODES else ""
        raise DataError(
            f"the array in '{path}' has shape {shape}, expected (n, height, width) or (n, height, width, channels) "
            f"with 1, 3 or 4 channels{order}.",
            hint="images.transpose(0, 2, 3, 1) turns NCHW into NHWC",
        )
    limit = require("PIL.Image", extra="data", why="to resize images").MAX_IMAGE_PIXELS
    if count < 1 or height * width > limit:
        raise DataError(
            f"the array in '{path}' has shape {shape}: expected at least one image, of at most {limit} pixels.",
            hint="give an array of images",
        )
    return count, height, width, channels


def _npy_shape(start: Callable[[], IO[bytes]], path: Path, name: str) -> tuple[int, ...]:
    array = f"the array '{name}' in '{path}'" if name else f"'{path}'"
    try:
        with start() as stream:
            shape, fortran, dtype = _read_header(stream)
    except _DAMAGED as err:
        raise DataError(f"{array} cannot be read: {err}.", hint="write it again with NumPy") from err
    if dtype != np.uint8:
        raise DataError(
            f"{array} has type {dtype}, expected uint8 from 0 to 255.",
            hint="for images from 0 to 1, save np.rint(images * 255).astype(np.uint8)",
        )
    if fortran:
        raise DataError(f"{array} is in Fortran order, expected C order.", hint="save np.ascontiguousarray(images)")
    return shape


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return shape, fortran, dtype


@contextmanager
def _after_header(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    with stream:
        _read_header(stream)
        yield stream


def _small_array(start: Callable[[], IO[bytes]], path: Path, most_bytes: int = 2**30) -> npt.NDArray[Any]:
    """An array of labels or names. It is read at once, but not before its size is known to be small."""
    try:
        with start() as stream:
            content = stream.read(most_bytes)
        return np.load(io.BytesIO(content), allow_pickle=False)  # type: ignore[no-any-return]
    except (*_DAMAGED, MemoryError) as err:  # a head may speak of any size
        raise DataError(f"the labels in '{path}' cannot be read: {err}.", hint="write them again with NumPy") from err
