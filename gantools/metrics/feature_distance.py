"""How unlike two pictures look to a network that tells pictures apart: for differences that pixels overstate or hide.

    d(x, y) = 1 - f(x) . f(y) / (|f(x)| |f(y)|)

with f the extractor's features. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
2018, compare normalized features in this way (equation 1), of every layer and with weights fitted to people's
judgements; here it is the features that the extractor gives, unweighted. Values are of one extractor alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.metrics.pairs import PairMetric


def feature_distance(features: npt.NDArray[Any], others: npt.NDArray[Any]) -> float:
    """Of two rows of features.

    Args:
        features: (d,).
        others: (d,), not all zero, as ``features``.

    Returns:
        0 where they point the same way, 1 where they have nothing in common, at most 2.
    """
    one, other = features.astype(np.float64), others.astype(np.float64)
    return float(np.square(one / np.linalg.norm(one) - other / np.linalg.norm(other)).sum() / 2)


FEATURE_DISTANCE = PairMetric(feature_distance, against_targets=False, of_features=True)
