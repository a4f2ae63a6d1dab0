"""Authenticity: the share of generated images that are no near-copies of a real one.

Alaa et al., "How faithful is your synthetic data?", 2022, section 4: a generated row counts as copied when it is nearer
to its nearest real row than that row is to any other real one. A generator that repeats its training images has 0.
Other real images have 0.5 to 0.9, depending on the extractor, and noise has 1: it warns of memorizing, and praises
nothing. It sees only the references it is given, so give it the images that were trained on.
"""

from __future__ import annotations

import numpy as np

from gantools.metrics.metric import Doubles, Features, Groups, Metric, means_without
from gantools.metrics.neighbours import Neighbours, distances_between


def value(generated: Neighbours, reference: Neighbours) -> float:
    """The share of generated rows that are not copied."""
    return float(_authentic(generated, reference).mean())


def leave_out(features: Features, groups: Groups, reference: Neighbours) -> tuple[float, Doubles]:
    """The share, and the shares with each group left out: a mean over the generated rows."""
    return means_without(_authentic(Neighbours(features), reference), groups)


def _authentic(generated: Neighbours, reference: Neighbours) -> Doubles:
    """1 for each row that is not copied, 0 for the others: (generated,)."""
    distances, rows = np.full(len(generated), np.inf), np.zeros(len(generated), np.int64)
    for block in distances_between(generated, reference):
        found = block.distances.argmin(1)
        nearest = np.take_along_axis(block.distances, found[:, None], 1)[:, 0]
        nearer = nearest < distances[block.rows]
        rows[block.rows] = np.where(nearer, found + block.columns.start, rows[block.rows])
        distances[block.rows] = np.where(nearer, nearest, distances[block.rows])
    return (distances > reference.radii(1)[rows]).astype(np.float64)


AUTHENTICITY = Metric(
    Neighbours,
    value,
    leave_out,
    biased_by=("references",),
    higher_is_better=True,
    protocol="k 1",
    bounds=(0.0, 1.0),
)
