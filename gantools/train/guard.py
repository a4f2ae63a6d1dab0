"""Collects the loss terms of every step without waiting for the device, until somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from gantools.train.watch import Value


class Terms:
    """The loss terms since the last look."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, str, Tensor]] = []

    def add(self, step: int, terms: dict[str, Tensor]) -> None:
        """Keep the terms (scalars on any device) of a step."""
        self._kept += [(step, name, value) for name, value in terms.items()]

    def take(self, average: Callable[[Tensor], Tensor] = lambda values: values) -> list[Value]:
        """All terms since the last call. The only point where the host waits for the device.

        Args:
            average: Of (n,) float32, over all processes. They all hold the same terms in the same order.
        """
        kept, self._kept = self._kept, []
        if not kept:
            return []
        values = average(torch.stack([value.float() for _, _, value in kept])).tolist()
        return [Value(step, name, value) for (step, name, _), value in zip(kept, values, strict=True)]


def means(values: Iterable[Value]) -> dict[str, float]:
    """The mean of every term, in the order of its first appearance."""
    groups: dict[str, list[float]] = {}
    for _, name, value in values:
        groups.setdefault(name, []).append(value)
    return {name: sum(group) / len(group) for name, group in groups.items()}
