"""How far generated images lie from real ones: features of a small shipped network, and distances between feature sets.

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
    },
)
