"""What values inside a graph are, on given inputs. Observed in ONNX Runtime on the CPU, not guessed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx_ir as ir

from gantools.core.optional import require
from gantools.optimize.race import copied
from gantools.runtime.backends.base import Arrays


def observed(
    model: ir.Model, inputs: Iterable[Arrays], names: Sequence[str] | None = None
) -> Iterator[list[npt.NDArray[Any]]]:
    """Values of the main graph for each of several inputs, one after another.

    Args:
        model: Not changed.
        inputs: What to run it on.
        names: Of values that nodes give; none: the outputs of the graph.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    if names is not None and not names:
        yield from ([] for _ in inputs)
        return
    ort = require("onnxruntime", extra="onnxruntime", why="to see the values in a graph")
    watched = copied(model)
    if names is not None:
        wanted, known = set(names), set(watched.graph.outputs)
        values = [value for node in watched.graph for value in node.outputs if value.name in wanted]
        watched.graph.outputs.extend(value for value in values if value not in known)
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watched.onnx"
        ir.save(watched, path)
        session = ort.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        for given in inputs:
            yield session.run(None if names is None else list(names), given)
