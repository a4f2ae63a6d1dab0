"""Image grids as PNG, with where they come from in the file's text chunks."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.atomic import write_atomic
from gantools.core.optional import require

Images = npt.NDArray[np.uint8]


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


def png_bytes(image: Images, metadata: Mapping[str, str] | None = None, *, scale: int = 1) -> bytes:
    """Encode one image.

    Args:
        image: (height, width, channels) uint8, one channel for grey or three for RGB.
        metadata: Text chunks, such as seeds and artifact digest.
        scale: Whole-number enlargement, each pixel a square.
    """
    pil: Any = require("PIL.Image", extra="media", why="to write PNG files")
    chunks = require("PIL.PngImagePlugin", extra="media", why="to write PNG files").PngInfo()
    for key, value in (metadata or {}).items():
        chunks.add_itxt(key, value)
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
) -> None:
    """Write images as the suffix of ``out`` says: ``.png`` for one grid, ``.npy`` for the array, or a folder of PNGs.

    Args:
        out: Where to. Each file appears whole or not at all.
        images: (n, height, width, channels) uint8, or (rows, columns, height, width, channels).
        names: Of each image in a folder, without suffix.
        columns: Images in a row of the grid; none: those of ``images``, or as square as possible.
        metadata: Text chunks of every PNG.
        own: Text chunks of each image in a folder, beside those.
        scale: As ``png_bytes``.
    """
    flat = images.reshape(-1, *images.shape[-3:])
    if out.suffix == ".npy":
        content = io.BytesIO()
        np.save(content, images, allow_pickle=False)
        write_atomic(out, content.getvalue())
    elif out.suffix == ".png":
        given = images.shape[1] if images.ndim == 5 else None
        save_grid(out, flat, columns=columns or given, metadata=metadata, scale=scale)
    else:
        for image, name, chunks in zip(flat, names, own or [{}] * len(flat), strict=True):
            write_atomic(out / f"{name}.png", png_bytes(image, {**(metadata or {}), **chunks}, scale=scale))
