"""How large values become inside a graph, and which of its nodes float16 is too small for.

Measured, not guessed: the fp32 graph is run on real inputs, the latents of seeds, with every value of it as an output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx_ir as ir

from gantools.optimize.observation import observed
from gantools.optimize.rewrites.reading import constant, is_op
from gantools.runtime.backends.base import Arrays

LARGEST = 65504.0
"""Of float16."""
MARGIN = 4.0
"""Other inputs than those that were tried may make values this many times as large before any overflows."""


def largest_values(model: ir.Model, inputs: Iterable[Arrays]) -> dict[str, float]:
    """Largest magnitude of every float32 value that a node gives; infinite where one is not finite.

    Of loops, those in the bodies of Scans of the main graph are among them.

    Args:
        model: Fp32; not changed.
        inputs: What to run it on.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    values = [
        value for node in _nodes(model) for value in node.outputs if value.name and value.dtype == ir.DataType.FLOAT
    ]
    names = [str(value.name) for value in values]
    largest = dict.fromkeys(names, 0.0)
    for found in observed(model, inputs, names):
        for name, array in zip(names, found, strict=True):
            most = float(np.abs(array).max(initial=0.0))
            largest[name] = max(largest[name], most if np.isfinite(most) else np.inf)
    return largest


def overflowing(model: ir.Model, inputs: Iterable[Arrays]) -> tuple[str, ...]:
    """Names of the nodes that float16 is too small for, in the main graph and in the bodies of its Scans.

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
        str(node.name) for node in _nodes(model) if any(map(is_large, node.outputs)) or any(map(is_large, node.inputs))
    )


def _nodes(model: ir.Model) -> Iterator[ir.Node]:
    for node in model.graph:
        yield node
        if is_op(node, "Scan"):
            yield from node.attributes["body"].as_graph()
