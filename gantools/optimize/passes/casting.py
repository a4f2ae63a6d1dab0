"""Retype a float32 graph to a 16-bit type, inside its unchanged interface. The work behind the fp16 and bf16 passes.

What becomes of each value:

- graph inputs and outputs keep their types; an input is cast once, where it enters.
- the *head* stays float32: what is computed of pictures that come in, element by element or by moving them, such as
  uint8 -> [-1, 1], or a picture enlarged by interpolation. It is cast where the network begins.
- the *tail* stays float32: the chain of element-wise operations that turns the network's last value into an output,
  such as [-1, 1] -> 0..255 -> uint8. Eight bits of significand cannot hold 255 levels and their ties. A sum with the
  head belongs to it: networks that restore pictures add what they found to what they were given, and a picture in
  eight bits would lose half a level there. So does what gives an image the brightness of another.
- *islands*, the nodes that a caller names, stay float32 with whatever is inside them.
- *shape arithmetic* stays float32: what is computed from Shape alone, such as target sizes, which must be exact.
- *statistics of whole images* stay float32: a sum over a million pixels does not fit 65504, nor does a small variance
  survive eleven bits. ONNX has no attribute that says so of instance norm, as it has ``stash_type`` for layer and group
  norm, so runtimes differ (microsoft/onnxruntime#10079, NVIDIA/TensorRT#2691). What it divides comes in the low type.
- inputs for which ONNX demands float32 stay so; the operation's own schema says which (Resize's scales, all of Range).
- everything else becomes the low type, in subgraphs (Scan, Loop, If) too.

With ``products_alone`` no more than the products and the tables that rows are picked of become the low type, as is
right for texts: what chooses a token of logits adds up thousands of shares, what is carried from step to step adds up
its errors, and a runtime fuses little in a loop, so that nothing is gained by rounding the rest.

Why not a kept library: onnxruntime.transformers.float16 casts to fp16 alone, clamps weights that do not fit without a
word, and has no notion of the tail; NVIDIA's AutoCast belongs to ModelOpt, a far larger installation than the deploying
half of this package may ask for. What is left to code on top of onnx_ir is the list above.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from gantools.core.artifact import METADATA_KEY
from gantools.core.errors import PrecisionError
from gantools.runtime.backends.base import is_arithmetic

FLOAT = ir.DataType.FLOAT
_NAMES = {ir.DataType.FLOAT: "fp32", ir.DataType.FLOAT16: "fp16", ir.DataType.BFLOAT16: "bf16"}
_TENSOR_TYPES = {ir.DataType.FLOAT16: "tensor(float16)", ir.DataType.BFLOAT16: "tensor(bfloat16)"}
# The bf16 one is (2 - 2**-7) * 2**127; float32 numbers above it by half a step would become infinite.
_LARGEST = {ir.DataType.FLOAT16: 65504.0, ir.DataType.BFLOAT16: 255 * 2.0**120}
_TAIL = {"Cast", "Clip", "Transpose", "Round", "Floor", "Mul", "Add", "Sub", "Div", "Max", "Min", "Reshape", "Identity"}
_HEAD = _TAIL | {"Resize", "DepthToSpace", "SpaceToDepth", "Slice", "Pad", "Squeeze", "Unsqueeze"}
_PICTURE = 4  # axes of a batch of pictures
_ON_SHAPES = {"Cast", "Mul", "Div", "Add", "Sub", "Floor", "Ceil", "Round", "Max", "Min", "Pow", "Sqrt", "Where"}
_ON_SHAPES |= {"Gather", "Slice", "Concat", "Squeeze", "Unsqueeze", "Identity"}
_ANY_TYPE = {"Cast", "Shape", "Size"}
_STATISTICS = {"InstanceNormalization", "MeanVarianceNormalization"}
_CONTROL_FLOW = {"If", "Loop", "Scan"}
_TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype")


def cast_model(
    model: ir.Model, low: ir.DataType, islands: Collection[str] = (), *, products_alone: bool = False
) -> ir.Model:
    """Retype the model in place. A graph in which nothing is left to retype stays as it came.

    Args:
        model: A model with float32 weights. The manifest in its metadata, which will not fit any more, is dropped.
        low: FLOAT16 or BFLOAT16.
        islands: Names of nodes that stay float32.
        products_alone: Whether all but products and tables stay float32.

    Raises:
        PrecisionError: A constant does not fit the type, or an operation that multiplies and adds does not have it.
    """
    model.metadata_props.pop(METADATA_KEY, None)
    if model.functions:
        common.InlinePass()(model)
    if any(value.type is None for node in model.graph.all_nodes() for value in node.outputs if value.name):
        common.ShapeInferencePass()(model)
    if _Casting(model, low, islands, products_alone).is_due():
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
        _Casting(model, low, islands, products_alone).run()
        model.graph.sort()
    return model


class _Casting:
    """One run over one model. What is to change is decided on the untouched graph, then carried out."""

    def __init__(self, model: ir.Model, low: ir.DataType, islands: Collection[str], products_alone: bool) -> None:
        self.graph, self.low = model.graph, low
        self.opset = model.graph.opset_imports.get("", 1)
        head = _head(model.graph)
        kept = head | _tails(model.graph, head) | _shape_arithmetic(model.graph) | _named(model.graph, islands)
        kept |= {node for node in model.graph.all_nodes() if node.op_type in _STATISTICS}
        if products_alone:
            kept |= {node for node in model.graph.all_nodes() if not weighs(node)}
        self.nodes = [node for node in model.graph.all_nodes() if node not in kept]
        self.low_inputs = {
            (node, i) for node in self.nodes for i in range(len(node.inputs)) if self._takes_low(node, i)
        }
        self.low_outputs = [
            value for node in self.nodes for i, value in enumerate(node.outputs) if self._gives_low(node, i)
        ]
        self.subgraphs = [graph for node in self.nodes for graph in _subgraphs(node)]
        self.cast: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}

    def is_due(self) -> bool:
        """Whether anything is left to retype."""
        self._refuse_untyped()
        return bool(self.low_inputs or self.low_outputs)

    def run(self) -> None:
        """Carry it out."""
        everything = list(self.graph.all_nodes())
        needs = {(node, i): self._need(node, i) for node in everything for i in range(len(node.inputs))}
        results = {
            (graph, i): value.dtype for graph in (self.graph, *self.subgraphs) for i, value in enumerate(graph.outputs)
        }
        for value in (*self.low_outputs, *(v for graph in self.subgraphs for v in graph.inputs if v.dtype == FLOAT)):
            value.dtype = self.low
        for node in {node: None for value in self.low_outputs if (node := value.producer()) is not None}:
            self._retype_attributes(node)
        for (node, i), need in needs.items():
            given = node.inputs[i]
            if given is not None and need is not None and given.dtype != need:
                node.replace_input_with(i, self._as(given, need))
        for (graph, i), dtype in results.items():
            output = graph.outputs[i]
            if dtype == FLOAT and graph is self.graph and output.dtype != FLOAT:
                graph.outputs[i] = self._as(output, FLOAT)
                output.name, graph.outputs[i].name = f"{output.name}_{_NAMES[self.low]}", output.name
            elif dtype == FLOAT and graph is not self.graph and output.dtype == FLOAT:
                graph.outputs[i] = self._as(output, self.low)
        self._drop_useless_casts()
        self._name_as_before()

    def _takes_low(self, node: ir.Node, i: int) -> bool:
        value = node.inputs[i]
        if (
            value is None
            or value.dtype != FLOAT
            or node.op_type in _ANY_TYPE
            or not isinstance(value.type, ir.TensorType)
        ):
            return False
        return node.op_type in _CONTROL_FLOW or self._allowed(node, "inputs", i)

    def _gives_low(self, node: ir.Node, i: int) -> bool:
        value = node.outputs[i]
        if value.dtype != FLOAT or not isinstance(value.type, ir.TensorType):
            return False
        if node.op_type == "Cast":  # one that only feeds what must stay float32 stays
            return any((user, index) in self.low_inputs for user, index in value.uses()) or value.is_graph_output()
        if node.op_type == "LayerNormalization" and i > 0:  # its statistics have the type of `stash_type`
            return False
        return node.op_type in _CONTROL_FLOW or self._allowed(node, "outputs", i)

    def _allowed(self, node: ir.Node, side: str, i: int) -> bool:
        """Whether the operation's schema has the low type there."""
        if node.domain not in ("", "ai.onnx") or not onnx.defs.has(node.op_type):
            return False
        formal = getattr(onnx.defs.get_schema(node.op_type, self.opset), side)
        return _TENSOR_TYPES[self.low] in formal[min(i, len(formal) - 1)].types

    def _need(self, node: ir.Node, i: int) -> ir.DataType | None:
        """The type that an input must have afterwards; None: as it comes."""
        value = node.inputs[i]
        if (node, i) in self.low_inputs:
            return self.low
        return FLOAT if value is not None and value.dtype == FLOAT and node.op_type not in _ANY_TYPE else None

    def _refuse_untyped(self) -> None:
        for node in self.nodes:
            first = node.inputs[0] if is_arithmetic(node.op_type) and node.inputs else None
            if first is not None and first.dtype == FLOAT and (node, 0) not in self.low_inputs:
                raise PrecisionError(
                    f"node '{node.name}': {node.op_type} of ONNX opset {self.opset} has no {_NAMES[self.low]}.",
                    hint="export again with opset 22, which has it for every convolution",
                )

    def _retype_attributes(self, node: ir.Node) -> None:
        for name in _TYPE_ATTRIBUTES:
            if name in node.attributes and node.attributes[name].as_int() == FLOAT:
                node.attributes[name] = ir.AttrInt64(name, int(self.low))
        if node.op_type == "ConstantOfShape":
            given = node.attributes.get("value")
            value = given.as_tensor().numpy() if given else np.zeros(1, np.float32)
            node.attributes["value"] = ir.AttrTensor("value", self._tensor(value, f"the value of node '{node.name}'"))

    def _as(self, value: ir.Value, dtype: ir.DataType) -> ir.Value:
        """The same value in another type: a converted constant, or a cast right after the value. One for each value."""
        if (known := self.cast.get((value, dtype))) is not None:
            return known
        name = f"{value.name}_{_NAMES[dtype]}"
        if _is_constant(value) and value.const_value is not None and dtype == self.low:
            tensor = self._tensor(value.const_value.numpy(), f"constant '{value.name}'")
            result = ir.Value(name=name, shape=value.shape, type=ir.TensorType(dtype), const_value=tensor)
            _home(value).register_initializer(result)
        else:
            node = ir.node("Cast", [value], attributes={"to": int(dtype)}, name=f"cast_{name}")
            result = node.outputs[0]
            result.name, result.shape, result.dtype = name, value.shape, dtype
            home, producer = _home(value), value.producer()
            if producer is not None:
                home.insert_after(producer, node)
            elif len(home):
                home.insert_before(home[0], node)
            else:
                home.append(node)
        self.cast[value, dtype] = result
        return result

    def _tensor(self, value: npt.NDArray[Any], what: str) -> ir.TensorProtocol:
        """Round to nearest even, and refuse what cannot be rounded sensibly."""
        largest = _LARGEST[self.low]
        finite = np.abs(value[np.isfinite(value)])
        if finite.size and (most := float(finite.max())) > largest:
            raise PrecisionError(
                f"{what} holds {most:.4g}, and the largest {_NAMES[self.low]} is {largest:.5g}.",
                hint="use --precision bf16, which has the range of fp32",
            )
        rounded = value.astype(self.low.numpy())
        if value.size == 1 and value.item() != 0 and rounded.item() == 0:
            raise PrecisionError(
                f"{what} is {value.item():.4g}, which is 0 in {_NAMES[self.low]}.",
                hint="use --precision bf16, which has the range of fp32",
            )
        return ir.Tensor(rounded, dtype=self.low)

    def _drop_useless_casts(self) -> None:
        for node in self.nodes:
            source, result = (node.inputs[0], node.outputs[0]) if node.op_type == "Cast" else (None, None)
            if (
                source is not None
                and result is not None
                and source.dtype == result.dtype
                and not result.is_graph_output()
            ):
                result.replace_all_uses_with(source)
                _home(result).remove(node, safe=True)

    def _name_as_before(self) -> None:
        """A converted constant takes the name of the original when nobody uses that any more."""
        for (value, _), result in self.cast.items():
            if result.is_initializer() and not value.uses() and not value.is_graph_output():
                initializers = _home(value).initializers
                for one in (value, result):
                    del initializers[str(one.name)]
                result.name = value.name
                initializers.add(result)


def _home(value: ir.Value) -> ir.Graph:
    """The graph that a value lives in."""
    producer = value.producer()
    home = value.graph if producer is None else producer.graph
    if not isinstance(home, ir.Graph):
        raise ValueError(f"value '{value.name}' is in no graph")
    return home


def _subgraphs(node: ir.Node) -> Iterator[ir.Graph]:
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()


def _head(graph: ir.Graph) -> set[ir.Node]:
    """The nodes between pictures that come in and the network: element by element, or values that are moved."""
    head: set[ir.Node] = set()
    for node in graph:
        varying = [value for value in node.inputs if value is not None and _varies(value)]
        if node.op_type in _HEAD and varying and all(_is_of(value, head) for value in varying):
            head.add(node)
    return head


def _is_of(value: ir.Value, head: set[ir.Node]) -> bool:
    """Whether a value is a picture that comes in, or computed by the head."""
    if value.is_graph_input():
        return value.shape is not None and len(value.shape) == _PICTURE
    return value.producer() in head


def _varies(value: ir.Value) -> bool:
    """Whether it is neither constant nor a size or place, which are of int64."""
    return not _is_constant(value) and value.dtype != ir.DataType.INT64


def _tails(graph: ir.Graph, head: set[ir.Node]) -> set[ir.Node]:
    """The nodes between the network's last value and the outputs: walk back while all ways lead to one value."""
    tail: set[ir.Node] = set()
    for output in graph.outputs:
        here: ir.Value | None = output
        while here is not None and (node := here.producer()) is not None and node.op_type in _TAIL:
            ways = _ways(node, head)
            here = ways[0] if len(ways) == 1 else None
            if here is not None:
                tail.add(node)
            elif ways:
                between, ends = _between(node, head)
                if len(ends) == 1:
                    tail |= between
    return tail


def _ways(node: ir.Node, head: set[ir.Node]) -> list[ir.Value]:
    """What a node computes with, without constants and the head."""
    given = dict.fromkeys(value for value in node.inputs if value is not None)
    return [value for value in given if not _is_constant(value) and not _is_of(value, head)]


def _between(node: ir.Node, head: set[ir.Node]) -> tuple[set[ir.Node], set[ir.Value]]:
    """The node and all before it that could be of a tail, and the values where these begin."""
    found, ends, waiting = {node}, set(), _ways(node, head)
    while waiting:
        value = waiting.pop()
        before = value.producer()
        if before is None or before.op_type not in _TAIL | {"ReduceSum"}:
            ends.add(value)
        elif before not in found:
            found.add(before)
            waiting += _ways(before, head)
    return found, ends


def _named(graph: ir.Graph, names: Collection[str]) -> set[ir.Node]:
    """The nodes of these names, in loops too, with all nodes of their subgraphs."""
    found = {node for node in graph.all_nodes() if node.name in names}
    return found.union(*(set(inner.all_nodes()) for node in found for inner in _subgraphs(node)))


def weighs(node: ir.Node) -> bool:
    """Whether a node multiplies and adds, or picks rows of a constant."""
    table = node.inputs[0] if node.op_type == "Gather" else None
    return is_arithmetic(node.op_type) or (table is not None and _is_constant(table))


def _shape_arithmetic(graph: ir.Graph) -> set[ir.Node]:
    """The nodes that compute with sizes alone. What makes a tensor *of* such a size is not among them."""
    kept: set[ir.Node] = set()
    sizes: set[ir.Value] = set()
    for node in graph.all_nodes():
        varying = [value for value in node.inputs if value is not None and not _is_constant(value)]
        if node.op_type in ("Shape", "Size"):
            sizes.update(node.outputs)
        elif node.op_type in _ON_SHAPES and varying and all(value in sizes for value in varying):
            sizes.update(node.outputs)
            kept.add(node)
    return kept


def _is_constant(value: ir.Value) -> bool:
    producer = value.producer()
    return (value.is_initializer() and not value.is_graph_input()) or (
        producer is not None and producer.op_type == "Constant"
    )
