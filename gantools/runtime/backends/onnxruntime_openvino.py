"""OpenVINO inside ONNX Runtime, on CPUs of Intel. See ``onnxruntime_plugin``.

As OpenVINO does, the provider picks bf16 by itself where the CPU has it; the precision is asked for by name, f32, which
leaves bf16-typed graphs in bf16. It reads properties of OpenVINO in ``load_config`` alone: elsewhere they do nothing,
without a word (tried with 1.8.1). Other vendors' CPUs are refused by the provider, though OpenVINO itself takes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gantools.core.artifact import GraphFile
from gantools.runtime.backends.base import OpenOptions
from gantools.runtime.backends.onnxruntime_plugin import PluginBackend, Provider, Refusal

_CAPABILITIES = {"fp32": "FP32", "fp16": "FP16", "bf16": "BF16", "int8": "INT8"}


def provider_options(graph: GraphFile, options: OpenOptions) -> dict[str, str]:  # noqa: ARG001 - the same for all
    """Properties of OpenVINO's CPU plugin, in the form that the provider reads."""
    properties: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if options.threads:
        properties["INFERENCE_NUM_THREADS"] = str(options.threads)
    return {"load_config": json.dumps({"CPU": properties})}


def refusal(graph: GraphFile, told: Mapping[str, str]) -> Refusal | None:
    """What the CPU does not multiply in is computed in fp32, and nobody would tell."""
    wanted = _CAPABILITIES[graph.precision]
    if wanted in told.get("OPTIMIZATION_CAPABILITIES", "").split():
        return None
    return (
        f"OpenVINO does not compute in {graph.precision} on this CPU, and the graph is {graph.precision}.",
        "use an artifact in fp32",
    )


backend = PluginBackend(
    Provider(
        backend="onnxruntime-openvino",
        module="onnxruntime_ep_openvino",
        device="cpu",
        takes="CPUs of Intel",
        instead="openvino",
        options=provider_options,
        refusal=refusal,
    )
)
