"""Distances between rows of features, and the nearest rows of a set: what precision, recall and their kin are made of.

All distances are squared Euclidean ones, in float64 by one matrix product a block, because the balls of the metrics
are compared with, never measured. Memory stays bounded: no matrix of distances exists as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError
from gantools.metrics.metric import Doubles, Features, check_widths, checked

_ROWS, _COLUMNS = 1024, 4096  # of a block of distances: 32 MiB
# Remembered for each row: enough for the k nearest outside a group of a twentieth of the rows, but for rare rows.
_KEPT = 24
# Below this share of the largest squared norm, a squared distance is rounding, and the rows are equal.
_ROUNDING = 1e-12


class Nearest(NamedTuple):
    """Of each row, the nearest others: squared distances (n, kept) float64, ascending, and their rows (n, kept)."""

    distances: Doubles
    rows: npt.NDArray[np.int64]


class Block(NamedTuple):
    """Part of a matrix of squared distances, and which part."""

    rows: slice
    columns: slice
    distances: Doubles


class Neighbours:
    """A set of features that knows the nearest others of each row.

    Args:
        features: (n, d).

    Raises:
        DataError: Not such features.
    """

    def __init__(self, features: Features) -> None:
        self.features = checked(features)
        self.squares: Doubles = np.einsum("ij,ij->i", self.features, self.features)

    def __len__(self) -> int:
        return len(self.features)

    def radii(self, k: int) -> Doubles:
        """Of each row, the squared distance to the k-th nearest other: (n,).

        Raises:
            DataError: There are no k others.
        """
        if len(self) <= k:
            raise DataError(f"{len(self)} samples have no {k} nearest others each.", hint="score more samples")
        return self.nearest.distances[:, k - 1]

    def radii_without(self, k: int, group: npt.NDArray[np.int64]) -> Doubles:
        """``radii`` as they are once the rows of ``group`` are gone; in the group's own places, below any distance."""
        self.radii(k)
        gone = np.zeros(len(self), bool)
        gone[group] = True
        kept = ~gone[self.nearest.rows]
        order = kept.cumsum(1)
        place = (order < k).sum(1)  # of the k-th that stays
        found = place < kept.shape[1]
        radii: Doubles = self.nearest.distances[np.arange(len(self)), np.minimum(place, kept.shape[1] - 1)]
        for row in np.flatnonzero(~found & ~gone).tolist():
            radii[row] = self._radius_without(row, k, gone)
        radii[group] = -1.0
        return radii

    @cached_property
    def nearest(self) -> Nearest:
        """The nearest others of each row, at most 24."""
        kept = min(_KEPT, len(self) - 1)
        distances = np.full((len(self), kept), np.inf)
        rows = np.zeros((len(self), kept), np.int64)
        for block in distances_between(self, self):
            here, there = np.ogrid[block.rows, block.columns]
            block.distances[here == there] = np.inf
            few = min(kept, block.distances.shape[1] - 1)
            chosen = np.argpartition(block.distances, few, axis=1)[:, :kept]
            joined = np.concatenate([distances[block.rows], np.take_along_axis(block.distances, chosen, 1)], 1)
            names = np.concatenate([rows[block.rows], chosen + block.columns.start], 1)
            order = np.argsort(joined, axis=1, kind="stable")[:, :kept]
            distances[block.rows] = np.take_along_axis(joined, order, 1)
            rows[block.rows] = np.take_along_axis(names, order, 1)
        return Nearest(distances, rows)

    def _radius_without(self, row: int, k: int, gone: npt.NDArray[np.bool_]) -> float:
        away = np.square(self.features - self.features[row]).sum(1)
        others = np.delete(away, np.append(np.flatnonzero(gone), row))
        if len(others) < k:
            raise DataError(f"{len(others) + 1} samples have no {k} nearest others each.", hint="score more samples")
        return float(np.partition(others, k - 1)[k - 1])


def distances_between(a: Neighbours, b: Neighbours) -> Iterator[Block]:
    """Squared distances between all rows of two sets, block by block; the blocks belong to the caller.

    Raises:
        DataError: The sets are of different widths.
    """
    check_widths(a.features.shape[1], b.features.shape[1])
    least = _ROUNDING * max(a.squares.max(), b.squares.max())
    for row in range(0, len(a), _ROWS):
        rows = slice(row, min(row + _ROWS, len(a)))
        for column in range(0, len(b), _COLUMNS):
            columns = slice(column, min(column + _COLUMNS, len(b)))
            block = a.features[rows] @ b.features[columns].T
            block *= -2.0
            block += a.squares[rows, None]
            block += b.squares[columns]
            block[block <= least] = 0.0
            yield Block(rows, columns, block)
