"""Image grids as PNG, with where they come from in the file's text chunks and as XMP."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.atomic import write_atomic
from gantools.core.errors import ArtifactError
from gantools.core.optional import require
from gantools.media.provenance import GENERATED, XMP_CHUNK, packet

Images = npt.NDArray[np.uint8]
Sign = Callable[[bytes, Mapping[str, str]], bytes]
"""A picture file, and where it comes from, to the file that is signed."""


def image_grid(images: Images, *, columns: int | None = None, gap: int = 2) -> Images:
    """Lay images out row by row on white.

    Args:
        images: (n, height, width, channels) uint8.
        columns: Images in a row; none: as square as possible.
        gap: Pixels between images.

    Returns:
        (grid height, grid width, channels) uint8.
    """
    count, height, width, channels = images.shape
    columns = min(count, columns or math.ceil(math.sqrt(count)))
    rows = math.ceil(count / columns)
    grid = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid


def png_bytes(
    image: Images, metadata: Mapping[str, str] | None = None, *, scale: int = 1, source_type: str = GENERATED
) -> bytes:
    """Encode one image.

    Args:
        image: (height, width, channels) uint8, one channel for grey or three for RGB.
        metadata: Of what a network made: text chunks, such as seeds and artifact digest, which also go into XMP.
        scale: Whole-number enlargement, each pixel a square.
        source_type: What XMP calls it: ``GENERATED`` or ``EDITED``.
    """
    pil: Any = require("PIL.Image", extra="media", why="to write PNG files")
    chunks = require("PIL.PngImagePlugin", extra="media", why="to write PNG files").PngInfo()
    for key, value in (metadata or {}).items():
        chunks.add_itxt(key, value)
    if metadata:
        chunks.add_itxt(XMP_CHUNK, packet(metadata, source_type).decode())
    pixels = np.repeat(np.repeat(image, scale, axis=0), scale, axis=1)
    out = io.BytesIO()
    pil.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(out, "PNG", pnginfo=chunks)
    return out.getvalue()


def save_grid(
    path: Path, images: Images, *, columns: int | None = None, metadata: Mapping[str, str] | None = None, scale: int = 1
) -> None:
    """Write a grid of (n, height, width, channels) uint8 images as PNG, whole or not at all."""
    write_atomic(path, png_bytes(image_grid(images, columns=columns), metadata, scale=scale))


def save_images(
    out: Path,
    images: Images,
    names: Sequence[str],
    *,
    columns: int | None = None,
    metadata: Mapping[str, str] | None = None,
    own: Sequence[Mapping[str, str]] | None = None,
    scale: int = 1,
    source_type: str = GENERATED,
    sign: Sign | None = None,
) -> None:
    """Write images as the suffix of ``out`` says: ``.png`` for one grid, ``.npy`` for the array, or a folder of PNGs.

    Args:
        out: Where to. Each file appears whole or not at all.
        images: (n, height, width, channels) uint8, or (rows, columns, height, width, channels).
        names: Of each image in a folder, without suffix.
        columns: Images in a row of the grid; none: those of ``images``, or as square as possible.
        metadata: Of every PNG, as in ``png_bytes``.
        own: Of each image in a folder, beside those.
        scale: As ``png_bytes``.
        source_type: As ``png_bytes``.
        sign: What each PNG goes through before it is written.

    Raises:
        ArtifactError: The disk refused. The pictures of a folder that were written before stay.
    """

    def encoded(image: Images, facts: Mapping[str, str]) -> bytes:
        content = png_bytes(image, facts, scale=scale, source_type=source_type)
        return sign(content, facts) if sign else content

    flat, facts = images.reshape(-1, *images.shape[-3:]), metadata or {}
    if out.suffix == ".npy":
        content = io.BytesIO()
        np.save(content, images, allow_pickle=False)
        write_atomic(out, content.getvalue())
    elif out.suffix == ".png":
        given = images.shape[1] if images.ndim == 5 else None
        write_atomic(out, encoded(image_grid(flat, columns=columns or given), facts))
    else:
        for done, (image, name, chunks) in enumerate(zip(flat, names, own or [{}] * len(flat), strict=True)):
            content_of_one = encoded(image, {**facts, **chunks})
            try:
                write_atomic(out / f"{name}.png", content_of_one)
            except ArtifactError as err:
                whole = f"{done} of {len(flat)} pictures are in '{out}', whole, and the others are not"
                raise ArtifactError(err.message, hint=whole) from err
