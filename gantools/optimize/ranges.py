"""How large values become inside a graph, and which of its nodes float16 is too small for.

Measured, not guessed: the fp32 graph is run on real inputs, the latents of seeds, with every value of it as an output.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir

from gantools.core.artifact import Precision
from gantools.core.optional import require
from gantools.optimize.passes.int8 import ends
from gantools.optimize.race import copied
from gantools.optimize.rewrites.reading import constant
from gantools.runtime.backends.base import Arrays

LARGEST = 65504.0
"""Of float16."""
MARGIN = 4.0
"""Other inputs than those that were tried may make values this many times as large before any overflows."""


def largest_values(model: ir.Model, inputs: Iterable[Arrays]) -> dict[str, float]:
    """Largest magnitude of every float32 value of the main graph that a node gives; infinite where one is not finite.

    Args:
        model: Fp32; not changed.
        inputs: What to run it on.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    ort = require("onnxruntime", extra="onnxruntime", why="to see how large the values in a graph become")
    watched = copied(model)
    values = [
        value for node in watched.graph for value in node.outputs if value.name and value.dtype == ir.DataType.FLOAT
    ]
    known = set(watched.graph.outputs)
    watched.graph.outputs.extend(value for value in values if value not in known)
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    names = [str(value.name) for value in values]
    largest = dict.fromkeys(names, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watched.onnx"
        ir.save(watched, path)
        session = ort.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        for given in inputs:
            for name, found in zip(names, session.run(names, given), strict=True):
                most = float(np.abs(found).max(initial=0.0))
                largest[name] = max(largest[name], most if np.isfinite(most) else np.inf)
    return largest


def islands_of(model: ir.Model, precision: Precision, inputs: Sequence[Arrays]) -> tuple[str, ...]:
    """Names of the nodes that stay in fp32.

    Args:
        model: Fp32; not changed.
        precision: What the rest will be: in fp16 what overflows stays, in int8 the ends, in bf16 nothing.
        inputs: Real ones.
    """
    if precision == "fp16":
        return overflowing(model, inputs)
    return ends(model) if precision == "int8" else ()


def overflowing(model: ir.Model, inputs: Iterable[Arrays]) -> tuple[str, ...]:
    """Names of the nodes of the main graph that float16 is too small for.

    These are the nodes that give a value of more than ``LARGEST / MARGIN`` on some input, those that take it, and those
    with a constant that does not fit.

    Args:
        model: Fp32; not changed.
        inputs: What to run it on.
    """
    largest = largest_values(model, inputs)
    large = {name for name, most in largest.items() if most > LARGEST / MARGIN}

    def is_large(value: ir.Value | None) -> bool:
        if value is None:
            return False
        known = constant(value)
        if known is not None:
            return bool(np.issubdtype(known.dtype, np.floating) and np.abs(known).max(initial=0.0) > LARGEST)
        return value.name in large

    return tuple(
        str(node.name) for node in model.graph if any(map(is_large, node.outputs)) or any(map(is_large, node.inputs))
    )
