"""Compile an ONNX file to an NVIDIA engine. What TensorRT 10, TensorRT 11 and TensorRT-RTX have in common.

Networks are strongly typed: the types in the ONNX file bind the compiler. TensorRT 10 has to be told by a flag,
TensorRT 11 accepts the flag and ignores it, since it has nothing else. In fp32, TF32 (products of 11 significant bits)
is switched off: it is on by default and would be another precision than the one asked for.
"""

from __future__ import annotations

import struct
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from gantools.core.artifact import CompiledWork, GraphFile
from gantools.core.atomic import sha256_file
from gantools.core.errors import BackendError
from gantools.core.events import OnEvent, ignore
from gantools.core.spec import AxisRange, GraphSpec
from gantools.optimize.targets.store import compiled_once
from gantools.optimize.targets.timings import kept_timings
from gantools.optimize.work import work_of
from gantools.runtime.backends.base import is_arithmetic
from gantools.runtime.backends.nvidia_engine import collecting_logger, first_complaint

PRECISIONS = {"FLOAT": "fp32", "HALF": "fp16", "BF16": "bf16", "INT8": "int8"}
SUFFIX = ".engine"
_SECONDS = struct.Struct("<d")
"""What compiling took lies before the engine in the store, so that an engine that is found tells it as well."""


def compile_engine(
    library: Any,
    name: str,
    typed: Path,
    graph: GraphFile,
    capabilities: tuple[str, ...] = (),
    machine: str = "",
    on_event: OnEvent = ignore,
) -> GraphFile:
    """Write the engine beside ``typed``, remove ``typed``, and return the entry without its ``requires``.

    Args:
        library: The module ``tensorrt`` or ``tensorrt_rtx``.
        name: What to call it in messages: ``"TensorRT"``.
        typed: The ONNX file.
        graph: Its entry.
        capabilities: Compute capabilities to compile for; none: the compiler's default.
        machine: GPU and driver, where the engine depends on those that are here: kernels are timed on it.
        on_event: Who watches.

    Raises:
        BackendError: The parser or the compiler refused; its first complaint is in the message.
    """
    logger = collecting_logger(library)
    builder = library.Builder(logger)
    network = builder.create_network(_strongly_typed(library))
    parser = library.OnnxParser(network, logger)
    if not parser.parse_from_file(str(typed)):
        complaints = [_parser_error(parser.get_error(index)) for index in range(parser.num_errors)] + logger.complaints
        raise BackendError(f"{name} cannot parse graph '{typed.stem}': {first_complaint(complaints)}")
    config = builder.create_builder_config()
    config.profiling_verbosity = library.ProfilingVerbosity.DETAILED  # so that the inspector tells types
    if graph.precision == "fp32" and hasattr(library.BuilderFlag, "TF32"):
        config.clear_flag(library.BuilderFlag.TF32)
    config.add_optimization_profile(_profile(builder, graph.spec))
    _aim(library, name, config, capabilities)
    counts = _arithmetic_layers(network)

    def compile_it() -> bytes:
        started = time.perf_counter()
        timed = kept_timings(config, (name, library.__version__), machine, on_event) if machine else nullcontext()
        with timed:
            engine = builder.build_serialized_network(network, config)
        if engine is None:
            reason = first_complaint(logger.complaints)
            raise BackendError(
                f"{name} {library.__version__} cannot compile graph '{typed.stem}' in {graph.precision}: {reason}",
                hint=f"try another --precision than {graph.precision}",
            )
        return _SECONDS.pack(time.perf_counter() - started) + bytes(engine)

    facts = {
        "graph": sha256_file(typed),
        "precision": graph.precision,
        "spec": graph.spec.model_dump(mode="json"),
        "library": [name, library.__version__],
        "for": [*capabilities, machine],
        "kept": "seconds, engine",
    }
    path = typed.with_suffix(SUFFIX)
    kept = compiled_once(facts, compile_it, on_event)
    path.write_bytes(kept[_SECONDS.size :])
    counted = _work(typed, graph.spec)
    typed.unlink()
    changes = {
        "work": counted,
        "file": path.name,
        "arithmetic_layers": counts,
        "build_seconds": _SECONDS.unpack_from(kept)[0],
    }
    return graph.model_copy(update=changes)


def _work(typed: Path, spec: GraphSpec) -> CompiledWork | None:
    """What the typed graph has to do; None where that cannot be counted."""
    if spec.axes.get("batch", AxisRange(min=1, opt=1, max=1)).min > 1:
        return None
    try:
        one, two = (work_of(typed, spec, {"batch": batch} if "batch" in spec.axes else {}) for batch in (1, 2))
    except ValueError:
        return None
    return CompiledWork(
        multiply_adds={name: (count, two.multiply_adds[name] - count) for name, count in one.multiply_adds.items()},
        least_bytes=(one.least_bytes, two.least_bytes - one.least_bytes),
    )


def _parser_error(error: Any) -> str:
    return f"node '{error.node_name()}' ({error.node_operator()}): {error.desc()}"


def _strongly_typed(library: Any) -> int:
    flag = getattr(library.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _profile(builder: Any, spec: GraphSpec) -> Any:
    profile = builder.create_optimization_profile()
    for tensor in spec.inputs:
        if any(isinstance(size, str) for size in tensor.shape):
            profile.set_shape(tensor.name, *(tensor.concrete(spec.sizes(which)) for which in ("min", "opt", "max")))
    return profile


def _aim(library: Any, name: str, config: Any, capabilities: tuple[str, ...]) -> None:
    """Choose the GPUs to compile for."""
    if not capabilities:
        return
    known = {_capability(one): one for one in dir(library.ComputeCapability) if one.startswith("SM")}
    if unknown := [one for one in capabilities if one not in known]:
        raise BackendError(
            f"{name} cannot compile for compute capability {', '.join(unknown)}.", hint=f"it knows {', '.join(known)}"
        )
    config.num_compute_capabilities = len(capabilities)
    for index, capability in enumerate(capabilities):
        config.set_compute_capability(getattr(library.ComputeCapability, known[capability]), index)


def _capability(member: str) -> str:
    """``SM120`` is 12.0."""
    return f"{member[2:-1]}.{member[-1]}"


def _arithmetic_layers(network: Any) -> dict[str, int]:
    """Precision -> layers. One that takes what a dequantizing layer gives is compiled to whole numbers."""
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    whole = {layer.get_output(0).name for layer in layers if layer.type.name == "DEQUANTIZE"}
    counts: Counter[str] = Counter()
    for layer in layers:
        if is_arithmetic(layer.type.name):
            dtype = layer.get_output(0).dtype.name
            counts["int8" if layer.get_input(0).name in whole else PRECISIONS.get(dtype, dtype.lower())] += 1
    return dict(counts)
