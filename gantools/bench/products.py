"""Square matrix products in the runtimes of the CPU: one MatMul with constant weights.

Quantizing the left matrix is inside the time of int8, which these runtimes have no product without.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gantools.core.optional import require
from gantools.runtime.backends.openvino import cpu_capabilities, shared_core
from gantools.timing.kernels import Kernels


def of_onnxruntime(device: str) -> Kernels:
    """Those of its CPU provider.

    Raises:
        MissingDependencyError: It is not installed.
    """
    library = require("onnxruntime", extra="onnxruntime", why="to measure how fast it multiplies")
    if device != "cpu":
        return {}
    return {(name, "onnxruntime MatMul"): partial(_in_onnxruntime, library, name) for name in ("fp32", "int8")}


@contextmanager
def _in_onnxruntime(library: Any, precision: str, size: int, threads: int) -> Iterator[Callable[[], object]]:
    settings = library.SessionOptions()
    settings.intra_op_num_threads = threads
    with _written(size, precision) as path:
        session = library.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    yield partial(session.run, None, _left(size))


def of_openvino(device: str) -> Kernels:
    """Those of its CPU plugin; bf16 where the CPU has instructions for it.

    Raises:
        MissingDependencyError: It is not installed.
    """
    require("openvino", extra="openvino", why="to measure how fast it multiplies")
    if device != "cpu":
        return {}
    names = ("fp32", "int8", *(("bf16",) if "BF16" in cpu_capabilities() else ()))
    return {(name, "openvino MatMul"): partial(_in_openvino, name) for name in names}


@contextmanager
def _in_openvino(precision: str, size: int, threads: int) -> Iterator[Callable[[], object]]:
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }
    with _written(size, precision) as path:
        request = shared_core().compile_model(path, "CPU", settings).create_infer_request()
    yield partial(request.infer, _left(size), share_inputs=True, share_outputs=True)


@contextmanager
def _written(size: int, precision: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "product.onnx"
        ir.save(_product(size, quantized=precision == "int8"), path)
        yield path


def _left(size: int) -> dict[str, npt.NDArray[Any]]:
    return {"left": np.random.default_rng(0).standard_normal((size, size), np.float32)}


def _product(size: int, *, quantized: bool) -> ir.Model:
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
