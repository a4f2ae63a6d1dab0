"""Which of several graphs that compute the same is fastest in a runtime. Timed together, interleaved."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gantools.core.artifact import GraphFile, Precision
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.optimize.passes import PASSES
from gantools.optimize.plan import Plan
from gantools.optimize.targets import TARGETS
from gantools.runtime.backends import BACKENDS
from gantools.runtime.backends.base import OpenOptions
from gantools.timing.environment import default_threads
from gantools.timing.measure import BenchPlan, measure
from gantools.timing.stats import ratio_of_medians

LEAST_GAIN = 0.02
"""A graph wins when it is faster by this share at least, at the lower end of the interval of the ratio."""
_PLAN = BenchPlan(batches=(1,), min_calls=200, max_seconds=0.4, rounds=10, lead_in_ms=5, max_warmup_seconds=0.2)
_DTYPES = {
    ir.DataType.FLOAT: "float32",
    ir.DataType.FLOAT16: "float16",
    ir.DataType.INT64: "int64",
    ir.DataType.INT32: "int32",
    ir.DataType.UINT8: "uint8",
    ir.DataType.BOOL: "bool",
}


@dataclass(frozen=True)
class Runtime:
    """Who runs graphs.

    Attributes:
        backend: Name in the table of backends.
        device: Where.
        precision: What graphs are typed to before they are run.
        threads: CPU threads; none: one for each physical core.
    """

    backend: str
    device: str
    precision: Precision
    threads: int | None = None

    @property
    def is_here(self) -> bool:
        """Whether anything can be timed."""
        return BACKENDS.load(self.backend).probe(self.device).ok


def fastest(graphs: Mapping[str, ir.Model], baseline: str, runtime: Runtime) -> str:
    """The name of the fastest graph; the baseline unless another one is faster for certain.

    Args:
        graphs: Fp32, with known shapes. Copies of them are typed to the runtime's precision.
        baseline: One of them. Of the others, those that the runtime does not take drop out.
        runtime: Who runs them.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        calls = {}
        for number, (name, model) in enumerate(graphs.items()):
            call = _opened(model, Path(folder) / f"{number}.onnx", runtime, stack)
            if call is not None:
                calls[name] = call
        if baseline not in calls or len(calls) < 2:
            return baseline
        timings = measure(calls, _PLAN)
    first = timings.pop(baseline)
    best, gain = baseline, 1 + LEAST_GAIN
    for name, timing in timings.items():
        if first.failure or timing.failure:
            continue
        ratio = ratio_of_medians(*(np.reshape(one.values_ms, (-1, one.block)) for one in (first, timing)))
        surely = ratio.interval[0] if ratio.interval else ratio.value
        if surely > 1 + LEAST_GAIN and ratio.value > gain:
            best, gain = name, ratio.value
    return best


def _opened(model: ir.Model, path: Path, runtime: Runtime, stack: ExitStack) -> Callable[[], object] | None:
    """A call that runs the graph once; None where the runtime does not take it."""
    options = OpenOptions(runtime.device, runtime.threads or default_threads())
    try:
        inputs, outputs = ([_tensor(value) for value in values] for values in (model.graph.inputs, model.graph.outputs))
        spec = GraphSpec(inputs=tuple(inputs), outputs=tuple(outputs))
        entry = GraphFile(
            file=path.name, format="onnx", precision=runtime.precision, spec=spec, backend=runtime.backend
        )
        given = {tensor.name: _values(tensor, seed) for seed, tensor in enumerate(inputs)}
        if runtime.precision in PASSES:
            model = PASSES.load(runtime.precision)(copied(model), (), [given])
        ir.save(model, path)
        plan = Plan(target=runtime.backend, precision=runtime.precision, device=runtime.device)
        entry = TARGETS.load(runtime.backend).compile(path, entry, plan)
        graph = BACKENDS.load(runtime.backend).open(path.parent / entry.file, entry, options)
    except Exception:  # runtimes raise what they like, and a graph that does not open does not win
        return None
    stack.callback(graph.close)
    return lambda: graph.run(given)


def copied(model: ir.Model) -> ir.Model:
    """A model that shares nothing but the bytes of its constants. Clones share their types, which passes change."""
    return ir.from_proto(ir.to_proto(model))


def _tensor(value: ir.Value) -> TensorSpec:
    if value.dtype is None or value.shape is None or not value.shape.is_static():
        raise ValueError(f"the shape of value '{value.name}' is not known")
    known = {"name": value.name, "dtype": _DTYPES[value.dtype], "shape": value.shape.numpy()}
    return TensorSpec.model_validate(known)


def _values(tensor: TensorSpec, seed: int) -> npt.NDArray[Any]:
    """Noise for floats, because zeros and denormal numbers have a speed of their own; 0, which is an index, else."""
    shape = tensor.concrete({})
    if tensor.dtype in ("float32", "float16"):
        return np.random.default_rng(seed).standard_normal(shape).astype(tensor.dtype)
    return np.zeros(shape, tensor.dtype)
