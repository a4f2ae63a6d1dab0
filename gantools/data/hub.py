"""Hugging Face sets: from the Hub by name, from a folder written by ``save_to_disk``, or from a parquet file.

Needs the library ``datasets``, of version 4 or newer, which no longer runs code that comes with a set. Images are the
original files as the set holds them; the first column of the type ``Image`` is taken, and the first ``ClassLabel``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

from gantools.core.cache import user_cache
from gantools.core.errors import DataError
from gantools.core.optional import require
from gantools.data.arrays import no_folders
from gantools.data.files import FileSource, Unit
from gantools.data.sources import Entry

SAVED = ("state.json", "dataset_dict.json")  # what save_to_disk writes for one split, and for several
DEFAULT_SPLIT = "train"


def open_hub(name: str, stack: ExitStack) -> FileSource:  # noqa: ARG001 - the library closes its files
    """``NAME[:SPLIT]`` from the Hugging Face Hub, or from the library's cache; without a split, ``train``.

    Raises:
        DataError: It cannot be had, or holds no images.
    """
    datasets = _library()
    name, _, split = name.partition(":")
    try:
        table = datasets.load_dataset(name, split=split or DEFAULT_SPLIT)
    except Exception as err:  # the library, its file systems and its HTTP client raise all kinds
        reason = (str(err).strip() or type(err).__name__).splitlines()[0].rstrip(".")
        raise DataError(
            f"the split '{split or DEFAULT_SPLIT}' of '{name}' cannot be had from the Hugging Face Hub: {reason}.",
            hint=f"check name, split and connection; or save it elsewhere with datasets.load_dataset('{name}', "
            f"split='{split or DEFAULT_SPLIT}').save_to_disk(FOLDER), and give the folder",
        ) from err
    return _source(table, f"hf:{name}:{split or DEFAULT_SPLIT}", _cached_files(table))


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by ``save_to_disk``."""
    return any((folder / name).is_file() for name in SAVED)


def open_saved(folder: Path) -> FileSource:
    """A folder written by ``save_to_disk``.

    Raises:
        DataError: It is damaged, holds no images, or holds several splits.
    """
    datasets = _library()
    if (folder / SAVED[1]).is_file():
        splits = sorted(path.name for path in folder.iterdir() if (path / SAVED[0]).is_file())
        raise DataError(
            f"'{folder}' holds several splits: {', '.join(splits)}.",
            hint=f"give one of them, such as {folder / splits[-1] if splits else folder}",
        )
    try:
        table = datasets.load_from_disk(str(folder))
    except Exception as err:
        raise _damaged(folder, err) from err
    return _source(table, str(folder), sorted(path for path in folder.iterdir() if path.is_file()))


def open_parquet(path: Path, inside: str, stack: ExitStack) -> FileSource:  # noqa: ARG001 - the library closes its files
    """A parquet file with a column of images, as the Hub keeps them.

    Raises:
        DataError: It is damaged, or holds no images.
    """
    no_folders(path, inside)
    datasets = _library()
    try:
        table = datasets.Dataset.from_parquet(str(path), cache_dir=str(user_cache() / "parquet"))
    except Exception as err:
        raise _damaged(path, err) from err
    return _source(table, str(path), [path])


def _library() -> ModuleType:
    return require("datasets", extra="hub", why="to read Hugging Face sets")


def _source(table: Any, origin: str, paths: list[Path]) -> FileSource:
    datasets = _library()
    images = [name for name, feature in table.features.items() if isinstance(feature, datasets.Image)]
    if not images:
        raise DataError(
            f"'{origin}' has no column of images, but {', '.join(table.features)}.",
            hint="datasets.Dataset.cast_column(NAME, datasets.Image()) makes one",
        )
    labels = [name for name, feature in table.features.items() if isinstance(feature, datasets.ClassLabel)]
    label = labels[0] if labels else None
    classes = tuple(table.features[label].names) if label else ()
    # As bytes: decoding is ours, so that the same file gives the same pixels wherever it comes from.
    rows = table.select_columns([images[0]]).cast_column(images[0], datasets.Image(decode=False))

    def entries() -> list[Entry]:
        numbers = table.with_format("numpy")[label][:] if label else [None] * len(table)
        return [
            Entry(str(row), _reader(rows, row, images[0]), None if number is None or number < 0 else str(number))
            for row, number in enumerate(numbers)
        ]

    return FileSource(origin, [Unit(origin, tuple(paths), functools.cache(entries))], classes)


def _reader(rows: Any, row: int, column: str) -> Callable[[], bytes]:
    def read() -> bytes:
        image = rows[row][column]
        if image is None:
            raise ValueError("there is no image in this row")
        if image["bytes"] is not None:
            return bytes(image["bytes"])
        return _inside_cache(image["path"]).read_bytes()

    return read


def _inside_cache(path: str) -> Path:
    """A file that the library downloaded. A set must not make us read any other, whatever path it holds."""
    datasets = _library()
    hub = require("huggingface_hub", extra="hub", why="to read Hugging Face sets")
    resolved = Path(path).resolve()
    homes = (datasets.config.HF_DATASETS_CACHE, hub.constants.HF_HUB_CACHE)
    if not any(resolved.is_relative_to(Path(home).resolve()) for home in homes):
        raise ValueError(f"'{path}' is outside the cache of the library")
    return resolved


def _cached_files(table: Any) -> list[Path]:
    return [Path(file["filename"]) for file in table.cache_files]


def _damaged(path: Path, err: Exception) -> DataError:
    reason = (str(err).strip() or type(err).__name__).splitlines()[0].rstrip(".")
    return DataError(f"'{path}' cannot be read as a Hugging Face set: {reason}.", hint="save it again")
