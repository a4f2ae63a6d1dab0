"""What makes a clip worse, by name: tasks of restoration as data. A recipe chains them in ``data.degrade``.

Each is drawn anew for every sample. Where it has a range, ``[low, high]``, it is drawn evenly from it.
"""

from __future__ import annotations

from typing import Any

from gantools.core.registry import Table

DEGRADATIONS: Table[Any] = Table(
    "degradation",
    {
        "shrink": "gantools.data.degradations.shrink:shrink",
        "blur": "gantools.data.degradations.blur:blur",
        "noise": "gantools.data.degradations.noise:noise",
        "jpeg": "gantools.data.degradations.jpeg:jpeg",
        "codec": "gantools.data.degradations.codec:codec",
        "middle": "gantools.data.degradations.middle:middle",
        "grey": "gantools.data.degradations.grey:grey",
    },
)
