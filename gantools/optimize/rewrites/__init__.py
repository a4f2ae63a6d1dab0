"""The table of exact rewrites: ONNX to ONNX, the same function in fewer or better operations.

``tidy`` comes before all of them. Order matters where one makes room for
another: what was spelled with reshapes becomes a node that others know, and enlargements move down to the convolution
that they will be part of.
"""

from __future__ import annotations

from gantools.core.registry import Table
from gantools.optimize.rewrites.site import Rewrite

REWRITES: Table[Rewrite] = Table(
    "rewrite",
    {
        "zero_insertion": "gantools.optimize.rewrites.zero_insertion:rewrite",
        "affine": "gantools.optimize.rewrites.affine:rewrite",
        "commute": "gantools.optimize.rewrites.commute:rewrite",
        "projection": "gantools.optimize.rewrites.projection:rewrite",
        "fir": "gantools.optimize.rewrites.fir:rewrite",
        "upsampling": "gantools.optimize.rewrites.upsampling:rewrite",
    },
)
