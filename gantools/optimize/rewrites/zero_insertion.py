"""Zeros that were put between and around pixels by moving values about, and a convolution of the result, are one node.

Exporters, and networks written with reshapes, spell a transposed convolution as zeros between pixels and a plain one
(StyleGAN2's upfirdn2d; Keras and TensorFlow; old exports of PyTorch). Of every s products there, s - 1 are with zero.
With z[t + s q] = x[q] and zeros elsewhere, k taps and t + s (n - 1) + 1 + u values in z,

    y[o] = sum_e z[o + e] W[e] = sum_q x[q] W[s q + t - o] = sum_q x[q] K[o - s q + p],   K[j] = W[k - 1 - j]

which is equation 1 of ``upsampling`` with paddings p = k - 1 - t before and k - 1 - u after. Where s is 1, the zeros
are the convolution's own padding. How values are moved does not matter: numbers are sent through the nodes that move
them, and it is looked where they come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

from gantools.optimize.rewrites.reading import Convolution, constant, convolution, is_op, sizes
from gantools.optimize.rewrites.site import Builder, Rewrite, Site

NAME = "zero_insertion"
_MOVING = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Concat", "Pad")
_INSERTING = ("Concat", "Pad")
_LARGEST = 2**24  # values: float32 counts no further


@dataclass(frozen=True)
class Insertion:
    """What is done to a map of (batch, channels, height, width).

    Attributes:
        source: The map.
        strides: Vertical, horizontal: a pixel and strides - 1 zeros.
        begin: Zeros above and to the left.
        end: Zeros below and to the right.
    """

    source: ir.Value
    strides: tuple[int, int]
    begin: tuple[int, int]
    end: tuple[int, int]


def find(node: ir.Node) -> Site | None:
    """The site that ends at a node."""
    conv = convolution(node, "Conv")
    if conv is None or conv.strides != (1, 1):
        return None
    source, nodes = _moved(node.inputs[0])
    insertion: Insertion | None = None
    if any(is_op(one, *_INSERTING) for one in nodes):
        insertion = _insertion(source, node.inputs[0])
    elif sizes(node.inputs[0])[2:] == (1, 1) and max(*conv.begin, *conv.end) > 0 and node.inputs[0] is not None:
        nodes, insertion = [], Insertion(node.inputs[0], (1, 1), (0, 0), (0, 0))  # a pixel amid the padding
    if insertion is None:
        return None
    key = f"{NAME} {'x'.join(map(str, conv.weight.shape))}/{conv.groups} by {insertion.strides}"
    if insertion.strides == (1, 1) and sizes(insertion.source)[2:] != (1, 1):
        return Site(NAME, (*nodes, node), {"padded": partial(_padded, conv, insertion)}, key)
    begin, end = _paddings(conv, insertion)
    if min(begin) < 0 or any(-end[axis] >= insertion.strides[axis] for axis in (0, 1)):
        return None
    return Site(NAME, (*nodes, node), {"transposed": partial(_transposed, conv, insertion)}, key)


def _moved(value: ir.Value | None) -> tuple[ir.Value | None, list[ir.Node]]:
    """What a value is before it is moved about, and the nodes that do that; each is seen by the next alone."""
    nodes: list[ir.Node] = []
    while value is not None and len(value.uses()) == 1 and not value.is_graph_output():
        node = value.producer()
        if node is None or not is_op(node, *_MOVING):
            break
        varying = [one for one in node.inputs if one is not None and constant(one) is None]
        if len(varying) != 1:
            break
        nodes.append(node)
        value = varying[0]
    return value, nodes[::-1]


def _insertion(source: ir.Value | None, moved: ir.Value | None) -> Insertion | None:
    """How the pixels of one map lie in another; None where they are not only moved apart."""
    before = [size for size in sizes(source) if size is not None]
    if source is None or moved is None or len(before) != 4 or None in sizes(moved) or prod(before) >= _LARGEST:
        return None
    producer = moved.producer()
    assert producer is not None
    assert isinstance(producer.graph, ir.Graph)
    cut = ir.Model(ir.convenience.extract(producer.graph, [source], [moved]), ir_version=10)
    numbers = np.arange(1, prod(before) + 1, dtype=np.float32).reshape(before)
    (moved_numbers,) = ReferenceEvaluator(ir.to_proto(cut)).run(None, {str(source.name): numbers})
    found: npt.NDArray[Any] = np.asarray(moved_numbers)
    if found.shape[:2] != numbers.shape[:2]:
        return None
    upright, across = _places(found[0, 0].any(1), before[2]), _places(found[0, 0].any(0), before[3])
    if upright is None or across is None:
        return None
    (top, down), (left, right) = upright, across
    bottom, far = top + down * (before[2] - 1), left + right * (before[3] - 1)
    expected = np.zeros_like(found)
    expected[:, :, top : bottom + 1 : down, left : far + 1 : right] = numbers
    if not np.array_equal(found, expected):
        return None
    end = (found.shape[2] - 1 - bottom, found.shape[3] - 1 - far)
    return Insertion(source, (down, right), (top, left), end)


def _places(taken: npt.NDArray[np.bool_], count: int) -> tuple[int, int] | None:
    """First place and distance of values along an axis; None where they lie otherwise."""
    found = np.flatnonzero(taken)
    if len(found) != count:
        return None
    distances = set(np.diff(found).tolist())
    return None if len(distances) > 1 else (int(found[0]), distances.pop() if distances else 1)


def _padded(conv: Convolution, insertion: Insertion, builder: Builder) -> ir.Value:
    """The same convolution with the zeros around as its own."""
    begin, end = (
        [mine[axis] + others[axis] for axis in (0, 1)]
        for mine, others in ((conv.begin, insertion.begin), (conv.end, insertion.end))
    )
    attributes = {"kernel_shape": conv.kernel, "group": conv.groups, "pads": (*begin, *end)}
    return builder.op("Conv", insertion.source, *conv.node.inputs[1:], **attributes)


def _paddings(conv: Convolution, insertion: Insertion) -> tuple[list[int], list[int]]:
    begin = [conv.kernel[axis] - 1 - insertion.begin[axis] - conv.begin[axis] for axis in (0, 1)]
    end = [conv.kernel[axis] - 1 - insertion.end[axis] - conv.end[axis] for axis in (0, 1)]
    return begin, end


def _transposed(conv: Convolution, insertion: Insertion, builder: Builder) -> ir.Value:
    outputs, inputs = conv.weight.shape[:2]  # inputs of a group
    grouped = conv.weight.reshape(conv.groups, outputs // conv.groups, inputs, *conv.kernel)
    weight = np.flip(grouped, (3, 4)).transpose(0, 2, 1, 3, 4).reshape(conv.groups * inputs, -1, *conv.kernel)
    begin, end = _paddings(conv, insertion)
    attributes: dict[str, object] = {"kernel_shape": conv.kernel, "strides": insertion.strides, "group": conv.groups}
    attributes["pads"] = (*begin, *(max(size, 0) for size in end))
    if min(end) < 0:
        attributes["output_padding"] = tuple(max(-size, 0) for size in end)
    constants = [builder.constant(weight, "weight"), *conv.node.inputs[2:3]]
    return builder.op("ConvTranspose", insertion.source, *constants, **attributes)


rewrite = Rewrite(find, always_pays=True)
