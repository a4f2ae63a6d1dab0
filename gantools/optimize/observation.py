"""What values inside a graph are, on given inputs. Observed in ONNX Runtime on the CPU, not guessed.

What a loop computes is seen as well: a value of its body becomes an output of the loop, with all steps along axis 0.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx_ir as ir

from gantools.core.optional import require
from gantools.optimize.race import copied
from gantools.optimize.rewrites.reading import integers, is_op
from gantools.runtime.backends.base import Arrays


def observed(
    model: ir.Model, inputs: Iterable[Arrays], names: Sequence[str] | None = None
) -> Iterator[list[npt.NDArray[Any]]]:
    """Values for each of several inputs, one after another.

    Args:
        model: Not changed.
        inputs: What to run it on.
        names: Of values of the main graph, or in the body of a Scan of it, of which every step is seen: (steps, ...);
            none: the outputs of the graph.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    if names is not None and not names:
        yield from ([] for _ in inputs)
        return
    ort = require("onnxruntime", extra="onnxruntime", why="to see the values in a graph")
    watched = copied(model)
    outputs = None if names is None else _shown(watched, names)
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watched.onnx"
        ir.save(watched, path)
        session = ort.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        for given in inputs:
            yield session.run(outputs, given)


def _shown(model: ir.Model, names: Sequence[str]) -> list[str]:
    """Make values outputs of the graph, in place; the names of the outputs, in the order of those values."""
    wanted, known = set(names), set(model.graph.outputs)
    shown: dict[str, str] = {}
    for value in model.graph.inputs:
        if value.name in wanted:
            same = _same(value)
            model.graph.append(same)
            model.graph.outputs.append(same.outputs[0])
            shown[value.name] = str(same.outputs[0].name)
    for node in list(model.graph):
        if is_op(node, "Scan"):
            for name, value in _of_steps(node, wanted).items():
                shown[name] = str(value.name)
                model.graph.outputs.append(value)
        for value in node.outputs:
            if value.name in wanted:
                shown[value.name] = value.name
                if value not in known:
                    model.graph.outputs.append(value)
    return [shown[name] for name in names]


def _of_steps(scan: ir.Node, wanted: Collection[str]) -> dict[str, ir.Value]:
    """Make values of a loop's body outputs of the loop: name -> output."""
    body = scan.attributes["body"].as_graph()
    inside = [*body.inputs, *(value for node in list(body) for value in node.outputs)]
    watched = [value for value in inside if value.name in wanted]
    first = len(scan.outputs)
    scan.resize_outputs(first + len(watched))
    for attribute in ("scan_output_axes", "scan_output_directions"):
        if attribute in scan.attributes:
            scan.attributes[attribute] = ir.AttrInt64s(attribute, [*integers(scan, attribute, ()), *[0] * len(watched)])
    for value, output in zip(watched, scan.outputs[first:], strict=True):
        same = _same(value)
        output.name, output.type = f"{value.name}_of_steps", same.outputs[0].type
        body.append(same)
        body.outputs.append(same.outputs[0])
    return {str(value.name): output for value, output in zip(watched, scan.outputs[first:], strict=True)}


def _same(value: ir.Value) -> ir.Node:
    """What gives a value once more, which may then be an output, whatever else it is."""
    node = ir.node("Identity", [value], name=f"{value.name}_here")
    node.outputs[0].name = node.name
    node.outputs[0].type = None if value.dtype is None else ir.TensorType(value.dtype)
    return node
