"""What looks at one pixel at a time commutes with copying pixels, and what is linear in them with averaging.

With U copying every pixel s times, f any function of one pixel and its channels, A the mean over windows, and W a 1x1
convolution with bias:

    f(U x) = U f(x)            ``enlarge_last``:  s^2 times fewer values go through f
    A (W x + b) = W (A x) + b  ``average_first``: as many times fewer products as the windows shrink the map

The second holds because the weights of a mean sum to 1, so it needs windows without padding.
"""

from __future__ import annotations

from functools import partial

import onnx_ir as ir

from gantools.optimize.rewrites.reading import (
    constant,
    convolution,
    enlargement,
    feeder,
    integer,
    integers,
    is_op,
    sizes,
    text,
)
from gantools.optimize.rewrites.site import Builder, Rewrite, Site

NAME = "commute"
_OF_ONE_VALUE = {"Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Tanh", "Sigmoid", "HardSigmoid", "HardSwish"}
_OF_ONE_VALUE |= {"Mish", "Softplus", "Softsign", "ThresholdedRelu", "Neg", "Abs", "Exp", "Sqrt"}
_WITH_CONSTANTS = ("PRelu", "Clip", "Add", "Sub", "Mul", "Div")


def find(node: ir.Node) -> Site | None:
    """The site that ends at a node."""
    return _enlarge_last(node) or _average_first(node)


def _enlarge_last(node: ir.Node) -> Site | None:
    place = next((i for i, value in enumerate(node.inputs) if feeder(value, "Resize", "Upsample")), None)
    resize = feeder(node.inputs[place], "Resize", "Upsample") if place is not None else None
    factors = enlargement(resize)
    if place is None or resize is None or factors is None or not _sees_one_pixel(node, place):
        return None
    key = f"{NAME} {node.op_type} before enlarging by {factors}: {sizes(resize.inputs[0])[1:]}"
    return Site(NAME, (resize, node), {"enlarge_last": partial(_swapped, resize, node, place)}, key)


def _sees_one_pixel(node: ir.Node, place: int) -> bool:
    if is_op(node, *_OF_ONE_VALUE):
        return True
    if is_op(node, "BatchNormalization"):
        return place == 0 and all(constant(value) is not None for value in node.inputs[1:]) and len(node.outputs) == 1
    if is_op(node, *_WITH_CONSTANTS):
        return all(i == place or _is_of_channels(value) for i, value in enumerate(node.inputs))
    conv = convolution(node, "Conv")
    return conv is not None and place == 0 and conv.is_pointwise


def _is_of_channels(value: ir.Value | None) -> bool:
    """Whether it is missing, or a constant that is the same for all pixels."""
    if value is None:
        return True
    known = constant(value)
    return known is not None and known.ndim <= 4 and set(known.shape[-2:]) <= {1}


def _swapped(first: ir.Node, second: ir.Node, place: int, builder: Builder) -> ir.Value:
    """The second node on what the first was given, then the first. Both keep their other inputs and attributes."""
    inputs = [first.inputs[0] if i == place else value for i, value in enumerate(second.inputs)]
    inner = builder.op(second.op_type, *inputs, **second.attributes)
    return builder.op(first.op_type, inner, *first.inputs[1:], **first.attributes)


def _average_first(node: ir.Node) -> Site | None:
    conv_node = feeder(node.inputs[0], "Conv") if is_op(node, "AveragePool") else None
    conv = convolution(conv_node)
    if conv is None or conv_node is None or not conv.is_pointwise or any(integers(node, "pads", (0,))):
        return None
    # With ceil_mode the last windows reach beyond the map, and count what is there or not, as the version has it.
    if text(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID") or integer(node, "ceil_mode", 0):
        return None
    channels = f"{conv.weight.shape[1]}-{conv.outputs}/{conv.groups}"
    key = f"{NAME} 1x1 {channels} after averaging {sizes(conv_node.inputs[0])[2:]}"
    return Site(NAME, (conv_node, node), {"average_first": partial(_swapped, conv_node, node, 0)}, key)


rewrite = Rewrite(find, always_pays=True)
