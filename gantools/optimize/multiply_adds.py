"""How many products a graph sums: the work of its convolutions and matrix products, at the sizes its values have.

They are told apart by what is multiplied, because a machine has a speed for each. The types of the graph decide: int8
where both factors are whole numbers of 8 bits or come out of a DequantizeLinear, else the type of the first factor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from math import prod

import onnx_ir as ir

from gantools.optimize.rewrites.reading import constant, integer, integers, is_op, text
from gantools.runtime.backends.base import is_arithmetic

_NAMES = {
    ir.DataType.FLOAT: "fp32",
    ir.DataType.FLOAT16: "fp16",
    ir.DataType.BFLOAT16: "bf16",
    ir.DataType.DOUBLE: "fp64",
}
_BYTES = {ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT4, ir.DataType.UINT4}
_FLOAT_BYTES = {one for one in ir.DataType if one.name.startswith("FLOAT8")}
_SAME_VALUES = ("Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze")
_QUANTIZED = ("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul")


def multiply_adds(graph: ir.Graph) -> int:
    """Multiply-adds in all precisions together. See ``by_precision``."""
    return sum(by_precision(graph).values())


def by_precision(graph: ir.Graph) -> dict[str, int]:
    """Precision -> multiply-adds of convolutions, matrix products, recurrent layers and attention.

    Products with padding and with what a mask hides count as well. A loop's body counts as often as it runs, and of
    the branches of an If the one with more of them.

    Args:
        graph: Its values have known shapes. See ``at_sizes``.

    Raises:
        ValueError: The shape or type of a value that matters is not known, or a loop runs as often as its values say,
            or a node that multiplies is none of ONNX itself.
    """
    counts: Counter[str] = Counter()
    for node in graph:
        counts.update(_counts(node))
    return {precision: count for precision, count in sorted(counts.items()) if count}


def of_node(node: ir.Node) -> int:
    """Those of one node, with what is in its subgraphs; 0 for operations that sum no products."""
    return sum(_counts(node).values())


def run_bodies(node: ir.Node) -> Iterator[tuple[ir.Graph, int]]:
    """The subgraphs that a node runs, and how often. Of the branches of an If, the one with more products."""
    graphs = [one.as_graph() for one in node.attributes.values() if one.type == ir.AttributeType.GRAPH]
    if not graphs:
        return
    if is_op(node, "If"):
        yield max(graphs, key=multiply_adds), 1
    elif is_op(node, "Scan"):
        count = integer(node, "num_scan_inputs", 0)
        axis = integers(node, "scan_input_axes", (0,) * count)[0]
        yield graphs[0], _shape(node.inputs[-count])[axis]
    elif is_op(node, "Loop"):
        yield graphs[0], _steps(node, graphs[0])
    elif any(multiply_adds(graph) for graph in graphs):
        raise ValueError(f"how often '{node.name}', a {node.op_type}, runs its body is not known")


def _counts(node: ir.Node) -> dict[str, int]:
    count = _LAYERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
    if count is not None and (found := count(node)):
        return {_precision(node): found}
    if node.domain not in ("", "ai.onnx") and (is_arithmetic(node.op_type) or "attention" in node.op_type.lower()):
        raise ValueError(f"the products of '{node.name}', a {node.domain}.{node.op_type}, cannot be counted")
    counts: Counter[str] = Counter()
    for body, times in run_bodies(node):
        counts.update({precision: times * inside for precision, inside in by_precision(body).items()})
    return counts


def _steps(node: ir.Node, body: ir.Graph) -> int:
    """How often a Loop runs."""
    most = constant(node.inputs[0])
    begins = constant(node.inputs[1]) if node.inputs[1] is not None else True
    goes_on = body.outputs[0]
    while is_op(goes_on.producer(), "Identity"):
        goes_on = goes_on.producer().inputs[0]  # type: ignore[union-attr, assignment]
    if most is None or begins is None or (goes_on is not body.inputs[1] and not constant(goes_on)):
        raise ValueError(f"how often loop '{node.name}' runs depends on its values")
    for before, after in zip(body.inputs[2:], body.outputs[1:], strict=False):
        if multiply_adds(body) and _shape(before) != _shape(after):
            raise ValueError(f"'{before.name}' has another shape in every step of loop '{node.name}'")
    return int(most) if begins else 0


def _precision(node: ir.Node) -> str:
    if is_op(node, *_QUANTIZED):
        return "int8"
    factors = node.inputs[:2]
    for name, types in (("int8", _BYTES), ("fp8", _FLOAT_BYTES)):
        if all(_dequantized_from(value) in types for value in factors):
            return name
    dtype = factors[0].dtype if factors[0] is not None else None
    if dtype is None:
        raise ValueError(f"the type of a factor of '{node.name}' is not known")
    return _NAMES.get(dtype, dtype.name.lower())


def _dequantized_from(value: ir.Value | None) -> ir.DataType | None:
    """The type of the numbers that a value is only another way to write; None: it is not dequantized."""
    node = value.producer() if value is not None else None
    while is_op(node, *_SAME_VALUES):
        value = node.inputs[0]  # type: ignore[union-attr]
        node = value.producer() if value is not None else None
    source = node.inputs[0] if node is not None and is_op(node, "DequantizeLinear") else None
    return source.dtype if source is not None else None


def _of_convolution(node: ir.Node, weights: int = 1) -> int:
    return prod(_shape(node.outputs[0])) * prod(_shape(node.inputs[weights])[1:])


def _of_transposed(node: ir.Node) -> int:
    return prod(_shape(node.inputs[0])) * prod(_shape(node.inputs[1])[1:])


def _of_gemm(node: ir.Node) -> int:
    return prod(_shape(node.outputs[0])) * _shape(node.inputs[0])[0 if integer(node, "transA", 0) else 1]


def _of_matrix_product(node: ir.Node) -> int:
    return prod(_shape(node.outputs[0])) * _shape(node.inputs[0])[-1]


def _of_recurrent(node: ir.Node) -> int:
    """Every step of every sequence, as if none were shorter; weights are (directions, gates * hidden, inputs)."""
    return prod(_shape(node.inputs[0])[:2]) * sum(prod(_shape(node.inputs[place])) for place in (1, 2))


def _of_einsum(node: ir.Node) -> int:
    """One for every set of indices, without those that only one factor has and that can be summed before."""
    terms, _, result = text(node, "equation", "").replace(" ", "").partition("->")
    inputs = terms.split(",")
    if len(inputs) != 2:
        if len(inputs) > 2:  # in which order its products are taken, and so how many, is the runtime's choice
            raise ValueError(f"the products of '{node.name}', an Einsum of {len(inputs)} factors, cannot be counted")
        return 0
    labels: list[dict[str, int]] = []
    for term, value in zip(inputs, node.inputs, strict=True):
        shape = _shape(value)
        head, dots, tail = term.partition("...")
        hidden = len(shape) - len(head) - len(tail) if dots else 0
        # Axes behind the dots are aligned from the right, as broadcasting has it.
        names = [*head, *(f".{axis}" for axis in range(hidden, 0, -1)), *tail]
        labels.append(dict(zip(names, shape, strict=True)))
    if "->" not in text(node, "equation", ""):
        result = "".join(one for one in set(terms) if terms.count(one) == 1)
    shared = set(labels[0]) & set(labels[1])
    kept = {one for one in {**labels[0], **labels[1]} if one in shared or one in result or one.startswith(".")}
    return prod(max(one.get(name, 1) for one in labels) for name in kept)


def _of_attention(node: ir.Node) -> int:
    """Queries by keys, and weights by values. Three-dimensional inputs have their heads side by side."""
    queries, keys, values = (_shape(value) for value in node.inputs[:3])
    past = _shape(node.inputs[4])[2] if len(node.inputs) > 4 and node.inputs[4] is not None else 0
    if len(queries) == 4:
        (batch, heads, rows, width), columns, depth = queries, keys[2], values[3]
    else:
        heads = integer(node, "q_num_heads", 1)
        (batch, rows, wide), columns = queries, keys[1]
        width, depth = wide // heads, values[2] // integer(node, "kv_num_heads", 1)
    return batch * heads * rows * (columns + past) * (width + depth)


_LAYERS: dict[str, Callable[[ir.Node], int]] = {
    "Attention": _of_attention,
    "Conv": _of_convolution,
    "ConvInteger": _of_convolution,
    "ConvTranspose": _of_transposed,
    "DeformConv": _of_convolution,
    "Einsum": _of_einsum,
    "GRU": _of_recurrent,
    "Gemm": _of_gemm,
    "LSTM": _of_recurrent,
    "MatMul": _of_matrix_product,
    "MatMulInteger": _of_matrix_product,
    "QLinearConv": lambda node: _of_convolution(node, weights=3),
    "QLinearMatMul": _of_matrix_product,
    "RNN": _of_recurrent,
}


def _shape(value: ir.Value | None) -> tuple[int, ...]:
    sizes = () if value is None or value.shape is None else tuple(value.shape)
    if value is None or value.shape is None or not all(isinstance(size, int) for size in sizes):
        raise ValueError(f"the shape of value '{value.name if value is not None else ''}' is not known")
    return tuple(int(size) for size in sizes)  # type: ignore[arg-type]
