"""Questions to a graph: constants, attributes, who else uses a value, what a convolution is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir


def constant(value: ir.Value | None) -> npt.NDArray[Any] | None:
    """What a value always is; None: it varies, or a caller of the graph may set it."""
    if value is None or value.is_graph_input():
        return None
    tensor = ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()


def is_op(node: ir.Node | None, *kinds: str) -> bool:
    """Whether it is one of these operations of ONNX itself."""
    return node is not None and node.domain in ("", "ai.onnx") and node.op_type in kinds


def feeder(value: ir.Value | None, *kinds: str) -> ir.Node | None:
    """The node of one of these kinds that gives a value which nobody else sees; else None."""
    node = value.producer() if value is not None else None
    if node is None or value is None or not is_op(node, *kinds):
        return None
    alone = (
        len(value.uses()) == 1
        and not value.is_graph_output()
        and all(one is value or not one.uses() for one in node.outputs)
    )
    return node if alone else None


def opset(node: ir.Node) -> int:
    """Version of ONNX's operations in the main graph, which this node is in."""
    graph = node.graph
    return graph.opset_imports.get("", 1) if graph is not None else 1


def integer(node: ir.Node, name: str, default: int) -> int:
    """An attribute."""
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_int()


def text(node: ir.Node, name: str, default: str) -> str:
    """An attribute."""
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_string()


def integers(node: ir.Node, name: str, default: Sequence[int]) -> tuple[int, ...]:
    """An attribute."""
    attribute = node.attributes.get(name)
    return tuple(default if attribute is None else attribute.as_ints())


def sizes(value: ir.Value | None, rank: int = 4) -> tuple[int | None, ...]:
    """The shape of a value, None for what is not known before it is run; all unknown where the rank differs."""
    if value is None or value.shape is None or len(value.shape) != rank:
        return (None,) * rank
    return tuple(size if isinstance(size, int) else None for size in value.shape)


@dataclass(frozen=True)
class Convolution:
    """A two-dimensional Conv or ConvTranspose with constant weights and no dilation.

    Attributes:
        node: It.
        weight: As ONNX has it: (outputs, inputs / groups, height, width) for Conv, (inputs, outputs / groups, height,
            width) for ConvTranspose.
        bias: (outputs,); zeros where it has none.
        groups: Parts of the channels that do not see each other.
        strides: Vertical, horizontal.
        begin: Padding above and to the left.
        end: Padding below and to the right, less what ConvTranspose adds to its output.
    """

    node: ir.Node
    weight: npt.NDArray[np.floating]
    bias: npt.NDArray[np.floating]
    groups: int
    strides: tuple[int, int]
    begin: tuple[int, int]
    end: tuple[int, int]

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width."""
        return self.weight.shape[2], self.weight.shape[3]

    @property
    def outputs(self) -> int:
        """Channels that come out."""
        return len(self.bias)

    @property
    def is_pointwise(self) -> bool:
        """Whether it looks at one pixel at a time."""
        plain = self.strides == (1, 1) and self.begin == self.end == (0, 0)
        return self.node.op_type == "Conv" and plain and self.kernel == (1, 1)

    @property
    def is_depthwise(self) -> bool:
        """Whether every channel is filtered by itself."""
        return self.groups == self.outputs == len(self.weight) and bool(self.weight.shape[1] == 1)

    @property
    def has_bias(self) -> bool:
        """Whether anything is added."""
        return bool(self.bias.any())


def convolution(node: ir.Node | None, *kinds: str) -> Convolution | None:
    """Read a node as a convolution; None if it is none, or one that no rewrite here understands."""
    if node is None or not is_op(node, *(kinds or ("Conv", "ConvTranspose"))):
        return None
    weight = constant(node.inputs[1])
    bias = constant(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] is not None else None
    if weight is None or weight.ndim != 4 or not np.issubdtype(weight.dtype, np.floating):
        return None
    if bias is None and len(node.inputs) > 2 and node.inputs[2] is not None:
        return None
    if set(integers(node, "dilations", (1, 1))) != {1} or text(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return None
    groups = integer(node, "group", 1)
    transposed = node.op_type == "ConvTranspose"
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    top, left, bottom, right = integers(node, "pads", (0, 0, 0, 0))
    if transposed:
        if "output_shape" in node.attributes:
            return None
        more = integers(node, "output_padding", (0, 0))
        bottom, right = bottom - more[0], right - more[1]
    strides = integers(node, "strides", (1, 1))
    return Convolution(
        node=node,
        weight=weight,
        bias=np.zeros(outputs, weight.dtype) if bias is None else bias,
        groups=groups,
        strides=(strides[0], strides[1]),
        begin=(top, left),
        end=(bottom, right),
    )


def enlargement(node: ir.Node | None) -> tuple[int, int] | None:
    """(vertical, horizontal) if a node copies every pixel so many times, y[o] = x[o // s]; else None."""
    if node is None or not is_op(node, "Resize", "Upsample") or text(node, "mode", "nearest") != "nearest":
        return None
    factors = _factors(node)
    if factors is None or max(factors) < 2 or not _copies(node, factors):
        return None
    return factors


def _factors(node: ir.Node) -> tuple[int, int] | None:
    if node.op_type == "Upsample":
        scales = constant(node.inputs[1]) if len(node.inputs) > 1 else _scales_attribute(node)
    elif opset(node) < 11:  # inputs: x, scales
        scales = constant(node.inputs[1])
    else:  # x, roi, scales, sizes
        scales = constant(node.inputs[2]) if len(node.inputs) > 2 else None
    axes = integers(node, "axes", (0, 1, 2, 3))
    if scales is None or scales.size == 0:
        before, after = sizes(node.inputs[0]), sizes(node.outputs[0])
        if before[0] != after[0] or before[1] != after[1]:
            return None
        spatial = [(small, large) for small, large in zip(before[2:], after[2:], strict=True)]
        if any(small is None or large is None or large % small for small, large in spatial):
            return None
        return spatial[0][1] // spatial[0][0], spatial[1][1] // spatial[1][0]  # type: ignore[operator]
    if len(scales) != len(axes):
        return None
    by_axis = {axis % 4: float(scale) for axis, scale in zip(axes, scales, strict=True)}
    if any(by_axis.get(axis, 1.0) != 1.0 for axis in (0, 1)) or set(by_axis) - {0, 1, 2, 3}:
        return None
    vertical, horizontal = by_axis.get(2, 1.0), by_axis.get(3, 1.0)
    if not (vertical.is_integer() and horizontal.is_integer()) or min(vertical, horizontal) < 1:
        return None
    return int(vertical), int(horizontal)


def _scales_attribute(node: ir.Node) -> npt.NDArray[Any] | None:
    attribute = node.attributes.get("scales")
    return None if attribute is None else np.array(attribute.as_floats(), np.float32)


def _copies(node: ir.Node, factors: tuple[int, int]) -> bool:
    """Whether rounding takes output o from input o // s. Between pixel centres there are no ties for whole factors."""
    if node.op_type == "Upsample" or opset(node) < 11:
        return True
    where = text(node, "coordinate_transformation_mode", "half_pixel")
    rounding = text(node, "nearest_mode", "round_prefer_floor")
    if where in ("half_pixel", "half_pixel_symmetric"):
        return rounding in ("round_prefer_floor", "round_prefer_ceil")
    if where == "pytorch_half_pixel":  # takes pixel 0 where the output has one pixel only, which is right as well
        return rounding in ("round_prefer_floor", "round_prefer_ceil")
    halves = rounding == "round_prefer_floor" and max(factors) == 2
    return where == "asymmetric" and (rounding == "floor" or halves)
