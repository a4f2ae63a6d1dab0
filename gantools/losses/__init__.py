"""What networks are trained to do, by name. Free of torch until a row is loaded."""

from __future__ import annotations

from typing import Any

from gantools.core.registry import Table

OBJECTIVES: Table[Any] = Table("objective", {"nonsaturating": "gantools.losses.objectives.nonsaturating:nonsaturating"})
