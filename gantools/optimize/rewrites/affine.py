"""Scales and shifts of channels, folded into the weights beside them.

A node that computes y = a x + b with constants a and b for each channel (BatchNormalization of an inference graph,
Mul, Div, Add, Sub) is

- ``folded`` into the linear node before it, W x + c: weights a W, bias a c + b; also where a Clip is in between and a
  is one positive number, since a clip(x, l, h) + b = clip(a x + b, a l + b, a h + b);
- ``folded_after`` into the convolution after it: weights W a, bias c + sum W b, the latter where the convolution does
  not pad, because padding puts 0 where b would be;
- ``in_table``, where class l scales and shifts the result by rows of tables, g_l (a x + b) + h_l: the rows become a g_l
  and h_l + b g_l, and the node goes (conditional batch norm; Dumoulin et al., "A Learned Representation for Artistic
  Style", ICLR 2017, equation 5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gantools.optimize.rewrites.reading import constant, convolution, feeder, integer, is_op
from gantools.optimize.rewrites.site import Builder, Rewrite, Site

NAME = "affine"
_LINEAR = ("Conv", "ConvTranspose", "Gemm")
_SHAPING = ("Unsqueeze", "Reshape")


@dataclass(frozen=True)
class Affine:
    """y = a x + b.

    Attributes:
        node: It.
        source: x.
        scale: a: (channels,) or (1,) float64.
        shift: b: likewise.
    """

    node: ir.Node
    source: ir.Value
    scale: npt.NDArray[np.float64]
    shift: npt.NDArray[np.float64]


def find(node: ir.Node) -> Site | None:
    """The site that ends at a node."""
    return _before(node) or _after(node) or _in_table(node)


def read(node: ir.Node | None) -> Affine | None:
    """A node as a scale and a shift of channels, which are the second axis; None if it is no such thing."""
    if node is None:
        return None
    if is_op(node, "BatchNormalization"):
        known = [constant(value) for value in node.inputs[1:]]
        if any(value is None for value in known) or integer(node, "training_mode", 0) or len(node.outputs) > 1:
            return None
        gain, bias, mean, variance = (value.astype(np.float64) for value in known if value is not None)
        epsilon = node.attributes["epsilon"].as_float() if "epsilon" in node.attributes else 1e-5
        scale = gain / np.sqrt(variance + epsilon)
        return Affine(node, _given(node, 0), scale, bias - scale * mean)
    if not is_op(node, "Mul", "Div", "Add", "Sub"):
        return None
    for place in (0, 1):
        factors = _channels(node.inputs[1 - place], node.inputs[place])
        if factors is None or (place == 1 and is_op(node, "Div")):
            continue
        one, zero = np.ones_like(factors), np.zeros_like(factors)
        match node.op_type:
            case "Mul":
                scale, shift = factors, zero
            case "Div":
                scale, shift = 1 / factors, zero
            case "Add":
                scale, shift = one, factors
            case _:
                scale, shift = (one, -factors) if place == 0 else (-one, factors)
        return Affine(node, _given(node, place), scale, shift)
    return None


def _given(node: ir.Node, place: int) -> ir.Value:
    value = node.inputs[place]
    assert value is not None
    return value


def _channels(value: ir.Value | None, like: ir.Value | None) -> npt.NDArray[np.float64] | None:
    """A floating constant that is one number, or one for each channel of ``like``, whose shape it leaves as it is."""
    known = constant(value)
    if known is None or not np.issubdtype(known.dtype, np.floating) or like is None or like.shape is None:
        return None
    rank = len(like.shape)
    shape = (1,) * (rank - known.ndim) + known.shape
    if len(shape) != rank or rank < 2 or any(size != 1 for axis, size in enumerate(shape) if axis != 1):
        return None
    return known.astype(np.float64).reshape(-1) if shape[1] in (1, like.shape[1]) else None


def _before(node: ir.Node) -> Site | None:
    affine = read(node)
    if affine is None:
        return None
    clip = feeder(affine.source, "Clip")
    linear = _linear(clip.inputs[0] if clip is not None else affine.source)
    if linear is None:
        return None
    if clip is None:
        form = partial(_folded, linear, affine)
        return Site(NAME, (linear, node), {"folded": form}, f"{NAME} {linear.op_type}")
    limits = [constant(value) for value in clip.inputs[1:]]
    known = all(limit is not None or value is None for limit, value in zip(limits, clip.inputs[1:], strict=True))
    if (
        not known
        or affine.scale.size > 1
        or affine.scale.item() <= 0
        or "min" in clip.attributes
        or "max" in clip.attributes
    ):
        return None
    form = partial(_folded_before_clip, linear, limits, affine)
    return Site(NAME, (linear, clip, node), {"folded": form}, f"{NAME} {linear.op_type}, Clip")


def _linear(value: ir.Value | None) -> ir.Node | None:
    """The convolution or matrix product with constant weights that gives a value nobody else sees."""
    node = feeder(value, *_LINEAR)
    if node is None or any(constant(one) is None for one in node.inputs[1:] if one is not None):
        return None
    if node.op_type == "Gemm" and (
        integer(node, "transA", 0) or _ratio(node, "alpha") != 1 or _ratio(node, "beta") != 1
    ):
        return None
    return node


def _ratio(node: ir.Node, name: str) -> float:
    return node.attributes[name].as_float() if name in node.attributes else 1.0


def _folded(linear: ir.Node, affine: Affine, builder: Builder) -> ir.Value:
    weight = constant(linear.inputs[1])
    assert weight is not None
    outputs = _outputs(linear, weight)
    given = constant(linear.inputs[2]) if len(linear.inputs) > 2 else None
    bias = np.zeros(1) if given is None else given.astype(np.float64)
    bias = np.broadcast_to(bias, (outputs,) if bias.ndim < 2 else (len(bias), outputs))
    scale, shift = (np.broadcast_to(value, (outputs,)) for value in (affine.scale, affine.shift))
    groups = integer(linear, "group", 1)
    if linear.op_type == "Conv":
        by_output = scale[:, None, None, None] if weight.ndim == 4 else scale.reshape(-1, *(1,) * (weight.ndim - 1))
    elif linear.op_type == "ConvTranspose":  # (inputs, outputs / groups, ...), inputs ordered by group
        rows = np.repeat(scale.reshape(groups, -1), len(weight) // groups, axis=0)
        by_output = rows.reshape(*rows.shape, *(1,) * (weight.ndim - 2))
    else:
        by_output = scale[:, None] if integer(linear, "transB", 0) else scale
    constants = [builder.constant((weight * by_output).astype(weight.dtype), "weight")]
    new_bias = bias * scale + shift
    if new_bias.any() or given is not None:
        constants.append(builder.constant(new_bias.astype(weight.dtype), "bias"))
    return builder.op(linear.op_type, linear.inputs[0], *constants, **linear.attributes)


def _outputs(linear: ir.Node, weight: npt.NDArray[Any]) -> int:
    if linear.op_type == "ConvTranspose":
        return int(weight.shape[1]) * integer(linear, "group", 1)
    first = linear.op_type == "Conv" or integer(linear, "transB", 0)
    return int(weight.shape[0 if first else 1])


def _folded_before_clip(
    linear: ir.Node, limits: list[npt.NDArray[Any] | None], affine: Affine, builder: Builder
) -> ir.Value:
    inner = _folded(linear, affine, builder)
    scale, shift = affine.scale.item(), affine.shift.item()
    roles = ("low", "high")
    moved = [
        None if limit is None else builder.constant((limit * scale + shift).astype(limit.dtype), role)
        for limit, role in zip(limits, roles, strict=False)
    ]
    return builder.op("Clip", inner, *moved)


def _after(node: ir.Node) -> Site | None:
    conv = convolution(node)
    affine = (
        read(feeder(node.inputs[0], "BatchNormalization", "Mul", "Div", "Add", "Sub")) if conv is not None else None
    )
    if conv is None or affine is None:
        return None
    pads = conv.begin != (0, 0) or conv.end != (0, 0)
    if affine.shift.any() and (pads or node.op_type == "ConvTranspose"):
        return None
    form = partial(_folded_after, affine, node)
    return Site(NAME, (affine.node, node), {"folded_after": form}, f"{NAME} before {node.op_type}")


def _folded_after(affine: Affine, node: ir.Node, builder: Builder) -> ir.Value:
    conv = convolution(node)
    assert conv is not None
    per_group = conv.weight.shape[1]
    if node.op_type == "Conv":  # (outputs, inputs / groups, ...), outputs ordered by group
        inputs = per_group * conv.groups
        scale, shift = (
            np.broadcast_to(value, (inputs,)).reshape(conv.groups, per_group) for value in (affine.scale, affine.shift)
        )
        rows = [np.repeat(value, conv.outputs // conv.groups, axis=0)[:, :, None, None] for value in (scale, shift)]
        weight, more = conv.weight * rows[0], (conv.weight * rows[1]).sum((1, 2, 3))
    else:
        scale = np.broadcast_to(affine.scale, (len(conv.weight),))
        weight, more = conv.weight * scale[:, None, None, None], np.zeros(conv.outputs)
    constants = [builder.constant(weight.astype(conv.weight.dtype), "weight")]
    bias = conv.bias + more
    if bias.any():
        constants.append(builder.constant(bias.astype(conv.weight.dtype), "bias"))
    return builder.op(node.op_type, affine.source, *constants, **node.attributes)


@dataclass(frozen=True)
class _Rows:
    """A row of a constant table for each sample, shaped to the channels of a map."""

    table: npt.NDArray[np.floating]
    index: ir.Value
    rebuild: Callable[[npt.NDArray[np.floating], str, Builder], ir.Value]


def _in_table(node: ir.Node) -> Site | None:
    if not is_op(node, "Add"):
        return None
    for product_at in (0, 1):
        product = feeder(node.inputs[product_at], "Mul")
        shift = _rows(node.inputs[1 - product_at])
        if product is None or shift is None:
            continue
        for inner_at in (0, 1):
            inner = feeder(product.inputs[inner_at], "BatchNormalization", "Mul", "Div", "Add", "Sub")
            affine, scale = read(inner), _rows(product.inputs[1 - inner_at])
            if affine is not None and scale is not None and scale.index is shift.index:
                form = partial(_moved_to_tables, affine, scale, shift)
                return Site(NAME, (affine.node, product, node), {"in_table": form}, f"{NAME} in tables")
    return None


def _rows(value: ir.Value | None) -> _Rows | None:
    """Read Unsqueeze(Gather(table, index)) and the like."""
    shaping: list[ir.Node] = []
    node = value.producer() if value is not None else None
    while node is not None and is_op(node, *_SHAPING):
        shaping.append(node)
        node = node.inputs[0].producer() if node.inputs[0] is not None else None
    if node is None or not is_op(node, "Gather") or integer(node, "axis", 0) != 0:
        return None
    table, gather, index = constant(node.inputs[0]), node, node.inputs[1]
    if table is None or table.ndim != 2 or index is None:
        return None

    def rebuild(changed: npt.NDArray[np.floating], role: str, builder: Builder) -> ir.Value:
        made = builder.op("Gather", builder.constant(changed, role), gather.inputs[1], **gather.attributes)
        for one in reversed(shaping):
            made = builder.op(one.op_type, made, *one.inputs[1:], **one.attributes)
        return made

    return _Rows(table, index, rebuild)


def _moved_to_tables(affine: Affine, scale: _Rows, shift: _Rows, builder: Builder) -> ir.Value:
    scales = (scale.table * affine.scale).astype(scale.table.dtype)
    shifts = (shift.table + scale.table * affine.shift).astype(shift.table.dtype)
    scaled = builder.op("Mul", affine.source, scale.rebuild(scales, "scales", builder))
    return builder.op("Add", scaled, shift.rebuild(shifts, "shifts", builder))


rewrite = Rewrite(find, always_pays=True)
