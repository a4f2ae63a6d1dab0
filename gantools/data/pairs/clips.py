"""Pictures and films in their own sizes, decoded once into one file of bytes and cached by content.

A picture is a clip of one frame. ``images`` makes squares of everything; here pixels stay where they are, because what
learns from them is to restore pixels.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from gantools.core.atomic import sha256_file, staged_folder
from gantools.core.cache import user_cache
from gantools.core.errors import DataError, RecipeError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.optional import require
from gantools.core.swscale import meant_range, seen, swscale_matrix
from gantools.data.broken import check_broken
from gantools.data.decode import BROKEN, FORMATS, decoding, opaque
from gantools.data.sources import Pixels, is_hidden, is_image_name

Numbers = npt.NDArray[np.int64]
Halves = Literal["left-to-right", "right-to-left"]
# Part of every digest: to be raised when the same files would become other bytes.
_FORMAT = "gantools clips 2"
_INDEX, _FRAMES = "clips.json", "frames.bin"
BUILTIN = "builtin:photos"
FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".y4m")
"""What is taken for a film in a folder."""


@dataclass(frozen=True)
class Clips:
    """Clips of any sizes.

    Attributes:
        source: As the user wrote it.
        names: Of each clip, relative to the source.
        clips: (frames, height, width, channels) uint8 each, memory-mapped and read-only.
        digest: Of names, contents and channels.
    """

    source: str
    names: tuple[str, ...]
    clips: tuple[Pixels, ...]
    digest: str


def open_clips(
    source: str,
    *,
    channels: int,
    max_broken: float = 0.01,
    cache: str | None = None,
    on_event: OnEvent = ignore,
) -> Clips:
    """Open pictures and films.

    Args:
        source: A picture, a film, a folder of them, which is searched recursively, or ``builtin:photos``: the two
            photographs that come with scikit-learn.
        channels: 1 for grey, 3 for RGB.
        max_broken: Largest share of files that may be unreadable.
        cache: Folder for decoded frames; none: ``gantools`` in the user's cache folder.
        on_event: Who watches.

    Raises:
        DataError: There is no such source, nothing in it, or too much is broken.
        MissingDependencyError: There are films, and PyAV is not installed.
    """
    files = _files(source)
    whole = hashlib.sha256(f"{_FORMAT}\n{channels}\n".encode())
    for name, path in files:
        whole.update(f"{name}\0{sha256_file(path)}\n".encode("utf-8", "surrogateescape"))
    digest = whole.hexdigest()
    folder = (Path(cache).expanduser() if cache else user_cache()) / "clips" / digest
    if not (folder / _INDEX).is_file():
        with staged_folder(folder, marker=_INDEX) as staging:
            index, broken = _decode(files, channels, staging / _FRAMES, on_event)
            (staging / _INDEX).write_text(json.dumps({"clips": index, "broken": broken}))
    content = json.loads((folder / _INDEX).read_text())
    check_broken(source, content["broken"], len(files), max_broken, on_event, "files")
    frames = np.memmap(folder / _FRAMES, np.uint8, mode="r")
    clips, at = [], 0
    for _, *shape in content["clips"]:
        size = int(np.prod(shape))
        clips.append(np.asarray(frames[at : at + size]).reshape(shape))
        at += size
    return Clips(source, tuple(name for name, *_ in content["clips"]), tuple(clips), digest)


def open_both(source: str, targets: str | None, halves: Halves | None, **options: Any) -> tuple[Clips, Clips]:
    """What is given, and what comes out, from two sources or from one of pictures that hold both side by side.

    Args:
        source: What is given, or both.
        targets: What comes out; none: ``halves``.
        halves: Which half is given, of pictures that hold two of the same width: ``left-to-right``: the left one.
        options: Of ``open_clips``.

    Raises:
        DataError: As ``open_clips``; or a picture has no two halves.
        RecipeError: There are both, or neither.
    """
    if (targets is None) == (halves is None):
        raise RecipeError(
            "the recipe says by both data.targets and data.halves what images should become."
            if targets is not None
            else "the recipe does not say what images should become.",
            hint="set data.targets to a folder, or data.halves where each picture holds both side by side",
        )
    first = open_clips(source, **options)
    if targets is not None:
        return first, open_clips(targets, **options)
    for name, clip in zip(first.names, first.clips, strict=True):
        if clip.shape[2] % 2:
            raise DataError(
                f"'{name}' in '{source}' is {clip.shape[2]} pixels wide, and has no two halves.",
                hint="leave out data.halves, or give pictures that hold two of the same width side by side",
            )
    left = tuple(clip[:, :, : clip.shape[2] // 2] for clip in first.clips)
    right = tuple(clip[:, :, clip.shape[2] // 2 :] for clip in first.clips)
    one, other = (
        replace(first, clips=half, digest=f"{first.digest} {which}")
        for half, which in ((left, "left"), (right, "right"))
    )
    return (one, other) if halves == "left-to-right" else (other, one)


def sides(clips: Clips, share: float) -> tuple[Numbers, Numbers]:
    """Which clips to train on, and which to hold out. One falls on a side by its name, so always on the same one.

    Raises:
        DataError: A side would be empty.
    """
    places = [hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest() for name in clips.names]
    kept = sorted(range(len(places)), key=places.__getitem__)[: round(share * len(places))]
    if not kept or len(kept) == len(places):
        raise DataError(
            f"evaluate.held_out={share:g} of the {len(places)} clips of '{clips.source}' leaves a side empty.",
            hint="hold out another share, or give more clips",
        )
    return np.array(sorted(set(range(len(places))) - set(kept))), np.array(sorted(kept))


def chosen(clips: Clips, numbers: Sequence[int] | Numbers) -> Clips:
    """Some of the clips."""
    names = tuple(clips.names[number] for number in numbers)
    found = tuple(clips.clips[number] for number in numbers)
    return replace(clips, names=names, clips=found)


def _files(source: str) -> list[tuple[str, Path]]:
    """Names and paths, sorted by name."""
    if source == BUILTIN:
        data = require("sklearn.datasets", extra="data", why=f"for '{BUILTIN}'")
        folder = Path(str(data.__file__)).parent / "images"
        return [(path.name, path) for path in sorted(folder.glob("*.jpg"))]
    path = Path(source).expanduser()
    if path.is_file() and (is_image_name(path.name) or is_film_name(path.name)):
        return [(path.name, path)]
    if not path.is_dir():
        what = "is neither a folder nor a picture or film" if path.exists() else "does not exist"
        raise DataError(
            f"the source of pictures '{source}' {what}.",
            hint=f"give a picture, a film, a folder of them, or {BUILTIN}",
        )
    names = {one.relative_to(path).as_posix(): one for one in path.rglob("*") if one.is_file()}
    found = sorted((name, one) for name, one in names.items() if is_image_name(name) or is_film_name(name))
    if not found:
        raise DataError(
            f"there is neither a picture nor a film in '{source}'.",
            hint=f"files that count are PNG, JPEG, WebP, and {', '.join(suffix[1:] for suffix in FILMS)}",
        )
    return found


def is_film_name(name: str) -> bool:
    """Whether a file counts as a film: by suffix, and not hidden."""
    return name.lower().endswith(FILMS) and not is_hidden(name)


def _decode(
    files: list[tuple[str, Path]], channels: int, out: Path, on_event: OnEvent
) -> tuple[list[tuple[str, int, int, int, int]], list[str]]:
    """Write the frames of all files one behind the other; returns (name, *shape) of each, and which were broken."""
    index, broken = [], []
    with out.open("wb") as stream:
        for number, (name, path) in enumerate(files):
            on_event(Progress("decode", number, len(files), "files"))
            start = stream.tell()
            try:
                count, height, width = (_film if is_film_name(name) else _picture)(path, channels, stream)
            except BROKEN:
                stream.seek(start)
                stream.truncate()
                broken.append(name)
                continue
            index.append((name, count, height, width, channels))
    on_event(Progress("decode", len(files), len(files), "files"))
    return index, broken


def _picture(path: Path, channels: int, stream: IO[bytes]) -> tuple[int, int, int]:
    with decoding(), Image.open(io.BytesIO(path.read_bytes()), formats=FORMATS) as opened:
        image = opaque(ImageOps.exif_transpose(opened)).convert("L" if channels == 1 else "RGB")
    stream.write(np.asarray(image, np.uint8).tobytes())
    return 1, image.height, image.width


def _film(path: Path, channels: int, stream: IO[bytes]) -> tuple[int, int, int]:
    av: Any = require("av", extra="video", why="to learn from films")
    shape, count = None, 0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            matrix = swscale_matrix(frame.colorspace, frame.width, frame.height)
            pixels = seen(frame, "gray" if channels == 1 else "rgb24", matrix, meant_range(frame))
            if shape is not None and pixels.shape[:2] != shape:
                raise ValueError("frames change their size")
            shape, count = pixels.shape[:2], count + 1
            stream.write(np.ascontiguousarray(pixels).tobytes())
    if shape is None:
        raise ValueError("it holds no frame")
    return count, *shape
