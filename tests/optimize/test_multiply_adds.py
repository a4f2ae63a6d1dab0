"""Products and bytes against counts by hand, and products of whole generators against PyTorch's own counter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.utils.flop_counter import FlopCounterMode

from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.export.onnx import write_onnx
from gantools.optimize.multiply_adds import by_precision, multiply_adds
from gantools.optimize.passes import PASSES
from gantools.optimize.race import copied
from gantools.optimize.shapes import at_sizes
from gantools.optimize.work import least_bytes, work_of
from gantools.verify.trials import trial_inputs
from tests.conformance.tiny import MODELS_SMALL, Options, small_model

FLOAT = TensorProto.FLOAT
Shape = tuple[int | str, ...]
Shapes = Mapping[str, Shape]


def built(
    nodes: list[onnx.NodeProto],
    inputs: Shapes,
    constants: dict[str, Any],
    outputs: tuple[str, ...] = ("y",),
    opset: int = 22,
    dtype: int = FLOAT,
    made_dtype: int | None = None,
) -> ir.Model:
    """A model whose outputs have no shapes yet."""
    made = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, made_dtype or dtype, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return ir.from_proto(helper.make_model(made, opset_imports=imports, ir_version=10))


def known(model: ir.Model) -> ir.Graph:
    return at_sizes(model, GraphSpec(inputs=(), outputs=())).graph


def weights(*shape: int) -> Any:
    return np.ones(shape, np.float32)


def layer(kind: str, inputs: Shapes, constants: dict[str, Any], opset: int = 22, **attributes: Any) -> int:
    outputs = ["y"] if kind not in ("LSTM", "GRU", "RNN") else ["", "y"]
    node = helper.make_node(kind, [*inputs, *constants], outputs, name="layer", **attributes)
    return multiply_adds(known(built([node], inputs, constants, opset=opset)))


def test_a_convolution_counts_its_outputs_times_the_inputs_that_each_sees() -> None:
    # 11 x 9 with padding 1, kernel 3 of which dilation makes 5, stride 2: 5 x 4 outputs.
    found = layer(
        "Conv",
        {"x": (2, 6, 11, 9)},
        {"w": weights(8, 3, 3, 3)},
        group=2, strides=[2, 2], pads=[1] * 4, dilations=[2, 2],
    )  # fmt: skip
    assert found == 2 * 8 * 5 * 4 * (3 * 3 * 3)


def test_a_transposed_convolution_counts_every_input_times_the_outputs_that_see_it() -> None:
    # 5 x 6 becomes 10 x 12: (5 - 1) * 2 - 2 + 3 + 1. What falls on padding is counted.
    given: dict[str, Any] = {"strides": [2, 2], "pads": [1] * 4, "output_padding": [1, 1]}
    assert layer("ConvTranspose", {"x": (2, 4, 5, 6)}, {"w": weights(4, 7, 3, 3)}, **given) == 2 * 4 * 5 * 6 * 7 * 9
    # In two groups every input sees half of the outputs.
    assert layer("ConvTranspose", {"x": (2, 4, 5, 6)}, {"w": weights(4, 3, 3, 3)}, **given, group=2) == 240 * 3 * 9


@pytest.mark.parametrize(("trans_a", "trans_b"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_gemm_counts_the_same_however_its_factors_lie(trans_a: int, trans_b: int) -> None:
    left: Shape = (5, 3) if trans_a else (3, 5)
    right = weights(7, 5) if trans_b else weights(5, 7)
    assert layer("Gemm", {"x": left}, {"w": right}, transA=trans_a, transB=trans_b) == 3 * 5 * 7


def test_a_matrix_product_counts_what_broadcasting_makes_of_it() -> None:
    assert layer("MatMul", {"x": (4, 1, 3, 5), "z": (2, 5, 7)}, {}) == 4 * 2 * 3 * 7 * 5
    assert layer("MatMul", {"x": (5,)}, {"w": weights(5, 7)}) == 5 * 7


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("directions", [1, 2])
def test_a_recurrent_layer_counts_every_step_in_every_direction(kind: str, gates: int, directions: int) -> None:
    constants = {"w": weights(directions, gates * 6, 5), "r": weights(directions, gates * 6, 6)}
    direction = "bidirectional" if directions == 2 else "forward"
    found = layer(kind, {"x": (7, 3, 5)}, constants, hidden_size=6, direction=direction)
    assert found == 7 * 3 * directions * gates * 6 * (5 + 6)


@pytest.mark.parametrize(
    ("equation", "left", "right", "expected"),
    [
        ("bij,bjk->bik", (2, 3, 4), (2, 4, 5), 2 * 3 * 4 * 5),
        ("ij,jk", (3, 4), (4, 5), 3 * 4 * 5),
        ("...ij,...kj->...ik", (6, 1, 3, 4), (2, 5, 4), 6 * 2 * 3 * 5 * 4),
        ("ia,ij->j", (3, 9), (3, 5), 3 * 5),  # a is summed before anything is multiplied
    ],
)
def test_an_einsum_of_two_factors_counts_the_sets_of_its_indices(
    equation: str, left: Shape, right: Shape, expected: int
) -> None:
    assert layer("Einsum", {"x": left, "z": right}, {}, equation=equation) == expected


def test_an_einsum_of_three_factors_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="'layer', an Einsum of 3 factors, cannot be counted"):
        layer("Einsum", {"x": (2, 3), "y0": (3, 4), "z": (4, 5)}, {}, equation="ij,jk,kl->il")
    assert layer("Einsum", {"x": (2, 3)}, {}, equation="ij->ji") == 0


def test_attention_counts_queries_by_keys_and_weights_by_values() -> None:
    four = {"q": (2, 4, 5, 8), "k": (2, 4, 7, 8), "v": (2, 4, 7, 6)}
    assert layer("Attention", four, {}, opset=23) == 2 * 4 * 5 * 7 * (8 + 6)
    three = {"q": (2, 5, 32), "k": (2, 7, 16), "v": (2, 7, 12)}  # 4 heads of queries share 2 of keys and values
    assert layer("Attention", three, {}, opset=23, q_num_heads=4, kv_num_heads=2) == 2 * 4 * 5 * 7 * (8 + 6)


def body(nodes: list[onnx.NodeProto], inputs: Mapping[str, int], outputs: Mapping[str, int]) -> onnx.GraphProto:
    """A subgraph of which no shapes are known."""
    given, made = ([helper.make_tensor_value_info(*one, None) for one in each.items()] for each in (inputs, outputs))
    return helper.make_graph(nodes, "body", given, made)


def test_a_scan_counts_its_body_for_every_step_and_its_weights_once() -> None:
    step = body(
        [
            helper.make_node("MatMul", ["s", "w"], ["m"]),
            helper.make_node("Add", ["m", "x"], ["next"]),
            helper.make_node("Identity", ["next"], ["seen"]),
        ],
        {"s": FLOAT, "x": FLOAT},
        {"next": FLOAT, "seen": FLOAT},
    )
    scan = helper.make_node("Scan", ["s0", "xs"], ["last", "y"], body=step, num_scan_inputs=1, scan_input_axes=[1])
    model = built([scan], {"s0": ("batch", 6), "xs": ("batch", 9, 6)}, {"w": weights(6, 6)}, ("last", "y"))
    spec = GraphSpec(
        inputs=(
            TensorSpec(name="s0", dtype="float32", shape=("batch", 6)),
            TensorSpec(name="xs", dtype="float32", shape=("batch", 9, 6)),
        ),
        outputs=(),
        axes={"batch": AxisRange(min=1, opt=2, max=8)},
    )
    for sizes, batch in (({}, 2), ({"batch": 5}, 5)):
        graph = at_sizes(copied(model), spec, sizes).graph
        assert by_precision(graph) == {"fp32": 9 * batch * 6 * 6}
        floats = 6 * 6 + batch * 6 + batch * 9 * 6  # weights, what it starts with, what it scans
        assert least_bytes(graph) == 4 * (floats + batch * 6 + batch * 9 * 6)


def test_constants_outside_of_a_body_give_its_values_their_shapes_and_stay_outside() -> None:
    step = body(
        [
            helper.make_node("ReduceSum", ["x", "axes"], ["total"], keepdims=1),
            helper.make_node("MatMul", ["total", "w"], ["next"]),
        ],
        {"s": FLOAT, "x": FLOAT},
        {"next": FLOAT, "total": FLOAT},
    )
    scan = helper.make_node("Scan", ["s0", "xs"], ["last", "y"], body=step, num_scan_inputs=1)
    constants = {"w": weights(1, 6), "axes": np.array([1])}
    model = built([scan], {"s0": (2, 6), "xs": (3, 2, 9)}, constants, ("last", "y"))
    assert multiply_adds(known(model)) == 3 * 2 * 1 * 6
    inside = model.graph[0].attributes["body"].as_graph()
    assert not inside.initializers
    assert [value.name for value in inside[0].inputs if value is not None] == ["x", "axes"]


def looped(steps: Any, ends: str = "Identity", grows: bool = False) -> ir.Model:
    """x, times a matrix in every step, then times another."""
    nodes = [helper.make_node("MatMul", ["s", "w"], ["m"]), helper.make_node(ends, ["on"], ["more"])]
    nodes += [helper.make_node("Concat", ["m", "m"], ["next"], axis=0)] if grows else []
    inputs = {"i": TensorProto.INT64, "on": TensorProto.BOOL, "s": FLOAT}
    inside = body(nodes, inputs, {"more": TensorProto.BOOL, "next" if grows else "m": FLOAT})
    loop = helper.make_node("Loop", ["steps" if steps else "n", "", "x"], ["z"], name="loop", body=inside)
    made = [loop, helper.make_node("MatMul", ["z", "v"], ["y"])]
    constants: dict[str, Any] = {"w": weights(6, 6), "v": weights(6, 5)} | ({"steps": np.int64(steps)} if steps else {})
    if not steps:
        made.insert(0, helper.make_node("Size", ["x"], ["n"]))
    return built(made, {"x": (2, 6)}, constants)


def test_a_loop_of_a_constant_number_of_steps_is_counted_with_what_follows_it() -> None:
    graph = known(looped(steps=4))
    assert multiply_adds(graph) == 4 * 2 * 6 * 6 + 2 * 6 * 5
    assert least_bytes(graph) == 4 * (6 * 6 + 6 * 5 + 2 * 6 + 2 * 5) + 8  # and how often, a number of 8 bytes


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (looped(steps=0), "how often loop 'loop' runs depends on its values"),
        (looped(steps=4, ends="Not"), "how often loop 'loop' runs depends on its values"),
        (looped(steps=4, grows=True), "the shape of value 'next' is not known|another shape in every step of loop"),
    ],
)
def test_a_loop_that_depends_on_its_values_is_not_guessed(model: ir.Model, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        multiply_adds(known(model))


def test_of_two_branches_the_larger_counts() -> None:
    small = body([helper.make_node("MatMul", ["x", "v"], ["a"])], {}, {"a": FLOAT})
    large = body([helper.make_node("MatMul", ["t", "u"], ["b"])], {}, {"b": FLOAT})
    large.node.insert(0, helper.make_node("MatMul", ["x", "w"], ["t"]))
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Cast", ["total"], ["which"], to=TensorProto.BOOL),
        helper.make_node("If", ["which"], ["y"], then_branch=small, else_branch=large),
    ]
    constants = {"v": weights(6, 5), "w": weights(6, 4), "u": weights(4, 5)}
    graph = known(built(nodes, {"x": (2, 6)}, constants))
    assert multiply_adds(graph) == 2 * 6 * 4 + 2 * 4 * 5
    assert least_bytes(graph) == 4 * (6 * 4 + 4 * 5 + 2 * 6 + 2 * 5)


def test_a_body_that_is_run_who_knows_how_often_is_not_guessed() -> None:
    inside = body([helper.make_node("MatMul", ["one", "w"], ["two"])], {"one": FLOAT}, {"two": FLOAT})
    nodes = [
        helper.make_node("SplitToSequence", ["x"], ["parts"]),
        helper.make_node("SequenceMap", ["parts"], ["mapped"], name="map", body=inside),
        helper.make_node("ConcatFromSequence", ["mapped"], ["y"], axis=0),
    ]
    model = built(nodes, {"x": (3, 6)}, {"w": weights(6, 6)})
    graph = known(model)
    for value in graph[1].attributes["body"].as_graph()[0].outputs:
        value.shape = ir.Shape((1, 6))
    with pytest.raises(ValueError, match="how often 'map', a SequenceMap, runs its body is not known"):
        multiply_adds(graph)


def test_the_products_of_nobody_knows_whom_are_not_taken_for_none() -> None:
    node = helper.make_node("FusedMatMul", ["x", "w"], ["y"], name="fused", domain="com.microsoft")
    with pytest.raises(ValueError, match=r"'fused', a com\.microsoft\.FusedMatMul, cannot be counted"):
        multiply_adds(known(built([node], {"x": (2, 6)}, {"w": weights(6, 6)})))


def quantized(both: bool) -> ir.Model:
    """x in int8 if both are, times int8 weights that are transposed after they were made floats; then times fp32."""
    constants: dict[str, Any] = {
        "w": np.ones((7, 6), np.int8),
        "scale": np.float32(0.5),
        "zero": np.int8(0),
        "v": weights(7, 5),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "scale", "zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["wd"]),
        helper.make_node("Transpose", ["wd"], ["wt"], perm=[1, 0]),
        helper.make_node("MatMul", ["xd" if both else "x", "wt"], ["z"]),
        helper.make_node("MatMul", ["z", "v"], ["y"]),
    ]
    return built(nodes if both else nodes[2:], {"x": (2, 6)}, constants)


def test_int8_is_where_both_factors_are() -> None:
    graph = known(quantized(both=True))
    assert by_precision(graph) == {"int8": 2 * 6 * 7, "fp32": 2 * 7 * 5}
    assert least_bytes(graph) == 6 * 7 + 4 * 7 * 5 + 4 + 1 + 4 * (2 * 6 + 2 * 5)  # weights in bytes, scale, zero
    assert by_precision(known(quantized(both=False))) == {"fp32": 2 * 6 * 7 + 2 * 7 * 5}


def test_operations_on_whole_numbers_are_int8() -> None:
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    graph = known(
        built([node], {"x": (2, 6)}, {"w": np.ones((6, 7), np.int8)}, ("y",), 22, TensorProto.INT8, TensorProto.INT32)
    )
    assert by_precision(graph) == {"int8": 2 * 6 * 7}
    scales = {"s": np.float32(1), "z": np.int8(0)}
    order = ["x", "s", "z", "w", "s", "z", "s", "z"]
    node = helper.make_node("QLinearConv", order, ["y"], pads=[1] * 4)
    kernel = {"w": np.ones((4, 3, 3, 3), np.int8)}
    graph = known(built([node], {"x": (2, 3, 5, 5)}, {**kernel, **scales}, dtype=TensorProto.INT8))
    assert by_precision(graph) == {"int8": 2 * 4 * 5 * 5 * 27}


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_islands_count_in_their_own_precision(precision: str) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"], name="first"),
        helper.make_node("Relu", ["m"], ["r"]),
        helper.make_node("MatMul", ["r", "v"], ["y"], name="second"),
    ]
    model = built(nodes, {"x": (2, 6)}, {"w": weights(6, 7), "v": weights(7, 5)})
    model = PASSES.load(precision)(ir.from_proto(ir.to_proto(model)), ["second"])
    assert by_precision(known(model)) == {precision: 2 * 6 * 7, "fp32": 2 * 7 * 5}
    assert least_bytes(known(model)) == 2 * 6 * 7 + 4 * 7 * 5 + 4 * (2 * 6 + 2 * 5)


def test_of_a_table_only_the_rows_that_are_picked_have_to_be_read() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["rows"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "rows"], ["y"]),
    ]
    graph = known(built(nodes, {"x": (3,)}, {"table": weights(1000, 8)}))
    assert least_bytes(graph) == 4 * (3 * 8 + 3 + 3 * 8)
    assert least_bytes(known(built(nodes, {"x": (3,)}, {"table": weights(2, 8)}))) == 4 * (2 * 8 + 3 + 3 * 8)


# Of the last one, whose body is a Scan, the variant that PyTorch recomputes no constants of in every step.
GENERATORS = [(name, MODELS_SMALL[name][0]) for name in ("dcgan", "sngan", "stylegan2", "vae")]
GENERATORS.append(("nmg", MODELS_SMALL["nmg"][2]))


@pytest.mark.parametrize(("name", "options"), GENERATORS, ids=[name for name, _ in GENERATORS])
def test_whole_generators_have_the_products_that_pytorch_counts(name: str, options: Options, tmp_path: Path) -> None:
    model, _ = small_model(name, options)
    graph = model.eval().graphs["generator_float"]
    write_onnx(graph, graph.spec, tmp_path / "g.onnx")
    for batch in (1, 3):
        given = trial_inputs(graph.spec, model.sampler, range(batch))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            graph.module(*(torch.from_numpy(given[tensor.name]) for tensor in graph.spec.inputs))
        found = work_of(tmp_path / "g.onnx", graph.spec, {"batch": batch})
        assert found.multiply_adds == {"fp32": counter.get_total_flops() // 2}
