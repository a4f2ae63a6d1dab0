"""Density: how deep generated images lie among real ones. Coverage: the share of real ones with a generated one near.

Naeem et al., "Reliable fidelity and diversity metrics for generative models", 2020, equations 3 and 4, with the
paper's k = 5. Both use balls around real images alone, so an outlier among the generated ones moves neither. Density
is about 1 for a perfect generator and may exceed it; coverage is at most 1.
"""

from __future__ import annotations

import math

import numpy as np

from gantools.metrics.metric import Doubles, Features, Groups, Metric, means_without
from gantools.metrics.neighbours import Neighbours, distances_between

K = 5


def density(generated: Neighbours, reference: Neighbours) -> float:
    """The mean number of reference balls around a generated row, in units of k."""
    return float(_depths(generated, reference).mean())


def density_leave_out(features: Features, groups: Groups, reference: Neighbours) -> tuple[float, Doubles]:
    """Density, and density with each group left out: a mean over the generated rows."""
    return means_without(_depths(Neighbours(features), reference), groups)


def coverage(generated: Neighbours, reference: Neighbours) -> float:
    """The share of reference balls with a generated row inside."""
    nearest = _nearest(reference, generated, [np.arange(len(generated))])[0]
    return float((nearest <= reference.radii(K)).mean())


def coverage_leave_out(features: Features, groups: Groups, reference: Neighbours) -> tuple[float, Doubles]:
    """Coverage, and coverage with each group left out, from the nearest row of each group."""
    nearest = _nearest(reference, Neighbours(features), groups)
    radii = reference.radii(K)
    values = [(np.delete(nearest, group, axis=0).min(0) <= radii).mean() for group in range(len(groups))]
    return float((nearest.min(0) <= radii).mean()), np.array(values)


def _depths(points: Neighbours, centres: Neighbours) -> Doubles:
    """In how many balls each point lies, over k: (points,)."""
    radii, depths = centres.radii(K), np.zeros(len(points))
    for block in distances_between(points, centres):
        depths[block.rows] += (block.distances <= radii[block.columns]).sum(1)
    return depths / K


def _nearest(centres: Neighbours, points: Neighbours, groups: Groups) -> Doubles:
    """The squared distance from each centre to the nearest point of each group: (groups, centres)."""
    group_of = np.zeros(len(points), np.int64)
    for number, group in enumerate(groups):
        group_of[group] = number
    nearest = np.full((len(groups), len(centres)), np.inf)
    for block in distances_between(centres, points):
        here = group_of[block.columns]
        for number in np.unique(here):
            found = block.distances[:, here == number].min(1)
            nearest[number, block.rows] = np.minimum(nearest[number, block.rows], found)
    return nearest


DENSITY = Metric(
    Neighbours,
    density,
    density_leave_out,
    biased_by=("references",),
    higher_is_better=True,
    protocol=f"k {K}",
    bounds=(0.0, math.inf),
)
COVERAGE = Metric(
    Neighbours,
    coverage,
    coverage_leave_out,
    biased_by=("samples", "references"),
    higher_is_better=True,
    protocol=f"k {K}",
    bounds=(0.0, 1.0),
)
