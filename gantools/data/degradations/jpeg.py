"""Packed as JPEG, frame by frame."""

from __future__ import annotations

import io
from typing import Annotated

import numpy as np
from PIL import Image
from pydantic import AfterValidator

from gantools.core.spec import Frozen
from gantools.data.degradations.degradation import DegradationRow, drawn, ordered
from gantools.data.sources import Pixels


class JPEGConfig(Frozen):
    """Options of ``jpeg``.

    Attributes:
        quality: Range, 1..95 as libjpeg counts.
    """

    quality: Annotated[tuple[float, float], AfterValidator(ordered)] = (20, 80)


class JPEG:
    """See the module."""

    scale = 1
    context = 0
    margin = 8  # of a block
    between = False
    unlocked = False

    def __init__(self, config: JPEGConfig) -> None:
        self._config = config

    def apply(self, clip: Pixels, rng: np.random.Generator) -> Pixels:
        """See ``Degradation``."""
        quality = round(drawn(self._config.quality, rng))
        return np.stack([_packed(frame, quality) for frame in clip])


def _packed(frame: Pixels, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as opened:
        return np.asarray(opened, np.uint8).reshape(frame.shape)


jpeg = DegradationRow(JPEGConfig, JPEG)
