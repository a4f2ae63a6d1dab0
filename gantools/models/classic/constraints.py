"""What a user demands of an image, as data: linear inequalities on its values, by regions or by weights."""

from __future__ import annotations

import math
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from gantools.core.sampler import Setting
from gantools.core.spec import Frozen

Region = tuple[float, float, float, float]
_WHOLE: Region = (0.0, 0.0, 1.0, 1.0)


class Constraint(Frozen):
    """``weights . values >= at_least``, or ``<= at_most``. Values are those of the image, in [-1, 1].

    Attributes:
        name: Of the setting with which a caller can move the bound.
        region: The weights are those of the mean over this part of the image: top, left, bottom and right, as shares of
            its edge.
        minus: And from it the mean over this part is taken away; none: nothing.
        weights: The weights one by one, in the order channels, rows, columns, instead of ``region`` and ``minus``.
        at_least: Lower bound.
        at_most: Upper bound; exactly one of both.
    """

    name: str = Field(pattern="^[a-z][a-z0-9_]*$")
    region: Region = _WHOLE
    minus: Region | None = None
    weights: tuple[float, ...] | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"the constraint '{self.name}' needs one of at_least and at_most")
        if self.weights is not None and (self.region != _WHOLE or self.minus is not None):
            raise ValueError(f"the constraint '{self.name}' has weights, so it has neither region nor minus")
        for top, left, bottom, right in filter(None, (self.region, self.minus)):
            if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
                raise ValueError(
                    f"the constraint '{self.name}' needs regions with 0 <= top < bottom <= 1 and "
                    f"0 <= left < right <= 1, got {[top, left, bottom, right]}"
                )
        if self.weights is not None and not (any(self.weights) and all(map(math.isfinite, self.weights))):
            raise ValueError(f"the constraint '{self.name}' needs finite weights that are not all zero")
        return self

    @property
    def bound(self) -> float:
        """Whichever there is."""
        return self.at_least if self.at_least is not None else self.at_most  # type: ignore[return-value]

    @property
    def sign(self) -> float:
        """1 for a lower bound, -1 for an upper one: sign * (weights . values - bound) >= 0."""
        return 1.0 if self.at_least is not None else -1.0

    def row(self, channels: int, resolution: int) -> Tensor:
        """The weights of an image: (channels * resolution**2,) float32.

        Raises:
            ValueError: There are more or fewer weights than values, or a region holds no pixel.
        """
        size = channels * resolution**2
        if self.weights is not None:
            if len(self.weights) != size:
                raise ValueError(
                    f"the constraint '{self.name}' has {len(self.weights)} weights, an image {size} values"
                )
            return torch.tensor(self.weights)
        row = self._mean(self.region, channels, resolution)
        return row if self.minus is None else row - self._mean(self.minus, channels, resolution)

    def _mean(self, region: Region, channels: int, resolution: int) -> Tensor:
        top, left, bottom, right = (round(share * resolution) for share in region)
        mask = torch.zeros(channels, resolution, resolution)
        mask[:, top:bottom, left:right] = 1.0
        if not mask.any():
            raise ValueError(f"a region of the constraint '{self.name}' holds no pixel at resolution {resolution}")
        return (mask / mask.sum()).flatten()

    def reach(self, row: Tensor, low: float, high: float) -> tuple[float, float]:
        """The least and the largest value of the form on images in [low, high]."""
        up, down = float(row.clamp_min(0).sum()), float(row.clamp_max(0).sum())
        return up * low + down * high, up * high + down * low

    def check(self, row: Tensor, low: float, high: float) -> None:
        """Refuse a bound that no image can meet.

        Raises:
            ValueError: See above.
        """
        least, most = self.reach(row, low, high)
        if (self.at_least is not None and self.at_least > most) or (self.at_most is not None and self.at_most < least):
            raise ValueError(
                f"the constraint '{self.name}' cannot be met: with values in [{low:g}, {high:g}] it lies between "
                f"{least:g} and {most:g}, got the bound {self.bound:g}"
            )

    def setting(self, row: Tensor) -> Setting:
        """The bound as an input that has a default."""
        least, most = self.reach(row, -1.0, 1.0)
        return Setting(default=self.bound, low=min(least, self.bound), high=max(most, self.bound))
