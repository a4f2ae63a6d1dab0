"""Precision: the share of generated images that look real. Recall: the share of real ones that could be generated.

Kynkaanniemi et al., "Improved precision and recall metric for assessing generative models", 2019, equations 1 and 2,
with the paper's k = 3: a set's manifold is the union of balls around its rows, each as wide as the distance to the
k-th nearest other. One far outlier has a large ball; ``density_coverage`` is less moved by it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gantools.metrics.metric import Doubles, Features, Groups, Metric, means_without
from gantools.metrics.neighbours import Neighbours, distances_between

K = 3


def precision(generated: Neighbours, reference: Neighbours) -> float:
    """The share of generated rows inside a ball of the reference."""
    return float(_inside(generated, reference, reference.radii(K)[None])[0].mean())


def precision_leave_out(features: Features, groups: Groups, reference: Neighbours) -> tuple[float, Doubles]:
    """Precision, and precision with each group left out: a mean over the generated rows."""
    inside = _inside(Neighbours(features), reference, reference.radii(K)[None])[0]
    return means_without(inside.astype(np.float64), groups)


def recall(generated: Neighbours, reference: Neighbours) -> float:
    """The share of reference rows inside a ball of the generated set."""
    return float(_inside(reference, generated, generated.radii(K)[None])[0].mean())


def recall_leave_out(features: Features, groups: Groups, reference: Neighbours) -> tuple[float, Doubles]:
    """Recall, and recall with each group left out: its balls go, and those around it grow."""
    generated = Neighbours(features)
    radii = [generated.radii(K), *(generated.radii_without(K, group) for group in groups)]
    shares = _inside(reference, generated, np.stack(radii)).mean(1)
    return float(shares[0]), shares[1:]


def _inside(points: Neighbours, centres: Neighbours, radii: Doubles) -> npt.NDArray[np.bool_]:
    """For each of several sets of radii (sets, centres), which points lie in a ball: (sets, points)."""
    inside = np.zeros((len(radii), len(points)), bool)
    for block in distances_between(points, centres):
        for found, radius in zip(inside, radii, strict=True):
            found[block.rows] |= (block.distances <= radius[block.columns]).any(1)
    return inside


PRECISION = Metric(
    Neighbours,
    precision,
    precision_leave_out,
    biased_by=("references",),
    higher_is_better=True,
    protocol=f"k {K}",
    bounds=(0.0, 1.0),
)
RECALL = Metric(
    Neighbours,
    recall,
    recall_leave_out,
    biased_by=("samples", "references"),
    higher_is_better=True,
    protocol=f"k {K}",
    bounds=(0.0, 1.0),
)
