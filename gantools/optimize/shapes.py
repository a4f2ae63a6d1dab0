"""The shapes of all values of a graph, once its axes have sizes: what ONNX infers, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import onnx_ir as ir
from onnx_ir.passes import common

from gantools.core.spec import GraphSpec
from gantools.optimize.rewrites.reading import is_op

_SMALL_BYTES = 1000
"""Of what can be axes, sizes or limits; weights are larger, and their values give no shape."""


def at_sizes(model: ir.Model, spec: GraphSpec, sizes: Mapping[str, int] | None = None) -> ir.Model:
    """The model with every axis at one size, in place, so that all its values have known shapes.

    Args:
        model: Of which shapes are forgotten, but for those of constants.
        spec: Its interface.
        sizes: Of axes; those that are not named are at their ``opt``.
    """
    chosen, inputs = spec.sizes("opt", **(sizes or {})), {tensor.name: tensor for tensor in spec.inputs}
    for value in model.graph.inputs:
        if value.name in inputs:
            value.shape = ir.Shape(inputs[value.name].concrete(chosen))
    for graph in model.graphs():
        for value in (*graph.outputs, *(graph.inputs if graph is not model.graph else ())):
            value.shape = None
    for node in model.graph.all_nodes():
        for output in node.outputs:
            output.shape = None
    with _constants_inside(model):
        common.ShapeInferencePass()(model)
        # Each may be what the next one waits for.
        while any(_carried(node) if node.op_type == "Loop" else _kept(node) for node in model.graph.all_nodes()):
            common.ShapeInferencePass()(model)
    return model


@contextmanager
def _constants_inside(model: ir.Model) -> Iterator[None]:
    """Meanwhile every subgraph has small constants that it uses, such as axes, as its own.

    ONNX does not look at the values of those outside when it infers shapes inside.
    """
    placed: list[tuple[ir.Node, int, ir.Value, ir.Value]] = []
    for node in model.graph.all_nodes():
        graph = node.graph
        if graph is model.graph or not isinstance(graph, ir.Graph):
            continue
        for place, value in enumerate(node.inputs):
            tensor = ir.convenience.get_const_tensor(value) if value is not None and value.graph is not graph else None
            if value is None or tensor is None or value.is_graph_input() or tensor.nbytes > _SMALL_BYTES:
                continue
            own = ir.Value(name=f"{value.name}__{len(placed)}", const_value=tensor, type=ir.TensorType(tensor.dtype))
            own.shape = ir.Shape(tensor.numpy().shape)
            graph.register_initializer(own)
            node.replace_input_with(place, own)
            placed.append((node, place, value, own))
    try:
        yield
    finally:
        for node, place, value, own in placed:
            node.replace_input_with(place, value)
            del node.graph.initializers[str(own.name)]  # type: ignore[union-attr]


def _carried(loop: ir.Node) -> bool:
    """Give what a Loop carries the shape that it enters with, which ONNX does not infer; whether that was news."""
    body = loop.attributes["body"].as_graph()
    news = False
    for place, entering in enumerate(loop.inputs[2:]):
        inside, leaving, after = body.inputs[place + 2], body.outputs[place + 1], loop.outputs[place]
        if entering is None or entering.shape is None:
            continue
        if inside.shape is None:
            inside.shape, news = entering.shape, True
        elif after.shape is None and leaving.shape == inside.shape:
            after.shape, news = leaving.shape, True
    return news


def _kept(node: ir.Node) -> bool:
    """The same for an operation that keeps the shape of its input, which ONNX does not know (1.23)."""
    given = node.inputs[0] if is_op(node, "GroupNormalization") else None
    if given is None or given.shape is None or node.outputs[0].shape is not None:
        return False
    node.outputs[0].shape = given.shape
    return True
