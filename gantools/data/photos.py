"""Photos in their own sizes: what image-to-image networks take, and what they should make of it.

``images`` makes squares of everything, for networks that learn from them; here pixels stay what they are as far as the
network's sizes allow, because restoring them is what is judged.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gantools.core.errors import DataError
from gantools.core.spec import AxisRange
from gantools.data.decode import BROKEN, FORMATS, decoding, opaque
from gantools.data.sources import Pixels, is_image_name

Sizes = tuple[int | AxisRange, int | AxisRange]
"""Height and width: a size, or the limits of one."""


@dataclass(frozen=True)
class Pairs:
    """Images and what a network should make of them.

    Attributes:
        name: The folder of the targets, as the user wrote it.
        inputs: (height, width, channels) uint8 each.
        targets: The same, ``scale`` times as large.
        digest: Of all pixels.
    """

    name: str
    inputs: Sequence[Pixels]
    targets: Sequence[Pixels]
    digest: str


def open_photos(folder: str | Path, *, height: int, width: int, channels: int, most: int) -> Pixels:
    """The first photos of a folder, by name, as pieces of one size.

    A photo that is larger gives its middle; one that is smaller is enlarged until it is large enough.

    Args:
        folder: Searched recursively for PNG, JPEG and WebP files.
        height: Of the pieces.
        width: Of the pieces.
        channels: 1 for grey, 3 for RGB.
        most: How many.

    Returns:
        (n, height, width, channels) uint8, n at most ``most``.

    Raises:
        DataError: There is no such folder, no image in it, or one cannot be read.
    """
    return np.stack([_cut(image, (height, width), channels) for _, image in _read(Path(folder), most)])


def open_pairs(
    targets: str | Path,
    *,
    sizes: Sizes,
    channels: tuple[int, int],
    scale: int,
    inputs: str | Path | None = None,
    most: int,
) -> Pairs:
    """What a network gets, and what it should make of it.

    Args:
        targets: A folder of what should be made.
        sizes: Which inputs the network takes. Photos are cut to the tuned size in the middle where they are larger.
        channels: Of the inputs, and of the targets.
        scale: How much larger a target is than its input.
        inputs: A folder of inputs with the names of their targets. None, or where ``scale`` is above 1 the targets
            themselves or a folder of other names: the inputs are the targets, made smaller by bicubic interpolation.
        most: How many pairs.

    Raises:
        DataError: There is no such folder, an input is missing or of another size, or nothing is large enough.
    """
    if inputs is None and scale == 1:
        raise DataError(
            "the network keeps the size of images, so that its inputs cannot be made of what it should make.",
            hint="give the inputs as --calibrate FOLDER, with the same file names",
        )
    if inputs is not None and scale > 1:
        same = Path(inputs).resolve() == Path(targets).resolve()
        inputs = None if same or not _names(Path(targets)) <= _names(Path(inputs)) else inputs
    made: list[tuple[Pixels, Pixels]] = []
    for path, target in _read(Path(targets), most):
        size = tuple(_fitting(have // scale, allowed) for have, allowed in zip(target.size[::-1], sizes, strict=True))
        if 0 in size:
            continue
        large = _cut(target, (size[0] * scale, size[1] * scale), channels[1])
        if inputs is None:
            whole = _cut(target, (size[0] * scale, size[1] * scale), channels[0])
            made.append((_smaller(whole, size), large))
            continue
        given = _opened(Path(inputs) / path.relative_to(targets))
        if given.size != (target.width // scale, target.height // scale):
            raise DataError(
                f"'{path.name}' is {target.width}x{target.height} pixels and its input {given.width}x{given.height}.",
                hint=f"an input is the target made {scale} times smaller",
            )
        made.append((_cut(given, size, channels[0]), large))
    if not made:
        raise DataError(f"no image in '{targets}' is large enough for the network.", hint="give larger ones")
    digest = hashlib.sha256()
    for pair in made:
        for pixels in pair:
            digest.update(f"{pixels.shape}".encode() + pixels.tobytes())
    first, second = zip(*made, strict=True)
    return Pairs(str(targets), first, second, digest.hexdigest())


def _names(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if is_image_name(path.name) and path.is_file()}


def _read(folder: Path, most: int) -> Iterator[tuple[Path, Image.Image]]:
    if not folder.is_dir():
        raise DataError(f"'{folder}' is no folder.", hint="give a folder of images")
    files = sorted(folder / name for name in _names(folder))
    if not files:
        raise DataError(f"there is no image in '{folder}'.", hint="files that count are PNG, JPEG and WebP")
    for path in files[:most]:
        yield path, _opened(path)


def _opened(path: Path) -> Image.Image:
    try:
        with decoding(), Image.open(io.BytesIO(path.read_bytes()), formats=FORMATS) as opened:
            return ImageOps.exif_transpose(opened).copy()
    except BROKEN as err:
        what = "is not an image that can be read" if path.is_file() else "does not exist"
        raise DataError(f"'{path}' {what}.", hint=f"formats: {', '.join(FORMATS)}") from err


def _cut(image: Image.Image, size: tuple[int, ...], channels: int) -> Pixels:
    """The middle of an image, enlarged before where it is too small: (*size, channels)."""
    height, width = size
    image = opaque(image).convert("L" if channels == 1 else "RGB")
    short = max(height / image.height, width / image.width)
    if short > 1:
        larger = (max(width, round(image.width * short)), max(height, round(image.height * short)))
        image = image.resize(larger, Image.Resampling.BICUBIC)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return np.asarray(image.crop((left, top, left + width, top + height)), np.uint8).reshape(height, width, channels)


def _smaller(pixels: Pixels, size: tuple[int, ...]) -> Pixels:
    whole = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return np.asarray(whole.resize((size[1], size[0]), Image.Resampling.BICUBIC), np.uint8).reshape(*size, -1)


def _fitting(have: int, allowed: int | AxisRange) -> int:
    """The largest size that the network takes and is tuned for; 0: there is none."""
    if isinstance(allowed, int):
        return allowed
    size = min(have, allowed.opt) // allowed.step * allowed.step
    return size if size >= allowed.min else 0
