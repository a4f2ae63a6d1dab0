"""The table of passes: ONNX to ONNX, each a function of one model. A pass is named after the precision it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gantools.core.registry import Table

Pass = Callable[..., Any]
"""(``onnx_ir.Model``, names of nodes that stay fp32 = (), real inputs = ()) -> ``onnx_ir.Model``.

The model that is handed over may be changed in place. Those that only retype take ``products_alone`` too.
"""

PASSES: Table[Pass] = Table(
    "pass",
    {
        "fp16": "gantools.optimize.passes.fp16:apply",
        "bf16": "gantools.optimize.passes.bf16:apply",
        "int8": "gantools.optimize.passes.int8:apply",
    },
)
