"""How far generated images lie from real ones: features of a classifier, and what two sets of features say of it.

A metric is one file and one row here. It knows nothing of files, data sets or artifacts; ``gantools.verify.evaluate``
does.
"""

from gantools.core.registry import Table
from gantools.metrics.metric import Metric

METRICS: Table[Metric] = Table(
    "metric",
    {
        "fid": "gantools.metrics.fid:FID",
        "kid": "gantools.metrics.kid:KID",
        "precision": "gantools.metrics.precision_recall:PRECISION",
        "recall": "gantools.metrics.precision_recall:RECALL",
        "density": "gantools.metrics.density_coverage:DENSITY",
        "coverage": "gantools.metrics.density_coverage:COVERAGE",
        "mauve": "gantools.metrics.mauve:MAUVE",
        "authenticity": "gantools.metrics.authenticity:AUTHENTICITY",
        "is": "gantools.metrics.inception_score:INCEPTION_SCORE",
    },
)
