"""The options that networks which restore frames share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gantools.core.spec import Frozen


class RestorerConfig(Frozen):
    """Options of every restorer.

    Attributes:
        scale: By how much frames become larger; 1: they keep their size, to be denoised, deblocked or colorized.
        channels: 1 for grey, 3 for RGB.
        size: A width and a depth by name.
        width: Feature maps; none: those of the size.
        depth: Convolutions between the first and the last ones; none: those of the size.
    """

    sizes: ClassVar[Mapping[str, tuple[int, int]]]

    scale: Literal[1, 2, 3, 4] = 2
    channels: Literal[1, 3] = 3
    size: Literal["nano", "small", "base"] = "small"
    width: int | None = Field(default=None, ge=8, multiple_of=8)
    depth: int | None = Field(default=None, ge=1)

    @property
    def shape(self) -> tuple[int, int]:
        """Feature maps, and convolutions between the first and the last ones."""
        width, depth = self.sizes[self.size]
        return self.width or width, self.depth or depth
