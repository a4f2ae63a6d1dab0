"""ONNX Runtime on CPU and CUDA, served by `onnxruntime` or `onnxruntime-gpu`, whichever is installed.

The TensorRT provider of `onnxruntime-gpu` is not offered: no option binds it to the types of a graph, and none keeps
fp32 from being computed in TF32 (1.31), so that it could not be told what is asked for. TensorRT itself can.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from gantools.core.artifact import GraphFile
from gantools.core.errors import BackendError, MissingDependencyError, first_line
from gantools.core.optional import require
from gantools.runtime.backends.base import (
    PROFILED,
    Arrays,
    Availability,
    ComputedLayer,
    OpenOptions,
    is_arithmetic,
    median_run,
)
from gantools.runtime.backends.onnxruntime_cuda_graph import Recordings

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
CUDA_GRAPH = "enable_cuda_graph"
_PRECISIONS = {1: "fp32", 10: "fp16", 16: "bf16", 3: "int8", 2: "int8"}  # onnx.TensorProto.DataType


def _library() -> Any:
    return require("onnxruntime", extra="onnxruntime", why="to run graphs with ONNX Runtime")


def _provider(device: str, settings: Mapping[str, Any] = {}) -> tuple[str, dict[str, Any]]:
    """The provider of a device, and what it is told of the settings: whatever no session takes."""
    kind, _, index = device.partition(":")
    if kind not in PROVIDERS:
        raise BackendError(f"ONNX Runtime has no device '{device}'.", hint=f"devices: {', '.join(PROVIDERS)}")
    own = {key: value for key, value in settings.items() if kind != "cpu" and not _is_of_session(key)}
    return PROVIDERS[kind], own | ({"device_id": index} if index else {})


def _is_of_session(key: str) -> bool:
    """Whether a setting is the session's: names of entries of its configuration have a dot."""
    return "." in key or key == "graph_optimization_level"


def _preload(ort: Any, device: str) -> None:
    """Load the CUDA libraries of NVIDIA's packages, where they are installed: ONNX Runtime does not by itself.

    What is not found may be on the system's path, so nothing is said here; opening a session fails if it is not.
    """
    if not device.startswith("cuda") or not hasattr(ort, "preload_dlls"):
        return
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
        ort.preload_dlls()


_SPINNING = "session.intra_op.allow_spinning"


def session_options(ort: Any, graph: GraphFile, options: OpenOptions, besides: Collection[str] = ()) -> Any:
    """What every provider is told in the same words.

    Settings are entries of the session's configuration, and ``graph_optimization_level``: ``basic``, ``extended`` or
    ``all``, of which only the last gives channels in blocks to CPUs. Those in ``besides`` are the provider's.
    """
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    if options.threads:
        settings.intra_op_num_threads = options.threads
    if options.sleeps and _SPINNING not in options.settings:
        settings.add_session_config_entry(_SPINNING, "0")
    for key, value in options.settings.items():
        if key in besides:
            continue
        if key == "graph_optimization_level":
            settings.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_ENABLE_{str(value).upper()}")
        else:
            settings.add_session_config_entry(key, str(value))
    for axis, size in graph.spec.fixed.items():
        settings.add_free_dimension_override_by_name(axis, size)
    return settings


class OnnxRuntimeGraph:
    """A graph in an InferenceSession."""

    def __init__(self, path: Path, graph: GraphFile, options: OpenOptions) -> None:
        ort = _library()
        provider, provider_options = _provider(options.device, options.settings)
        _preload(ort, options.device)
        if provider not in (offered := ort.get_available_providers()):
            raise BackendError(
                f"asked for device '{options.device}', and this ONNX Runtime has only {', '.join(offered)}.",
                hint="pip install 'gantools[onnxruntime-gpu]', or use --device cpu",
            )
        self._settings = session_options(ort, graph, options, provider_options)
        if provider == PROVIDERS["cuda"] and graph.precision == "fp32":
            # On by default, and another precision than fp32: products would have 11 significant bits.
            provider_options["use_tf32"] = 0
        recorded = bool(int(provider_options.pop(CUDA_GRAPH, 0)))
        self._path, self._providers = path, [(provider, provider_options)]
        opened = [(provider, provider_options | ({CUDA_GRAPH: 1} if recorded else {}))]
        try:
            self._session: Any = ort.InferenceSession(path, self._settings, providers=opened)
        except Exception as err:  # ONNX Runtime raises its own classes, which share no public base
            raise BackendError(f"ONNX Runtime cannot open '{path.name}': {first_line(err)}") from err
        if (found := self._session.get_providers()[0]) != provider:
            raise BackendError(
                f"asked for device '{options.device}' and ONNX Runtime opened {found}.",
                hint="see 'gantools doctor' for the CUDA libraries it misses, or use --device cpu",
            )
        self._outputs = [tensor.name for tensor in graph.spec.outputs]
        kind, _, index = options.device.partition(":")
        self._place = (kind, int(index or 0))
        self._recordings = Recordings(ort, self._session, self._outputs, self._place) if recorded else None

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Compute all outputs."""
        if self._recordings is not None:
            return self._recordings.run(inputs)
        return dict(zip(self._outputs, self._session.run(self._outputs, inputs), strict=True))

    def on_device(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Callable[[], None] | None:
        """By an IOBinding; outputs are allocated by each run, on the device."""
        if self._place[0] == "cpu":
            return None
        if self._recordings is not None:
            return self._recordings.on_device(inputs)
        binding = self._session.io_binding()
        values = {name: _library().OrtValue.ortvalue_from_numpy(array, *self._place) for name, array in inputs.items()}
        for name, value in values.items():
            binding.bind_ortvalue_input(name, value)
        for name in self._outputs:
            binding.bind_output(name, *self._place)

        def call() -> None:
            self._session.run_with_iobinding(binding)
            binding.synchronize_outputs()

        return call

    def layers(self) -> list[ComputedLayer]:
        """The nodes of the graph as ONNX Runtime optimized it, from its own dump of that graph."""
        onnx = require("onnx", extra="optimize", why="to read ONNX Runtime's optimized graph")
        ort = _library()
        with tempfile.TemporaryDirectory() as folder:
            self._settings.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
            ort.InferenceSession(self._path, self._settings, providers=self._providers)
            model = onnx.load(self._settings.optimized_model_filepath)
        self._settings.optimized_model_filepath = ""
        return _layers_of(onnx, model.graph)

    def times_ms(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, float]:
        """Of the run that took the median, by the profile of a session that is opened for it."""
        ort = _library()
        precisions = {layer.name: layer.precision for layer in self.layers()}
        with tempfile.TemporaryDirectory() as folder:
            self._settings.enable_profiling = True
            self._settings.profile_file_prefix = str(Path(folder) / "profile")
            try:
                session = ort.InferenceSession(self._path, self._settings, providers=self._providers)
                for _ in range(PROFILED):
                    session.run(self._outputs, inputs)
                events = json.loads(Path(session.end_profiling()).read_text())
            finally:
                self._settings.enable_profiling = False
        return _median_of(events, precisions)

    def close(self) -> None:
        """Drop the session."""
        self._session = self._recordings = None


def _median_of(events: list[dict[str, Any]], precisions: Mapping[str, str]) -> dict[str, float]:
    """Milliseconds of the median run; each run begins where its first node comes up again."""
    runs: list[dict[str, float]] = []
    seen: set[str] = set()
    for event in events:
        name, _, what = event["name"].rpartition("_kernel_time")
        if event.get("cat") != "Node" or what or not name:
            continue
        if not runs or name in seen:
            runs.append({})
            seen = set()
        seen.add(name)
        precision = precisions.get(name, "fp32")
        runs[-1][precision] = runs[-1].get(precision, 0.0) + event["dur"] / 1000
    return median_run(runs)


def _layers_of(onnx: Any, graph: Any, outside: Mapping[str, int] = {}) -> list[ComputedLayer]:
    """Every node with the type of its first float operand; those of loops and branches too.

    Fused nodes of ONNX Runtime's own domains have no type inference: types are carried on from weights and casts.
    """
    types = dict(outside) | {tensor.name: tensor.data_type for tensor in graph.initializer}
    types |= {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.value_info)}
    layers = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                layers += _layers_of(onnx, attribute.g, types)
        known = [types[name] for name in node.input if types.get(name) in _PRECISIONS]
        found = known[0] if known else 0
        if node.op_type == "Cast":
            found = next(attribute.i for attribute in node.attribute if attribute.name == "to")
        for name in node.output:
            types.setdefault(name, found)
        if node.op_type.startswith("QLinear") or "Integer" in node.op_type:  # scales are float, products are not
            found = onnx.TensorProto.INT8
        precision = _PRECISIONS.get(found, onnx.TensorProto.DataType.Name(found).lower())
        layers.append(ComputedLayer(node.op_type, precision, node.name, is_arithmetic(node.op_type)))
    return layers


class OnnxRuntimeBackend:
    """See the module."""

    formats = ("onnx",)

    def probe(self, device: str = "cpu") -> Availability:
        """Whether the execution provider of ``device`` is there."""
        try:
            ort = _library()
            provider, _ = _provider(device)
        except (MissingDependencyError, BackendError) as err:
            return Availability(False, err.message, err.hint)
        offered = ort.get_available_providers()
        if provider in offered:
            return Availability(True, f"onnxruntime {ort.__version__}: {provider}")
        reason = f"onnxruntime {ort.__version__} has no {provider}, only {', '.join(offered)}"
        return Availability(False, reason, "pip install 'gantools[onnxruntime-gpu]'")

    def open(self, path: Path, graph: GraphFile, options: OpenOptions) -> OnnxRuntimeGraph:
        """Open ``path`` in a session of its own."""
        return OnnxRuntimeGraph(path, graph, options)


backend = OnnxRuntimeBackend()
