"""Small graphs of a few nodes in a row, and what a runtime that changes nothing computes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from gantools.optimize.rewrites.site import Choose, Rewrite, apply
from gantools.optimize.rewrites.tidy import tidy

Floats = npt.NDArray[np.float32]


@dataclass
class Chain:
    """Nodes, each on what the last one gives; constants are drawn anew for every chain."""

    shape: tuple[int | str, ...]
    seed: int = 0
    opset: int = 22
    last: str = "x"
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def constant(self, value: npt.NDArray[Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def draw(self, *shape: int) -> str:
        return self.constant(self.rng.standard_normal(shape).astype(np.float32))

    def then(self, kind: str, *others: str, first: bool = True, **attributes: Any) -> Chain:
        output = f"v{len(self.nodes)}"
        inputs = [self.last, *others] if first else [*others, self.last]
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"n{len(self.nodes)}", **attributes))
        self.last = output
        return self

    def doubled(self, factor: int = 2) -> Chain:
        scales = self.constant(np.array([1, 1, factor, factor], np.float32))
        return self.then(
            "Resize", "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )

    def model(self, *more_inputs: onnx.ValueInfoProto, also: tuple[str, ...] = ()) -> onnx.ModelProto:
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        outputs = [helper.make_empty_tensor_value_info(name) for name in (self.last, *also)]
        graph = helper.make_graph(self.nodes, "chain", [x, *more_inputs], outputs, self.constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        made = onnx.shape_inference.infer_shapes(made, strict_mode=True, data_prop=True)
        for output in made.graph.output:  # ONNX Runtime infers the rest, the checker wants a type
            if not output.type.WhichOneof("value"):
                output.type.tensor_type.elem_type = TensorProto.FLOAT
        return made


def always(form: str) -> Choose:
    """This form wherever there is one of this name."""
    return lambda site: form if form in site.forms else None


def rewritten(model: onnx.ModelProto, rewrite: Rewrite, choose: Choose) -> tuple[onnx.ModelProto, int]:
    """The model after tidying and one rewrite, checked; and how many sites it changed."""
    changed_model = tidy(ir.from_proto(model))
    count = apply(changed_model, rewrite, choose)
    made = ir.to_proto(changed_model)
    onnx.checker.check_model(made, full_check=True)
    return made, count


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def run(model: onnx.ModelProto, inputs: dict[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    """What ONNX Runtime computes without optimizations of its own."""
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def assert_same(
    before: onnx.ModelProto,
    after: onnx.ModelProto,
    *,
    batch: int = 2,
    inputs: dict[str, npt.NDArray[Any]] | None = None,
) -> None:
    """Outputs agree but for rounding: 16 units in the last place of the largest value.

    Sums of n products in another order differ by about sqrt(n) units of the largest partial sum; n is a few hundred.
    """
    if inputs is None:
        shape = [
            batch if not dim.dim_value else dim.dim_value for dim in before.graph.input[0].type.tensor_type.shape.dim
        ]
        inputs = {"x": np.random.default_rng(99).standard_normal(shape).astype(np.float32)}
    pairs = list(zip(run(before, inputs), run(after, inputs), strict=True))
    assert pairs
    for expected, found in pairs:
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        np.testing.assert_allclose(found, expected, rtol=0, atol=16 * 2.0**-23 * scale)
