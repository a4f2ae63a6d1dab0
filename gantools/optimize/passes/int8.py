"""int8: whole numbers in [-127, 127] with a scale for each weight channel and one for each activation.

The mechanics are those of ``onnxruntime.quantization``; what is decided here is where they apply, for generators:

- channels of an activation are made alike before one scale has to serve them all: see ``equalize``.
- weights are rounded together, not one by one: see ``weight_rounding``.
- only what multiplies and adds is quantized, by its inputs: x -> s round(clip(x / s, -128, 127)) before it, and nothing
  after it, so that an activation, a sum or a rescaling that follows is fused with the product and not rounded twice.
- weights: symmetric, a scale for each output channel. Activations: symmetric, one scale with room for the largest value
  of all real inputs: cutting off a few values in ten thousand is better for most images and far worse for some.
  Zero points would not be accepted by TensorRT.
- biases stay float32: an int32 bias behind a DequantizeLinear is refused by TensorRT. They give back what rounding
  adds: see ``bias_correction``.
- which products stay in float is measured, by what each alone does to the output: see ``sparing``.

A graph like this loads in ONNX Runtime, OpenVINO and TensorRT. Its loss depends on data, so a budget has to judge it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from gantools.core.optional import require
from gantools.optimize.observation import observed
from gantools.optimize.passes.bias_correction import correct_biases
from gantools.optimize.passes.casting import cast_model
from gantools.optimize.passes.constants import put_constant
from gantools.optimize.passes.equalize import equalized
from gantools.optimize.passes.products import PRODUCTS, products, unrounded
from gantools.optimize.passes.weight_rounding import round_weights
from gantools.optimize.race import copied
from gantools.optimize.rewrites.reading import constant, is_op
from gantools.runtime.backends.base import Arrays

_FEW = 16  # inputs for everything but the largest values
_FOLLOWERS = ("Relu", "LeakyRelu", "PRelu", "Clip", "Tanh", "Sigmoid", "Add", "Mul", "DepthToSpace")


@dataclass(frozen=True)
class Quantization:
    """A model with every product quantized, from which some can be spared.

    Attributes:
        exact: The function that is approximated, in fp32.
        model: With all products in int8.
    """

    exact: ir.Model
    model: ir.Model

    def sparing(self, islands: Collection[str]) -> ir.Model:
        """A copy in which the products of these names are as they were."""
        made = copied(self.model)
        source = {str(node.name): node for node in products(self.exact) if node.name in islands}
        for node in list(made.graph.all_nodes()):
            if (before := source.get(str(node.name))) is None:
                continue
            node.replace_input_with(0, unrounded(node.inputs[0]))
            for place, value in enumerate(before.inputs[1:], 1):
                known = constant(value)
                if known is not None:
                    put_constant(node, place, known)
        common.RemoveUnusedNodesPass()(made)
        return made

    def harms(self, inputs: Sequence[Arrays]) -> dict[str, float]:
        """What each product alone does to the first output when it is quantized: the mean squared difference.

        Args:
            inputs: Real ones.
        """
        names = [str(node.name) for node in products(self.exact)]
        seen = [_before_rounding(self.exact)]
        expected = list(observed(self.exact, inputs, seen))
        return {
            name: _error(observed(self.sparing([one for one in names if one != name]), inputs, seen), expected)
            for name in names
        }


def quantize(model: ir.Model, inputs: Iterable[Arrays]) -> Quantization:
    """Quantize every product with constant weights. Where there is none, the model stays as it is.

    Args:
        model: Fp32; not changed.
        inputs: Real inputs, to see how large activations become; at least one.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    given = list(inputs)
    few = given[:_FEW]
    names = [str(node.name) for node in products(model)]
    if not names:
        return Quantization(model, model)
    exact = equalized(model, few)
    made = _quantized(exact, names, given)
    _unround_others(made, names)
    round_weights(made, exact, few)
    correct_biases(made, exact, few)
    return Quantization(exact, made)


def apply(model: ir.Model, islands: Collection[str] = (), inputs: Iterable[Arrays] = ()) -> ir.Model:
    """Quantize every product but the islands, quickly: as fast as what ``quantize`` gives, and less exact.

    It is what graphs are timed with. Where there is no product, the model stays as it is.

    Args:
        model: Fp32; not changed.
        islands: Names of nodes that stay float32.
        inputs: Real inputs; at least one.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    names = [str(node.name) for node in products(model)]
    if set(names) <= set(islands):
        return model
    made = _quantized(model, names, list(inputs))
    _unround_others(made, names)
    return Quantization(model, made).sparing(islands)


def rest_in_bf16(model: ir.Model, islands: Collection[str], *, products_alone: bool = False) -> ir.Model:
    """Retype the products that were spared, and what follows each alone, which runtimes fuse with them; in place.

    Args:
        model: Of ``Quantization.sparing``.
        islands: Names of the products.
        products_alone: Whether what follows stays as it is; and those in loops are retyped too.
    """
    if products_alone:
        exact = [str(node.name) for node in model.graph.all_nodes() if node.name not in islands]
        return cast_model(model, ir.DataType.BFLOAT16, exact, products_alone=True)
    low: set[str] = set()
    for node in model.graph:
        if node.name in islands and is_op(node, *PRODUCTS):
            low.add(str(node.name))
            low.update(str(one.name) for one in _following(node))
    return cast_model(model, ir.DataType.BFLOAT16, [str(node.name) for node in model.graph if node.name not in low])


def _following(node: ir.Node) -> Iterator[ir.Node]:
    while len(node.outputs[0].uses()) == 1 and not node.outputs[0].is_graph_output():
        ((node, _),) = node.outputs[0].uses()
        if not is_op(node, *_FOLLOWERS) or any(
            value is not None and constant(value) is None for value in node.inputs[1:]
        ):
            return
        yield node


def _unround_others(made: ir.Model, names: Collection[str]) -> None:
    """Only products take rounded values: what else takes the same value, such as a shortcut, gets it as it was."""
    for node in made.graph:
        if node.name not in names:
            for place, value in enumerate(node.inputs):
                exact = unrounded(value)
                if exact is not value:
                    node.replace_input_with(place, exact)


def _before_rounding(model: ir.Model) -> str:
    """The first output before it is made a byte, which hides small differences and doubles others."""
    value = model.graph.outputs[0]
    while (node := value.producer()) is not None and is_op(node, "Cast", "Transpose", "Clip", "Round"):
        value = node.inputs[0]  # type: ignore[assignment]
    return str(value.name)


def _error(outputs: Iterable[Sequence[Any]], expected: Sequence[Sequence[Any]]) -> float:
    """Mean squared difference of all outputs of all inputs."""
    return sum(
        float(np.square(one.astype(np.float64) - other).mean())
        for found, wanted in zip(outputs, expected, strict=True)
        for one, other in zip(found, wanted, strict=True)
    ) / max(len(expected), 1)


def _quantized(model: ir.Model, nodes: list[str], inputs: list[Arrays]) -> ir.Model:
    """What the library makes of it."""
    quantization: Any = require("onnxruntime.quantization", extra="onnxruntime", why="to quantize graphs to int8")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(inputs)

        def get_next(self) -> Arrays | None:
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder, _silence():
        source, path = Path(folder) / "source.onnx", Path(folder) / "made.onnx"
        ir.save(model, source)
        quantization.quantize_static(
            source,
            path,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(PRODUCTS),
            nodes_to_quantize=nodes,
            per_channel=True,
            activation_type=quantization.QuantType.QInt8,
            weight_type=quantization.QuantType.QInt8,
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
                "OpTypesToExcludeOutputQuantization": list(PRODUCTS),
                "MatMulConstBOnly": True,
            },
        )
        made = ir.load(path)
        ir.external_data.load_to_model(made)
    return made


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
