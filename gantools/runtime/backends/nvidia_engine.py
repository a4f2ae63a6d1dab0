"""Run NVIDIA engines. What TensorRT and TensorRT-RTX have in common: devices, buffers, the engine inspector.

CUDA is reached through cuda-bindings, without PyTorch. Engines are made by ``optimize``, not here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import GraphFile
from gantools.core.errors import BackendError, MissingDependencyError
from gantools.core.optional import require
from gantools.runtime.backends.base import Arrays, Availability, ComputedLayer, OpenOptions, is_arithmetic
from gantools.runtime.backends.engine_checks import library_problem, read_engine, rebuild_command
from gantools.runtime.backends.kernels import KeptKernels

# How the inspector spells a type, in any version, in lower case. The first one found in a description counts.
_SPELLINGS = {"bf16": "bf16", "bfloat16": "bf16", "fp16": "fp16", "half": "fp16", "int8": "int8", "fp8": "fp8"}
_SPELLINGS |= {"fp32": "fp32", "float": "fp32"}
_LONGEST = 200


class EngineBackend:
    """TensorRT or TensorRT-RTX.

    Args:
        name: Name in the table of backends, in ``GraphFile.format`` and of the extra.
        module: The library to import.
    """

    def __init__(self, name: str, module: str) -> None:
        self.name, self.module = name, module
        self.formats = (name,)

    def probe(self, device: str = "cuda") -> Availability:
        """Whether the library, a driver and the device are here."""
        try:
            library = self._library()
            problem = device_problem(device, self.name) or unknown_gpu(library, device)
        except MissingDependencyError as err:
            return Availability(False, err.message, err.hint)
        return Availability(problem is None, f"{self.name} {library.__version__}: {problem or gpu_name(device)}")

    def open(self, path: Path, graph: GraphFile, options: OpenOptions) -> EngineGraph:
        """Load an engine, after its demands were compared with what is here.

        Raises:
            BackendError: Another version or GPU than it was built for, no GPU, or the library refused.
            ArtifactError: The file is damaged.
        """
        library = self._library()
        hint = rebuild_command(self.name)
        demands = graph.requires
        if demands and demands.version != library.__version__:
            raise BackendError(
                f"'{path.name}' was built by {self.name} {demands.version}, and {library.__version__} is here.",
                hint=f"pip install '{self.name}=={demands.version}', or {hint}",
            )
        if problem := device_problem(options.device, self.name):
            raise BackendError(f"'{path.name}' cannot run: {problem}", hint="run it on a machine with an NVIDIA GPU")
        built_for = demands.compute_capabilities if demands else ()
        if built_for and (here := compute_capability(options.device)) not in built_for:
            raise BackendError(
                f"'{path.name}' was built for compute capability {', '.join(built_for)}, and this GPU has {here}.",
                hint=hint,
            )
        return EngineGraph(library, self.name, path, graph, options)

    def _library(self) -> Any:
        return require(self.module, extra=self.name, why=f"to run {self.name} engines")


class EngineGraph:
    """An engine with one execution context, one stream, and a device buffer for each tensor."""

    def __init__(self, library: Any, name: str, path: Path, graph: GraphFile, options: OpenOptions) -> None:
        self._library, self._name, self._device = library, name, _index(options.device)
        self._cuda = _cuda(name)
        content, digest = read_engine(path, graph, name)
        self._buffers: dict[str, tuple[int, int]] = {}
        self._call(self._cuda.cudaSetDevice(self._device))
        self._logger = collecting_logger(library)
        self._runtime: Any = library.Runtime(self._logger)
        if (problem := library_problem(library, self._runtime, content)) is not None:
            reason = f"{problem}." if problem else first_complaint(self._logger.complaints)
            raise BackendError(
                f"{name} {library.__version__} cannot load '{path.name}' here: {reason}", hint=rebuild_command(name)
            )
        self._engine: Any = self._runtime.deserialize_cuda_engine(content)
        self._kernels: KeptKernels | None = None
        self._context: Any = None
        if self._engine is not None and hasattr(library, "IRuntimeCache"):
            self._kernels = KeptKernels(self._engine, digest, library.__version__, gpu_and_driver(options.device))
            self._context = self._kernels.context
        elif self._engine is not None:
            self._context = self._engine.create_execution_context()
        if self._context is None:
            raise BackendError(
                f"{name} cannot open '{path.name}': {first_complaint(self._logger.complaints)}",
                hint=rebuild_command(name),
            )
        (self._stream,) = self._call(self._cuda.cudaStreamCreate())
        self._outputs = [(tensor.name, np.dtype(tensor.dtype)) for tensor in graph.spec.outputs]
        self._held: Arrays = {}
        self._has_run = False

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Compute all outputs: copy in, enqueue, copy out, wait."""
        results = self._place(inputs)
        self._check(self._context.execute_async_v3(int(self._stream)))
        for name, array in results.items():
            kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
            self._copy(array.ctypes.data, self._buffers[name][0], array.nbytes, kind)
        self._call(self._cuda.cudaStreamSynchronize(self._stream))
        if self._kernels is not None and not self._has_run:
            self._kernels.keep()  # an application may be ended without closing anything
        self._has_run = True
        return results

    def on_device(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Callable[[], None]:
        """Enqueue and wait; the buffers are those of ``run``."""
        self._place(inputs)

        def call() -> None:
            self._check(self._context.execute_async_v3(int(self._stream)))
            self._call(self._cuda.cudaStreamSynchronize(self._stream))

        call()  # what it allocates at these sizes is not computing
        return call

    def _place(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Copy the inputs in; returns arrays of the outputs' sizes, for which there are buffers."""
        self._call(self._cuda.cudaSetDevice(self._device))
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._held = {name: np.ascontiguousarray(array) for name, array in inputs.items()}  # until copies have ended
        for name, array in self._held.items():
            self._check(self._context.set_input_shape(name, array.shape))
            self._copy(self._address(name, array.nbytes), array.ctypes.data, array.nbytes, kind)
        results = {name: np.empty(tuple(self._context.get_tensor_shape(name)), dtype) for name, dtype in self._outputs}
        for name, array in results.items():
            self._address(name, array.nbytes)
        return results

    def layers(self) -> list[ComputedLayer]:
        """The layers as compiled, from the engine inspector."""
        inspector = self._engine.create_engine_inspector()
        return layers_from_inspector(inspector.get_engine_information(self._library.LayerInformationFormat.JSON))

    def times_ms(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """Not asked for: its profiler has not been tried on a GPU."""

    def close(self) -> None:
        """Free the device."""
        if self._context is not None:
            if self._kernels is not None:
                self._kernels.keep()  # sizes that were run after the first may have needed kernels of their own
            for address, _ in self._buffers.values():
                self._cuda.cudaFree(address)
            self._buffers = {}
            self._cuda.cudaStreamDestroy(self._stream)
            self._context = self._kernels = self._engine = self._runtime = None

    def _address(self, name: str, size_bytes: int) -> int:
        """The device buffer of a tensor, at least this large, made known to the context."""
        address, capacity = self._buffers.get(name, (0, 0))
        if size_bytes > capacity:
            if capacity:
                self._call(self._cuda.cudaFree(address))
                del self._buffers[name]
            address = int(self._call(self._cuda.cudaMalloc(size_bytes))[0])
            self._buffers[name] = (address, size_bytes)
        self._check(self._context.set_tensor_address(name, address))
        return address

    def _copy(self, to: int, source: int, size_bytes: int, kind: Any) -> None:
        self._call(self._cuda.cudaMemcpyAsync(to, source, size_bytes, kind, self._stream))

    def _call(self, result: tuple[Any, ...]) -> tuple[Any, ...]:
        """The values of a CUDA call, or its error in words."""
        error, *values = result
        if error != self._cuda.cudaError_t.cudaSuccess:
            raise BackendError(f"CUDA refused: {_error_text(self._cuda, error)}")
        return tuple(values)

    def _check(self, done: bool) -> None:
        if not done:
            raise BackendError(f"{self._name} failed: {first_complaint(self._logger.complaints)}")


def layers_from_inspector(text: str) -> list[ComputedLayer]:
    """Read the engine inspector's JSON, whose words differ between versions.

    A layer's precision is that of its first input: what it multiplies.

    Raises:
        BackendError: The engine was built without this information.
    """
    layers = json.loads(text).get("Layers", [])
    if not layers or not isinstance(layers[0], dict):
        raise BackendError(
            "the engine does not tell the types of its layers.", hint="build it again with 'gantools optimize'"
        )
    found = []
    for layer in layers:
        kind, name = str(layer.get("LayerType", "")), str(layer.get("Name", ""))
        tensors = (layer.get("Inputs") or []) + (layer.get("Outputs") or [])
        words = " ".join(
            str(value) for key, value in (tensors[0] if tensors else {}).items() if key not in ("Name", "Dimensions")
        )
        precision = next(
            (found for word, found in _SPELLINGS.items() if word in words.lower()), words.lower() or "unknown"
        )
        # Myelin names a fused kernel after what it fused, and calls all of them "kgen".
        counted = kind.lower() != "reformat" and (
            is_arithmetic(kind) or (kind.lower() == "kgen" and is_arithmetic(name))
        )
        found.append(ComputedLayer(kind, precision, name, counted))
    return found


def device_problem(device: str, extra: str) -> str | None:
    """Why nothing can run on this device here, in one sentence; None: it can.

    Raises:
        MissingDependencyError: cuda-bindings is not installed.
    """
    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index or "0").isdigit():
        return f"engines run on device 'cuda' or 'cuda:N', got '{device}'."
    cuda = _cuda(extra)
    try:
        error, count = cuda.cudaGetDeviceCount()
    except RuntimeError as err:  # cuda-bindings could not find the driver's library
        return f"no NVIDIA driver here: {str(err).splitlines()[0].rstrip('.')}."
    if error != cuda.cudaError_t.cudaSuccess:
        return f"no NVIDIA driver or GPU here: {_error_text(cuda, error)}"
    return None if _index(device) < count else f"there is no device '{device}' here, only {count} of them."


def unknown_gpu(library: Any, device: str) -> str | None:
    """Why a library has no kernels for a GPU that is there, where it lists those it knows; None: it may have.

    TensorRT-RTX 1.7 knows no Hopper: what it compiles, even for any GPU, does not load there (tried on an H100).
    """
    known = [one for one in dir(getattr(library, "ComputeCapability", None)) if one.startswith("SM")]
    here = compute_capability(device)
    if not known or f"SM{here.replace('.', '')}" in known:
        return None
    return f"it has no kernels for compute capability {here}, that of {gpu_name(device)}, only for {', '.join(known)}."


def compute_capability(device: str) -> str:
    """Such as ``"8.9"``. Call only where ``device_problem`` is None."""
    cuda = _cuda("tensorrt")
    kinds = cuda.cudaDeviceAttr
    attributes = (kinds.cudaDevAttrComputeCapabilityMajor, kinds.cudaDevAttrComputeCapabilityMinor)
    return ".".join(str(cuda.cudaDeviceGetAttribute(attribute, _index(device))[1]) for attribute in attributes)


def gpu_name(device: str) -> str:
    """Such as ``"NVIDIA L4 (8.9)"``. Call only where ``device_problem`` is None."""
    properties = _cuda("tensorrt").cudaGetDeviceProperties(_index(device))[1]
    name = properties.name.decode() if isinstance(properties.name, bytes) else properties.name
    return f"{name} ({compute_capability(device)})"


def gpu_and_driver(device: str) -> str:
    """As ``gpu_name``, and the newest CUDA that the driver knows, such as ``"NVIDIA L4 (8.9), CUDA 13000"``."""
    return f"{gpu_name(device)}, CUDA {_cuda('tensorrt').cudaDriverGetVersion()[1]}"


def collecting_logger(library: Any) -> Any:
    """A logger for ``tensorrt`` or ``tensorrt_rtx`` that keeps errors in ``complaints`` and says nothing."""

    class Collecting(library.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            library.ILogger.__init__(self)
            self.complaints: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (library.ILogger.ERROR, library.ILogger.INTERNAL_ERROR):
                self.complaints.append(message)

    return Collecting()


def first_complaint(complaints: list[str]) -> str:
    """The first line that says something; compilers may put whole weights into it, so it is cut."""
    lines = [" ".join(line.split()) for text in complaints for line in text.splitlines() if line.strip()]
    line = lines[0].rstrip(".") if lines else "it gives no reason"
    return f"{line}." if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _cuda(extra: str) -> Any:
    return require("cuda.bindings.runtime", extra=extra, why="to reach the GPU")


def _index(device: str) -> int:
    return int(device.partition(":")[2] or 0)


def _error_text(cuda: Any, error: Any) -> str:
    text = cuda.cudaGetErrorString(error)[1]
    return (text.decode() if isinstance(text, bytes) else str(text)).rstrip(".") + "."
