"""The table of passes: ONNX to ONNX, each a function of one model. A pass is named after the precision it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gantools.core.registry import Table

Pass = Callable[[Any], Any]
"""``onnx_ir.Model`` to ``onnx_ir.Model``. The model that is handed over may be changed in place."""

PASSES: Table[Pass] = Table(
    "pass",
    {
        "fp16": "gantools.optimize.passes.fp16:apply",
        "bf16": "gantools.optimize.passes.bf16:apply",
    },
)
