"""int8: whole numbers in [-127, 127] with a scale for each weight channel and one for each activation.

The mechanics are those of ``onnxruntime.quantization``; what is decided here is where they apply, for generators:

- only what multiplies and adds is quantized, by its inputs: x -> s round(clip(x / s, -128, 127)) before it, and nothing
  after it, so that an activation, a sum or a rescaling that follows is fused with the product and not rounded twice.
- weights: symmetric, a scale for each output channel. Activations: symmetric, one scale. What is largest of a few
  values in ten thousand may be cut off where that rounds all others less: of three shares that are kept, the one is
  taken whose outputs lie nearest to those in float, on real inputs. Zero points would not be accepted by TensorRT.
- biases stay float32: an int32 bias behind a DequantizeLinear is refused by TensorRT.
- the first product, which sees noise of long tails, and the last one, which makes pixels, are islands: each has little
  work, and rounds what everything else is made of, or what is seen.

A graph like this loads in ONNX Runtime, OpenVINO and TensorRT. Its loss depends on data, so a budget has to judge it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gantools.core.optional import require
from gantools.optimize.rewrites.reading import constant, is_op
from gantools.runtime.backends.base import Arrays

WHOLE = 100.0
SHARES = (WHOLE, 99.999, 99.99)
"""Percentages of an activation's values that its scale has room for."""
_FEW = 16  # inputs for histograms and comparisons, which take longer than a largest value
PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def apply(model: ir.Model, islands: Collection[str] = (), inputs: Iterable[Arrays] = ()) -> ir.Model:
    """Quantize every product but the islands. Where there is none, the model stays as it is.

    Args:
        model: Fp32; not changed.
        islands: Names of nodes that stay float32.
        inputs: Real inputs, to see how large activations become; at least one.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    chosen = [str(node.name) for node in products(model) if node.name not in islands]
    given = list(inputs)
    few = given[:_FEW]
    if not chosen:
        return model
    with tempfile.TemporaryDirectory() as folder, _silence():
        source = Path(folder) / "source.onnx"
        ir.save(model, source)
        expected = _outputs(source, few)
        errors: dict[float, float] = {}
        for share in SHARES:
            made = Path(folder) / f"{share:g}.onnx"
            _quantize(source, made, chosen, given if share == WHOLE else few, share)
            errors[share] = sum(
                float(np.square(one.astype(np.float64) - other).mean())
                for one, other in zip(_outputs(made, few), expected, strict=True)
            )
        best = min(errors, key=lambda share: errors[share])
        quantized = ir.load(Path(folder) / f"{best:g}.onnx")
        ir.external_data.load_to_model(quantized)
    return quantized


def _quantize(source: Path, made: Path, nodes: list[str], inputs: list[Arrays], share: float) -> None:
    quantization: Any = require("onnxruntime.quantization", extra="onnxruntime", why="to quantize graphs to int8")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        """One input after another, because a histogram's library keeps all values of those that it reads at once."""

        def __init__(self) -> None:
            self.places = iter(range(len(inputs)))

        def __len__(self) -> int:
            return len(inputs)

        def set_range(self, start_index: int, end_index: int) -> None:
            self.places = iter(range(start_index, end_index))

        def get_next(self) -> Arrays | None:
            place = next(self.places, None)
            return None if place is None else inputs[place]

    whole = share == WHOLE
    method = quantization.CalibrationMethod
    quantization.quantize_static(
        source,
        made,
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=list(PRODUCTS),
        nodes_to_quantize=nodes,
        per_channel=True,
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
        calibrate_method=method.MinMax if whole else method.Percentile,
        extra_options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,
            "OpTypesToExcludeOutputQuantization": list(PRODUCTS),
            "MatMulConstBOnly": True,
            "CalibStridedMinMax": 1,
            **({} if whole else {"CalibPercentile": share}),
        },
    )


def _outputs(path: Path, inputs: list[Arrays]) -> list[npt.NDArray[Any]]:
    """All outputs of all inputs, one after another."""
    ort = require("onnxruntime", extra="onnxruntime", why="to quantize graphs to int8")
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    session = ort.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    return [output for given in inputs for output in session.run(None, given)]


def products(model: ir.Model) -> list[ir.Node]:
    """The nodes of the main graph that can be quantized, in order: products with constant weights."""
    return [node for node in model.graph if is_op(node, *PRODUCTS) and constant(node.inputs[1]) is not None]


def ends(model: ir.Model) -> tuple[str, ...]:
    """Names of the first products, which no other feeds, and of the last ones, which feed no other."""
    found = products(model)
    ahead = {node: _reached(node) & set(found) - {node} for node in found}
    fed = set().union(*ahead.values()) if ahead else set()
    return tuple(str(node.name) for node in found if node not in fed or not ahead[node])


def _reached(node: ir.Node) -> set[ir.Node]:
    """All nodes that depend on this one."""
    seen: set[ir.Node] = set()
    waiting = [node]
    while waiting:
        for follower in waiting.pop().successors():
            if follower not in seen:
                seen.add(follower)
                waiting.append(follower)
    return seen


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Of advice to users of the library, which are not those of this one."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
