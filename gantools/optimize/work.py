"""What one call of a graph has to do in any case: products to sum, bytes to move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path

import onnx_ir as ir
from onnx_ir.passes import common

from gantools.core.spec import GraphSpec
from gantools.optimize.multiply_adds import by_precision, run_bodies
from gantools.optimize.rewrites.reading import is_op
from gantools.optimize.shapes import at_sizes


@dataclass(frozen=True)
class Work:
    """Of one call.

    Attributes:
        multiply_adds: Precision -> products that it sums.
        least_bytes: Constants in the types they are stored in, inputs and outputs, each once.
    """

    multiply_adds: dict[str, int]
    least_bytes: int


def work_of(path: Path, spec: GraphSpec, sizes: Mapping[str, int] | None = None) -> Work:
    """Count a file.

    Args:
        path: ONNX.
        spec: Its interface.
        sizes: Of its axes; those that are not named are at their ``opt``.

    Raises:
        ValueError: It cannot be counted. See ``by_precision``.
    """
    model = ir.load(path)
    if model.functions:
        common.InlinePass()(model)
    at_sizes(model, spec, sizes)
    return Work(by_precision(model.graph), least_bytes(model.graph))


def least_bytes(graph: ir.Graph) -> int:
    """What every implementation has to read or write once: constants that are used, inputs, outputs.

    A constant that a loop uses in every step counts once, and one that rows are picked of, such as a table of classes,
    counts as what is picked.

    Args:
        graph: Its inputs and outputs have known shapes, as in ``by_precision``.
    """
    whole: dict[ir.Value, int] = {}
    picked: dict[ir.Value, int] = {}
    for node in _run(graph):
        for place, value in enumerate(node.inputs):
            size = _stored_bytes(value)
            if value is None or size is None:
                continue
            if place == 0 and is_op(node, "Gather") and node.graph is graph:
                picked[value] = picked.get(value, 0) + _bytes(node.outputs[0])
            else:
                whole[value] = size
    for value, size in picked.items():
        whole.setdefault(value, min(size, _stored_bytes(value) or 0))
    return sum(whole.values()) + sum(_bytes(value) for value in (*graph.inputs, *graph.outputs))


def _run(graph: ir.Graph) -> Iterator[ir.Node]:
    """Every node that is run, once."""
    for node in graph:
        yield node
        for body, _ in run_bodies(node):
            yield from _run(body)


def _stored_bytes(value: ir.Value | None) -> int | None:
    """Of a constant; None: it is none."""
    if value is None or value.is_graph_input():
        return None
    tensor = ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.nbytes


def _bytes(value: ir.Value) -> int:
    if value.shape is None or not value.shape.is_static() or value.dtype is None:
        raise ValueError(f"the shape of value '{value.name}' is not known")
    return ceil(prod(value.shape.numpy()) * value.dtype.itemsize)
