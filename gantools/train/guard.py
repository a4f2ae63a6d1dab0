"""Collects the loss terms of every step without waiting for the device, and looks at them once in a while."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gantools.core.errors import TrainingError


class Terms:
    """The loss terms since the last look."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, str, Tensor]] = []

    def add(self, step: int, terms: dict[str, Tensor]) -> None:
        """Keep the terms (scalars on any device) of a step."""
        self._kept += [(step, name, value) for name, value in terms.items()]

    def means(self, hint: str) -> dict[str, float]:
        """The mean of every term since the last call. The only point where the host waits for the device.

        Raises:
            TrainingError: A term is not finite; the first such step is named.
        """
        if not self._kept:
            return {}
        values = torch.stack([value for _, _, value in self._kept]).tolist()
        sums: dict[str, list[float]] = {}
        for (step, name, _), value in zip(self._kept, values, strict=True):
            if not math.isfinite(value):
                raise TrainingError(f"the loss term '{name}' became {value} at step {step + 1}.", hint=hint)
            sums.setdefault(name, []).append(value)
        self._kept.clear()
        return {name: sum(group) / len(group) for name, group in sums.items()}
