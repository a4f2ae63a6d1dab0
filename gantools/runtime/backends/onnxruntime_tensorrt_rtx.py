"""TensorRT-RTX inside ONNX Runtime, on NVIDIA GPUs: it compiles when a graph is opened. See ``onnxruntime_plugin``.

Networks are strongly typed, so fp16, bf16 and int8 are what the graph says. Products of fp32 have 11 significant bits,
TF32, which no option of the provider switches off (0.5.0): graphs in fp32 are refused. Its package brings libraries of
TensorRT-RTX that it loads for the whole process; do not open engines of another version beside it.

Not run on a GPU: without a driver the library does not even load.
"""

from __future__ import annotations

from collections.abc import Mapping

from gantools.core.artifact import GraphFile
from gantools.core.cache import user_cache
from gantools.runtime.backends.base import OpenOptions
from gantools.runtime.backends.onnxruntime_plugin import PluginBackend, Provider, Refusal


def provider_options(graph: GraphFile, options: OpenOptions) -> dict[str, str]:  # noqa: ARG001 - the same for all
    """Kernels are kept for the next opening; sizes that are free have the limits of the graph's axes."""
    chosen = {"nv_runtime_cache_path": str(user_cache() / "kernels/onnxruntime")}
    free = [tensor for tensor in graph.spec.inputs if any(isinstance(size, str) for size in tensor.shape)]
    for which in ("min", "opt", "max") if free else ():
        sizes = graph.spec.sizes(which)
        shapes = (f"{tensor.name}:{'x'.join(map(str, tensor.concrete(sizes)))}" for tensor in free)
        chosen[f"nv_profile_{which}_shapes"] = ";".join(shapes)
    return chosen


def refusal(graph: GraphFile, told: Mapping[str, str]) -> Refusal | None:  # noqa: ARG001 - the same for every GPU
    """TF32 is another precision than fp32."""
    if graph.precision != "fp32":
        return None
    return (
        "TensorRT-RTX inside ONNX Runtime computes fp32 graphs in TF32, and cannot be told otherwise.",
        "use --backend onnxruntime --device cuda, or make an engine: gantools optimize ART --target tensorrt-rtx",
    )


backend = PluginBackend(
    Provider(
        backend="onnxruntime-tensorrt-rtx",
        module="onnxruntime_ep_nv_tensorrt_rtx",
        device="cuda",
        takes="NVIDIA GPUs from Ampere on, with a driver for CUDA 13",
        instead="tensorrt-rtx",
        options=provider_options,
        refusal=refusal,
    )
)
