"""How many products this machine multiplies and adds in a second at best, for each precision: measured, not looked up.

    python benchmarks/peaks.py [--device cuda] [--seconds 1]

Square matrix products of several sizes by every kernel at hand; the highest median rate counts, whoever gave it. Each
product of a kernel is in the precision that it is listed under: int8 by int8 into whole numbers of 32 bits, and fp32
without TF32. Quantizing the left matrix is inside the time of the runtimes' int8, which have no product without it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch

from gantools.runtime.backends.openvino import cpu_capabilities
from gantools.timing.environment import default_threads
from gantools.timing.measure import BenchPlan, measure
from gantools.timing.stats import percentile

Calls = dict[tuple[str, str], Callable[[], Any]]
"""(precision, kernel) -> one product."""
SIZES = {"cpu": (512, 1024, 2048, 4096), "cuda": (1024, 2048, 4096, 8192)}
LONGEST_MS = 100.0
"""Larger matrices are tried while one product by the fastest kernel of a precision is expected to take no longer."""
DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "tf32", "bf16", "fp16")}


def peaks(device: str = "cpu", seconds: float = 1.0) -> dict[str, dict[str, Any]]:
    """Precision -> multiply-adds in a second, and which kernel and size gave it.

    Args:
        device: ``cpu``, with as many threads as there are physical cores, or ``cuda``.
        seconds: Most seconds for one kernel at one size.
    """
    kind = device.partition(":")[0]
    torch.set_num_threads(default_threads())
    rates: dict[str, dict[tuple[str, int], float]] = {}
    for size in SIZES[kind]:
        with tempfile.TemporaryDirectory() as folder:
            calls = _torch_calls(device, size) | (_runtime_calls(size, Path(folder)) if kind == "cpu" else {})
            for precision, _ in list(calls):
                best = max(rates.get(precision, {}).values(), default=np.inf)
                if size**3 / best * 1000 > LONGEST_MS:
                    calls = {key: call for key, call in calls.items() if key[0] != precision}
            named = {f"{precision} {kernel}": call for (precision, kernel), call in calls.items()}
            timings = measure(named, BenchPlan(min_calls=100, max_seconds=seconds, rounds=10))
        for (precision, kernel), (name, timing) in zip(calls, timings.items(), strict=True):
            p50 = percentile(np.array(timing.values_ms), 50)
            if timing.failure is not None or p50 is None:
                print(f"peak, {name} of {size}: {timing.failure or 'too few calls'}", file=sys.stderr)
                continue
            rates.setdefault(precision, {})[kernel, size] = size**3 / p50 * 1000
    found = {}
    for precision, tried in rates.items():
        kernel, size = max(tried, key=lambda key: tried[key])
        found[precision] = {
            "multiply_adds_per_s": round(tried[kernel, size]),
            "kernel": kernel,
            "size": size,
            "tried": {f"{one}, {edge}": round(rate) for (one, edge), rate in tried.items()},
        }
        rate = tried[kernel, size] / 1e9
        print(f"peak {precision}: {rate:.0f} G multiply-adds/s by {kernel}, {size} x {size}", file=sys.stderr)
    return found


def _torch_calls(device: str, size: int) -> Calls:
    """Products of matrices that lie on the device."""
    calls: Calls = {}
    for precision in PRECISIONS[device.partition(":")[0]]:
        left, right = (torch.randn(size, size).to(device, DTYPES[precision]) for _ in range(2))
        for kernel, product in (("torch.mm", torch.mm), ("torch.nn.functional.linear", torch.nn.functional.linear)):
            calls[precision, kernel] = partial(_multiply, product, left, right, precision == "tf32")
    left, right = (torch.randint(-127, 128, (size, size), dtype=torch.int8).to(device) for _ in range(2))
    calls["int8", "torch._int_mm"] = partial(_multiply, torch._int_mm, left, right, False)
    calls["int8", "torch._int_mm of columns"] = partial(_multiply, torch._int_mm, left, right.t(), False)
    return calls


def _multiply(product: Callable[..., Any], left: torch.Tensor, right: torch.Tensor, tf32: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    with torch.inference_mode():
        product(left, right)
    if left.is_cuda:
        torch.cuda.synchronize(left.device)


def _runtime_calls(size: int, folder: Path) -> Calls:
    """The same in ONNX Runtime and OpenVINO on the CPU: one MatMul with constant weights."""
    import onnxruntime
    import openvino

    given = {"left": np.random.default_rng(0).standard_normal((size, size), np.float32)}
    calls: Calls = {}
    for precision, quantized in (("fp32", False), ("int8", True)):
        path = folder / f"{precision}.onnx"
        ir.save(_product(size, quantized), path)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = default_threads()
        session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        calls[precision, "onnxruntime MatMul"] = partial(session.run, None, given)
        hints = {precision: "f32"}
        if precision == "fp32" and "BF16" in cpu_capabilities():
            hints["bf16"] = "bf16"
        for computed, hint in hints.items():
            config = {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": default_threads(),
                "INFERENCE_PRECISION_HINT": hint,
            }
            request = openvino.Core().compile_model(path, "CPU", config).create_infer_request()
            calls[computed, "openvino MatMul"] = partial(request.infer, given, share_inputs=True, share_outputs=True)
    return calls


def _product(size: int, quantized: bool) -> ir.Model:
    """``left`` (size, size) float32 times constant weights; quantized: both as int8 with one scale each."""
    rng = np.random.default_rng(1)
    left = ir.Value(name="left", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape((size, size)))
    nodes: list[ir.Node] = []
    if quantized:
        weights = _constant("weights", rng.integers(-127, 128, (size, size), np.int8))
        scale, zero = _constant("scale", np.array(0.03, np.float32)), _constant("zero", np.array(0, np.int8))
        constants = [weights, scale, zero]
        nodes.append(ir.node("QuantizeLinear", [left, scale, zero]))
        nodes.append(ir.node("DequantizeLinear", [nodes[0].outputs[0], scale, zero]))
        nodes.append(ir.node("DequantizeLinear", [weights, scale, zero]))
        factors = [nodes[1].outputs[0], nodes[2].outputs[0]]
    else:
        constants = [_constant("weights", rng.standard_normal((size, size), np.float32))]
        factors = [left, constants[0]]
    nodes.append(ir.node("MatMul", factors))
    output = nodes[-1].outputs[0]
    output.name, output.type, output.shape = "product", left.type, left.shape
    graph = ir.Graph([left], [output], nodes=nodes, initializers=constants, opset_imports={"": 17}, name="product")
    return ir.Model(graph, ir_version=9)


def _constant(name: str, value: Any) -> ir.Value:
    tensor = ir.tensor(value, name=name)
    return ir.Value(name=name, const_value=tensor, type=ir.TensorType(tensor.dtype), shape=ir.Shape(value.shape))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--seconds", type=float, default=1.0, help="most seconds for one kernel at one size")
    given = parser.parse_args()
    print(json.dumps(peaks(given.device, given.seconds), indent=2))


if __name__ == "__main__":
    main()
