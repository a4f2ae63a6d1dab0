"""A backend of numpy alone, and a clock that only moves when told: for tests of what stands above a runtime.

The fixture ``fake`` of ``tests/bench/conftest.py`` puts it into the table. Its settings: ``clock`` and ``cost_ms``
(what a run costs on that clock), ``precision`` (what it says it computes in), ``fail_after`` (runs before it breaks).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import GraphFile
from gantools.core.errors import BackendError
from gantools.runtime.backends.base import Arrays, Availability, ComputedLayer, OpenOptions


class FakeClock:
    """Nanoseconds that pass only when told."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def pass_ms(self, milliseconds: float) -> None:
        self.now_ns += round(milliseconds * 1e6)


class FakeGraph:
    """Every output is a fixed function of the first input's rows."""

    def __init__(self, path: Path, graph: GraphFile, options: OpenOptions) -> None:
        self.path, self.graph, self.options, self.settings = path, graph, options, options.settings
        self.runs = 0

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        if self.runs == self.settings.get("fail_after"):
            raise BackendError("the fake broke.")
        self.runs += 1
        if "clock" in self.settings:
            self.settings["clock"].pass_ms(self.settings.get("cost_ms", 1.0))
        rows = np.tanh(next(iter(inputs.values())).mean(axis=1))
        outputs = {}
        for tensor in self.graph.spec.outputs:
            shape = tensor.concrete({"batch": len(rows)})
            image = np.broadcast_to((127.5 + 127.5 * rows).reshape(-1, *[1] * (len(shape) - 1)), shape)
            outputs[tensor.name] = image.astype(tensor.dtype)
        return outputs

    def layers(self) -> list[ComputedLayer]:
        return [ComputedLayer("MatMul", self.settings.get("precision", "fp32"), "linear", is_arithmetic=True)]

    def on_device(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        return None

    def times_ms(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        return None

    def close(self) -> None:
        pass


class FakeBackend:
    formats = ("onnx", "checkpoint")

    def __init__(self) -> None:
        self.opened: list[FakeGraph] = []

    def probe(self, device: str = "cpu") -> Availability:
        return Availability(ok=device == "cpu", reason="numpy")

    def open(self, path: Path, graph: GraphFile, options: OpenOptions) -> FakeGraph:
        if options.device != "cpu":
            raise BackendError(f"the fake has no device '{options.device}'.")
        self.opened.append(FakeGraph(path, graph, options))
        return self.opened[-1]


backend = FakeBackend()
