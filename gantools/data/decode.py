"""One image to one array of fixed size. Every kind of damage to a file is an exception of ``BROKEN``."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from gantools.core.errors import DataError
from gantools.data.sources import Fit, Pixels

FORMATS = ("PNG", "JPEG", "WEBP", "PPM")
# Pillow's decoders raise all of these on damaged files; the zip ones come from reading a damaged or encrypted member.
BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
)


def decode(content: bytes, *, resolution: int, channels: int, fit: Fit = "resize") -> Pixels:
    """Decode a file, turn it upright, and make a square of it; see ``square``.

    Transparent images are laid on white, because what lies under transparency is arbitrary.

    Args:
        content: A PNG, JPEG, WebP or PPM file.
        resolution: Edge of the result, in pixels.
        channels: 1 for grey, 3 for RGB.
        fit: See ``square``.

    Returns:
        (resolution, resolution, channels) uint8, 0..255.
    """
    with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
        # A JPEG can be decoded at a half, a quarter or an eighth; twice the resolution is left for the filter.
        opened.draft("L" if channels == 1 else "RGB", (2 * resolution, 2 * resolution))
        image = ImageOps.exif_transpose(opened)
    return square(image, resolution=resolution, channels=channels, fit=fit)


def decode_file(path: Path, *, resolution: int, channels: int, fit: Fit = "resize") -> Pixels:
    """As ``decode``, of one file on disk.

    Raises:
        DataError: It is missing, or no image.
    """
    try:
        with decoding():
            return decode(path.read_bytes(), resolution=resolution, channels=channels, fit=fit)
    except BROKEN as err:
        what = "is not an image that can be read" if path.is_file() else "does not exist"
        raise DataError(f"'{path}' {what}.", hint=f"formats: {', '.join(FORMATS)}") from err


def square(image: Image.Image, *, resolution: int, channels: int, fit: Fit = "resize") -> Pixels:
    """Cut the middle square of an image and resize it.

    Lanczos for shrinking: the sharpest of Pillow's filters, all of which widen with the scale and so do not alias
    (Parmar et al., "On aliased resizing and surprising subtleties in GAN evaluation", 2022). Bicubic for enlarging,
    where Lanczos leaves rings around edges. Where the square has the right size already, its pixels are kept.

    Args:
        image: Any image, upright.
        resolution: Edge of the result, in pixels.
        channels: 1 for grey, 3 for RGB.
        fit: ``"pad"``: a square that is too small is not enlarged but laid in the middle of black, as is usual for
            28x28 digits in 32x32.

    Returns:
        (resolution, resolution, channels) uint8, 0..255.
    """
    mode: Literal["L", "RGB"] = "L" if channels == 1 else "RGB"
    image = opaque(image).convert(mode)
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    # Cut before resizing: with resize's own box the filter would see what lies outside.
    middle = image.crop((left, top, left + edge, top + edge))
    if fit == "pad" and edge < resolution:
        result = Image.new(mode, (resolution, resolution))
        result.paste(middle, ((resolution - edge) // 2, (resolution - edge) // 2))
    else:
        how = Image.Resampling.LANCZOS if edge > resolution else Image.Resampling.BICUBIC
        result = middle.resize((resolution, resolution), how)
    return np.asarray(result, np.uint8).reshape(resolution, resolution, channels)


def header(content: bytes) -> tuple[int, int, str]:
    """Width and height in pixels, as shown, and Pillow's mode of a file, such as ``"RGB"``. Nothing is decoded."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
        turned = opened.getexif().get(0x0112, 1) >= 5  # orientations 5 to 8 lie on their side
        return (*(opened.size[::-1] if turned else opened.size), opened.mode)


@contextmanager
def decoding() -> Iterator[None]:
    """Within, more than ``PIL.Image.MAX_IMAGE_PIXELS`` is an error, and Pillow's remarks on odd files are mute.

    Set once around all threads: the filters of ``warnings`` belong to the process.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def opaque(image: Image.Image) -> Image.Image:
    """The image on white where it is transparent, and in 8 bits where it has 16."""
    if image.mode.startswith("I"):  # 16 bits, which convert() would cut off at 255 instead of scaling
        return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)
    return image
