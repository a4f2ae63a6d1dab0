"""MAUVE: how much of one distribution lies where the other does, at every weighting of the two errors there can be.

Pillutla et al., "MAUVE: Measuring the Gap Between Neural Text and Human Text using Divergence Frontiers", NeurIPS 2021,
equations 2 and 3, with the paper's scale c = 5. Rows are put into groups, and the shares of the groups compared, with
half a count added to each (Pillutla et al., "MAUVE Scores for Generative Models", JMLR 2023, section 5.3).

Two things differ from the paper, so that a value is one of a reference set and can be told again: the groups are those
of the references alone, and features come from the extractor that is named beside it, not from GPT-2. Hence values
compare with each other and not with published ones.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.optional import require
from gantools.metrics.metric import Doubles, Features, Groups, Metric
from gantools.metrics.neighbours import Neighbours, distances_between

SCALE = 5.0
POINTS = 101  # of the frontier
ROWS_A_GROUP, MOST_GROUPS = 20, 500
_ITERATIONS, _SEED = 20, 0
_ADDED = 0.5


class Grouped(Neighbours):
    """Features that can be put into the groups of another set.

    Args:
        features: (n, d).

    Raises:
        DataError: Not such features.
    """

    @cached_property
    def centres(self) -> Neighbours:
        """Of the groups that these rows form (k-means, Lloyd 1982; begun as Arthur and Vassilvitskii 2007 do).

        Raises:
            MissingDependencyError: SciPy is not installed.
        """
        cluster: Any = require("scipy.cluster.vq", extra="text", why="to group features for 'mauve'")
        groups = min(MOST_GROUPS, max(2, len(self) // ROWS_A_GROUP))
        different = np.unique(self.features, axis=0)
        if len(different) <= groups:  # too few to be grouped: each is a group
            return Neighbours(np.resize(different, (max(2, len(different)), different.shape[1])))
        with warnings.catch_warnings():  # a group may lose all its rows: then it counts nothing
            warnings.filterwarnings("ignore", "One of the clusters is empty")
            return Neighbours(cluster.kmeans2(self.features, groups, iter=_ITERATIONS, minit="++", seed=_SEED)[0])

    def groups_of(self, others: Neighbours) -> npt.NDArray[np.int64]:
        """The group of each row of ``others``, that with the nearest centre: (n,).

        Raises:
            DataError: They are of another width.
        """
        nearest, least = np.zeros(len(others), np.int64), np.full(len(others), np.inf)
        for block in distances_between(others, self.centres):
            column = block.distances.argmin(1)
            distance = block.distances[np.arange(len(column)), column]
            closer = distance < least[block.rows]
            nearest[block.rows][closer] = column[closer] + block.columns.start
            least[block.rows][closer] = distance[closer]
        return nearest

    @cached_property
    def counts(self) -> Doubles:
        """How many of these rows are in each group."""
        return self.counted(self.groups_of(self))

    def counted(self, groups: npt.NDArray[np.int64]) -> Doubles:
        """How often each group occurs: (number of groups,)."""
        return np.bincount(groups, minlength=len(self.centres)).astype(np.float64)


def area(one: Doubles, other: Doubles) -> float:
    """The area under the divergence frontier of two distributions over the same groups.

    Args:
        one: (k,) counts.
        other: (k,) counts.

    Returns:
        Near 0: apart; 1: equal.
    """
    p, q = ((counts + _ADDED) / (counts + _ADDED).sum() for counts in (one, other))
    weights = np.linspace(0.0, 1.0, POINTS + 2)[1:-1, None]
    mixed = weights * p + (1 - weights) * q
    x, y = (np.exp(-SCALE * (each * np.log(each / mixed)).sum(1)) for each in (q, p))
    # With more and more of p in the mixture, x falls and y rises; the ends are where one error is ignored.
    xs, ys = np.concatenate([[1.0], x, [0.0]]), np.concatenate([[0.0], y, [1.0]])
    return float(np.clip(np.trapezoid(ys[::-1], xs[::-1]), 0.0, 1.0))


def mauve(generated: Grouped, reference: Grouped) -> float:
    """The area for generated rows beside the reference's own."""
    return area(reference.counted(reference.groups_of(generated)), reference.counts)


def mauve_leave_out(features: Features, groups: Groups, reference: Grouped) -> tuple[float, Doubles]:
    """MAUVE, and MAUVE with each group of rows left out: what rows are in stays, fewer are counted."""
    found = reference.groups_of(Neighbours(features))
    every = reference.counted(found)
    left = [area(every - reference.counted(found[group]), reference.counts) for group in groups]
    return area(every, reference.counts), np.array(left)


MAUVE = Metric(
    Grouped,
    mauve,
    mauve_leave_out,
    biased_by=("samples", "references"),
    higher_is_better=True,
    protocol=f"c {SCALE:g}, k-means of references, one group for {ROWS_A_GROUP} rows, at most {MOST_GROUPS}",
    bounds=(0.0, 1.0),
)
