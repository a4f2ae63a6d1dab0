"""The decoded copy of a source in the cache: one ``.npy``, whole or not at all, and beside it what is broken."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np

from gantools.core.atomic import write_atomic
from gantools.core.errors import ArtifactError
from gantools.data.sources import Geometry, Pixels

# Part of every digest: to be raised when the same file would be decoded to other pixels.
FORMAT = "gantools image set 1"


def build(images: Iterable[Pixels | None], pixels: Path, geometry: Geometry) -> tuple[int, ...]:
    """Write images one after another into ``pixels``; returns the numbers of the broken ones.

    The array appears last and by rename, so where it stands the set is complete. Two builders of one set write the same
    bytes under names of their own, and the second rename changes nothing.

    Raises:
        ArtifactError: The disk refused.
    """
    try:
        pixels.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=pixels.parent, prefix=".", suffix=".partial", delete=False) as file:
            try:
                broken = []
                _write_header(file, 0, geometry)
                number = -1
                for number, image in enumerate(images):
                    if image is None:
                        broken.append(number)
                    else:
                        file.write(image.tobytes())
                file.seek(0)
                _write_header(file, number + 1 - len(broken), geometry)
                file.flush()
                os.fsync(file.fileno())
                write_atomic(listing_of(pixels), json.dumps({"format": FORMAT, "broken_at": broken}).encode())
                Path(file.name).chmod(0o644)
                Path(file.name).replace(pixels)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as err:
        raise ArtifactError(
            f"cannot write the decoded images to '{pixels.parent}': {err.strerror or err}.",
            hint="free some space, or give another folder: XDG_CACHE_HOME, or data.cache in a recipe",
        ) from err
    return tuple(broken)


def built(pixels: Path) -> tuple[int, ...] | None:
    """The numbers of the broken images of a set that is in the cache; none where it is not."""
    try:
        return tuple(json.loads(listing_of(pixels).read_bytes())["broken_at"]) if pixels.is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def listing_of(pixels: Path) -> Path:
    """Where it says which images of the source are not in the array."""
    return pixels.with_suffix(".json")


def _write_header(file: IO[bytes], count: int, geometry: Geometry) -> None:
    """The head of an ``.npy`` file, of a length that does not depend on ``count``: NumPy leaves room for it to grow."""
    shape = (count, geometry.resolution, geometry.resolution, geometry.channels)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
