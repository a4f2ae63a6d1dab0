"""Picture files for networks and back, with what comes with them: transparency, colour profile, EXIF, XMP."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from gantools.core.atomic import write_atomic
from gantools.core.errors import DataError, RecipeError, first_line
from gantools.core.optional import require
from gantools.media.provenance import EDITED, PREFIX, XMP_CHUNK, Mark, amended, in_order, mark_of_packet, packet

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_OPAQUE = (".jpg", ".jpeg")
_SAVE: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"lossless": True},
    ".tif": {"compression": "tiff_deflate"},
    ".tiff": {"compression": "tiff_deflate"},
}
_TIFF_XMP = 700
_MOST_XMP_OF_JPEG = 65_502  # a segment holds no more
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """A picture that was read.

    Attributes:
        pixels: (height, width, channels) uint8, what the network is to see: RGB, or brightness.
        colour: PIL image of the other components (YCbCr), where a network of brightness sees a picture in colour.
        alpha: (height, width) uint8; none: it is opaque.
        grey: Whether the file is, although the network takes RGB.
        deep: Whether the file has more than 8 bits a component.
        kept: What goes with the new file: ``icc_profile``, ``exif``, ``dpi``.
        xmp: The packet of XMP, which goes with it, too; empty: there is none.
    """

    pixels: Pixels
    colour: Any = None
    alpha: Pixels | None = None
    grey: bool = False
    deep: bool = False
    kept: dict[str, Any] = field(default_factory=dict)
    xmp: bytes = b""


def read_picture(path: Path, channels: int) -> Picture:
    """Decode a picture file. Pixels stay as they are stored; a rotation in EXIF goes with the new file.

    Args:
        path: The file.
        channels: 3 for a network of RGB, 1 for one of brightness.

    Raises:
        DataError: Missing, empty, damaged, or an animation.
    """
    if not path.is_file():
        raise DataError(f"'{path}' {'is no file' if path.exists() else 'does not exist'}.")
    if path.stat().st_size == 0:
        raise DataError(f"'{path}' is empty: it has no bytes at all.", hint="copy or download it again")
    with path.open("rb") as stream:
        return _read(stream, channels, f"'{path}'")


def decode_picture(content: bytes, channels: int, *, kinds: Sequence[str], max_pixels: int) -> Picture:
    """As ``read_picture``, of bytes that somebody sent.

    Args:
        content: Of a picture file.
        channels: As in ``read_picture``.
        kinds: Of files that are looked at, by Pillow's names, such as ``PNG``.
        max_pixels: Height times width, which are known before anything is unpacked.

    Raises:
        DataError: None of these kinds, too large, damaged, or an animation.
    """
    return _read(io.BytesIO(content), channels, "what was sent", kinds, max_pixels)


def _read(
    stream: IO[bytes], channels: int, name: str, kinds: Sequence[str] | None = None, max_pixels: int | None = None
) -> Picture:
    pil: Any = require("PIL.Image", extra="media", why="to read pictures")
    try:
        with pil.open(stream, formats=kinds) as image:
            if max_pixels is not None and image.width * image.height > max_pixels:
                raise DataError(f"{name} has {image.width}x{image.height} pixels, more than {max_pixels}.")
            if getattr(image, "n_frames", 1) > 1:
                raise DataError(f"{name} is an animation of {image.n_frames} pictures.", hint="give it as a video")
            deep = image.mode.startswith("I") or any(";16" in _raw_mode(tile[3]) for tile in image.tile)
            image.load()
            kept = {key: image.info[key] for key in ("icc_profile", "exif", "dpi") if key in image.info}
            return replace(_picture(image, channels, deep, kept), xmp=_xmp(image))
    except (OSError, SyntaxError, ValueError, pil.DecompressionBombError) as err:
        raise DataError(f"{name} cannot be read as a picture: {first_line(err)}") from err


def _xmp(image: Any) -> bytes:
    found = image.info.get("xmp", b"")
    return found if isinstance(found, bytes) else str(found).encode()


def _raw_mode(arguments: Any) -> str:
    """Of a decoder of Pillow, such as ``"RGB;16B"``."""
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _picture(image: Any, channels: int, deep: bool, kept: dict[str, Any]) -> Picture:
    pil: Any = require("PIL.Image", extra="media", why="to read pictures")
    if image.mode.startswith("I"):
        image = pil.fromarray((np.asarray(image).clip(0, 65535) / 257 + 0.5).astype(np.uint8))
    alpha = None
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("L", "LA") else "RGBA")
        alpha = np.asarray(image.getchannel("A"))
    grey = image.mode in ("1", "L", "LA")
    if image.mode == "CMYK":
        kept = {key: value for key, value in kept.items() if key != "icc_profile"}  # it is of CMYK
    if channels == 1 and not grey:
        parts = image.convert("RGB").convert("YCbCr")
        return Picture(np.asarray(parts.getchannel(0))[..., None], parts, alpha, False, deep, kept)
    pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
    return Picture(pixels.reshape(*pixels.shape[:2], channels), None, alpha, grey, deep, kept)


def write_picture(path: Path, made: Pixels, source: Picture, origin: Mapping[str, str] | None = None) -> None:
    """Encode what a network made of a picture; the file appears whole or not at all.

    Args:
        path: The file, of a kind that ``SUFFIXES`` names.
        made: (height, width, channels) uint8.
        source: What it is made of.
        origin: As in ``encode_picture``.

    Raises:
        RecipeError: The file cannot be of this kind.
        ArtifactError: The disk refused.
    """
    check_suffix(path)
    write_atomic(path, encode_picture(path.name, made, source, origin))


def encode_picture(name: str, made: Pixels, source: Picture, origin: Mapping[str, str] | None = None) -> bytes:
    """As ``write_picture``, the bytes of the file.

    Args:
        name: Of the file, with one of ``SUFFIXES``.
        made: (height, width, channels) uint8.
        source: What it is made of.
        origin: Of the network, as ``Generator.origin``, which goes into XMP; none: no network made it. A .bmp has no
            place for it.

    Raises:
        RecipeError: Such a file cannot be transparent.
    """
    pil: Any = require("PIL.Image", extra="media", why="to write pictures")
    suffix = Path(name).suffix.lower()
    size = (made.shape[1], made.shape[0])
    if made.shape[2] == 1 and source.colour is not None:
        parts = source.colour.resize(size, pil.Resampling.BICUBIC)
        image = pil.merge("YCbCr", [pil.fromarray(made[..., 0]), *parts.split()[1:]]).convert("RGB")
    else:
        image = pil.fromarray(made[..., 0] if made.shape[2] == 1 else made)
    if source.grey and image.mode == "RGB":
        image = image.convert("L")
    if source.alpha is not None:
        if suffix in _OPAQUE:
            raise RecipeError(
                f"'{name}' cannot be transparent, being a {suffix}, and what it is made of is.",
                hint="give it the suffix .png",
            )
        image.putalpha(pil.fromarray(source.alpha).resize(size, pil.Resampling.BICUBIC))
    content = io.BytesIO()
    kind = {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())
    xmp = source.xmp if origin is None else amended(source.xmp, origin)
    if kind == "JPEG" and len(xmp) > _MOST_XMP_OF_JPEG:
        xmp = b"" if origin is None else packet(origin, EDITED)  # what came along has no room there
    image.save(content, kind, **_SAVE.get(suffix, {}), **source.kept, **(_with_xmp(kind, xmp) if xmp else {}))
    return content.getvalue()


def _with_xmp(kind: str, xmp: bytes) -> dict[str, Any]:
    """What Pillow takes to write a packet into a file of this kind."""
    if kind == "PNG":
        chunks = require("PIL.PngImagePlugin", extra="media", why="to write PNG files").PngInfo()
        chunks.add_itxt(XMP_CHUNK, xmp.decode(errors="replace"))
        return {"pnginfo": chunks}
    return {"TIFF": {"tiffinfo": {_TIFF_XMP: xmp}}, "BMP": {}}.get(kind, {"xmp": xmp})


def check_suffix(path: Path) -> None:
    """Refuse a name that no picture can have.

    Raises:
        RecipeError: Naming those that it can.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise RecipeError(f"no picture file is called '{path.name}'.", hint=f"suffixes are {', '.join(SUFFIXES)}")


def mark_of_picture(path: Path) -> Mark:
    """Where a picture says it comes from: by XMP, and in PNG by text chunks as well.

    Raises:
        DataError: It cannot be read.
    """
    pil: Any = require("PIL.Image", extra="media", why="to read pictures")
    try:
        with pil.open(path) as image:
            image.load()
            chunks = {key: text for key, text in image.info.items() if key.startswith(PREFIX) and isinstance(text, str)}
            found = mark_of_packet(_xmp(image))
    except (OSError, SyntaxError, ValueError, pil.DecompressionBombError) as err:
        raise DataError(f"'{path}' cannot be read as a picture: {first_line(err)}") from err
    facts = {**{key[len(PREFIX) :]: str(text) for key, text in chunks.items()}, **found.facts}
    return replace(found, facts=in_order(facts), tool=found.tool or ("gantools" if chunks else ""))
