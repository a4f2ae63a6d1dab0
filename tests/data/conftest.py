"""Opening with a cache of the test's own, and images that differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gantools.data import ImageSet, open_images

Opened = Callable[..., ImageSet]
Noise = Callable[..., npt.NDArray[np.uint8]]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """``open_images`` at 16x16 in colour, unless told otherwise."""

    def open_it(source: Path | str, **options: Any) -> ImageSet:
        arguments: dict[str, Any] = {"resolution": 16, "channels": 3, "cache": str(tmp_path / "cache"), **options}
        return open_images(str(source), **arguments)

    return open_it


@pytest.fixture
def noise() -> Noise:
    """(n, edge, edge[, channels]) uint8, all different, the same in every test."""

    def make(count: int, edge: int = 16, channels: int | None = 3, seed: int = 0) -> npt.NDArray[np.uint8]:
        shape = (count, edge, edge) if channels is None else (count, edge, edge, channels)
        return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)

    return make
