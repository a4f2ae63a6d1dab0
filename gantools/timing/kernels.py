"""What is called to learn how fast a machine is: something that multiplies, something that moves bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

Open = Callable[[int, int], AbstractContextManager[Callable[[], object]]]
"""(size, threads) -> what multiplies two matrices of so many rows and columns."""
Kernels = Mapping[tuple[str, str], Open]
"""(precision, kernel) -> how to get it."""


class Movement(NamedTuple):
    """What several threads do, again and again.

    Attributes:
        calls: One for each thread.
        bytes: That one call reads and writes.
    """

    calls: Sequence[Callable[[], object]]
    bytes: int
