"""OpenVINO on Intel and AMD CPUs.

OpenVINO picks a lower precision than the graph's by itself where it expects that to pay. Here the graph's types decide:
the inference precision is always asked for by name, f32, which leaves bf16-typed graphs in bf16 (tried with 2026.4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import GraphFile
from gantools.core.errors import BackendError, MissingDependencyError
from gantools.core.optional import require
from gantools.core.spec import TensorSpec
from gantools.runtime.backends.base import (
    PROFILED,
    Arrays,
    Availability,
    ComputedLayer,
    OpenOptions,
    is_arithmetic,
    median_run,
)

_LOOPS = ("TensorIterator", "Loop")
_PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8"}


def _library() -> Any:
    return require("openvino", extra="openvino", why="to run graphs with OpenVINO")


@lru_cache(maxsize=1)
def shared_core() -> Any:
    """The one core of this process, which lives as long as the process.

    A core's CPU plugin puts a signal stack of its own in place and, when it goes, puts back the one that it found. With
    two cores that go in the order they came, the one put back is freed memory, and the next Ctrl-C is a crash (2026.4).
    """
    return _library().Core()


def cpu_capabilities() -> tuple[str, ...]:
    """What OpenVINO computes in on this CPU as such, in its own words: ``"FP32"``, ``"BF16"``, ``"INT8"``.

    Raises:
        MissingDependencyError: It is not installed.
    """
    return tuple(shared_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


class OpenVinoGraph:
    """A compiled model with one inference request."""

    def __init__(self, path: Path, graph: GraphFile, options: OpenOptions) -> None:
        if options.device != "cpu":
            raise BackendError(
                f"OpenVINO graphs run on device 'cpu' here, got '{options.device}'.", hint="use --device cpu"
            )
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", **options.settings}
        if options.threads:
            settings["INFERENCE_NUM_THREADS"] = options.threads
        self._path, self._spec, self._settings = path, graph.spec, settings
        try:
            self._compiled: Any = shared_core().compile_model(self._read(), "CPU", settings)
        except RuntimeError as err:
            raise BackendError(f"OpenVINO cannot open '{path.name}': {_last_line(err)}") from err
        self._request: Any = self._compiled.create_infer_request()
        self._views: Arrays = {}  # of the request's own inputs, as large as they were last
        self._outputs = [tensor.name for tensor in graph.spec.outputs]

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Compute all outputs. The request's buffers are reused, so outputs are copied out.

        Inputs are copied in, into views that are kept: giving the request another tensor, even one that shares memory,
        takes longer (65 us of a call of 2.4 ms, tried on two cores): whatever surrounds a call runs with cold caches.
        """
        for name, array in inputs.items():
            view = self._views.get(name)
            if view is None or view.shape != array.shape:
                tensor = self._request.get_tensor(name)
                tensor.shape = array.shape
                view = self._views[name] = tensor.data
            np.copyto(view, array)
        self._request.infer(share_outputs=True)  # or it copies them too
        return {name: self._request.get_tensor(name).data.copy() for name in self._outputs}

    def _read(self) -> Any:
        """The model, which is not kept: it holds all weights a second time."""
        model = shared_core().read_model(self._path)
        if fixed := self._spec.fixed:
            model.reshape({tensor.name: _partial(tensor, fixed) for tensor in self._spec.inputs})
        return model

    def on_device(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """Its device is the host."""

    def layers(self) -> list[ComputedLayer]:
        """The nodes of the execution graph with their runtime precision.

        It has a loop as one node. What the loop repeats is compiled by itself, under the same settings, to tell.
        """
        layers = _layers_of(self._compiled)
        for node in self._read().get_ops():
            if node.get_type_name() in _LOOPS:
                repeated = node.get_function().clone()
                layers += _layers_of(shared_core().compile_model(repeated, "CPU", self._settings))
        return layers

    def times_ms(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, float]:
        """Of the run that took the median, by the performance counters of a model that is compiled for it."""
        counting = shared_core().compile_model(self._read(), "CPU", {**self._settings, "PERF_COUNT": True})
        request = counting.create_infer_request()
        runs = []
        for _ in range(PROFILED):
            request.infer(dict(inputs), share_inputs=True)
            times: defaultdict[str, float] = defaultdict(float)
            for node in request.profiling_info:
                # The kernel's name ends with what it computes in: brgconv_avx512_bf16, jit_avx512_I8.
                suffix = node.exec_type.rpartition("_")[2].lower()
                times[_PRECISIONS.get(suffix, suffix)] += node.real_time.total_seconds() * 1000
            runs.append(dict(times))
        return median_run(runs)

    def close(self) -> None:
        """Drop the compiled model."""
        self._views = {}
        self._request = self._compiled = None
        self._outputs = []


def _layers_of(compiled: Any) -> list[ComputedLayer]:
    layers = []
    for node in compiled.get_runtime_model().get_ops():
        info = node.get_rt_info()
        kind, precision = info["layerType"].astype(str), info["runtimePrecision"].astype(str)
        layers.append(
            ComputedLayer(kind, _PRECISIONS.get(precision, precision), node.friendly_name, is_arithmetic(kind))
        )
    return layers


def _partial(tensor: TensorSpec, fixed: Mapping[str, int]) -> list[int]:
    """The shape of an input, with -1 for sizes that are free."""
    return [fixed.get(size, -1) if isinstance(size, str) else size for size in tensor.shape]


def _last_line(err: Exception) -> str:
    return [line.strip() for line in str(err).splitlines() if line.strip()][-1]


class OpenVinoBackend:
    """See the module."""

    formats = ("onnx",)

    def probe(self, device: str = "cpu") -> Availability:
        """Whether the CPU plugin is there."""
        try:
            library, core = _library(), shared_core()
        except MissingDependencyError as err:
            return Availability(False, err.message, err.hint)
        name = core.get_property("CPU", "FULL_DEVICE_NAME") if "CPU" in core.available_devices else "no CPU plugin"
        ok = device == "cpu" and "CPU" in core.available_devices
        return Availability(
            ok, f"openvino {library.__version__.split('-')[0]}: {name}", None if ok else "use --device cpu"
        )

    def open(self, path: Path, graph: GraphFile, options: OpenOptions) -> OpenVinoGraph:
        """Compile ``path`` for this CPU."""
        return OpenVinoGraph(path, graph, options)


backend = OpenVinoBackend()
