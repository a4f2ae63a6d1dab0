"""Make the channels of an activation alike before one scale has to serve them all. Exact: the function stays the same.

A convolution of channels x_c with weights W_c is one of x_c / s_c with s_c W_c. What makes x_c absorbs the division:
weights and bias of the convolution before, or a scale and shift by channel, past whatever commutes with a positive
factor (ReLU and its kin, repeated pixels). Each channel gets

    s_c = max|x_c|^alpha / max|W_c|^(1 - alpha)

(Xiao et al. 2023, SmoothQuant, equation 4; Nagel et al. 2019, equation 11, take the maker's weights instead of real
activations). With alpha = 1/2 activations and weights are equally hard to round. It is 0.65 here, because
``weight_rounding`` makes up for part of what is harder for weights: on four networks that made the squared error of the
output 0.77 to 1.01 times as large as 1/2 did, and 0.8 was no better on images that were not seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gantools.optimize.observation import observed
from gantools.optimize.passes.constants import put_constant
from gantools.optimize.race import copied
from gantools.optimize.rewrites.reading import constant, convolution, enlargement, is_op
from gantools.runtime.backends.base import Arrays

Scales = npt.NDArray[np.float32]
_FOLLOW = ("Relu", "LeakyRelu", "PRelu")
_ALPHA = 0.65
_LEAST = 1e-3  # of the largest channel: one that is silent on all inputs says nothing of its scale


@dataclass
class Seam:
    """A value whose channels can be scaled without changing the function.

    Attributes:
        value: (batch, channels, height, width).
        takers: Convolutions that it feeds, and nothing else does it feed.
        makers: (node, place of a constant input, axis of channels in it; from the end where below 0) to be divided.
    """

    value: ir.Value
    takers: list[ir.Node]
    makers: list[tuple[ir.Node, int, int]] = field(default_factory=list)


def equalized(model: ir.Model, inputs: Iterable[Arrays]) -> ir.Model:
    """The same function with channels that are alike.

    Args:
        model: Fp32; not changed.
        inputs: Real ones.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    found = copied(model)
    joints = seams(found)
    if not joints:
        return found
    largest: list[Scales] = [np.zeros(1, np.float32)] * len(joints)
    for values in observed(model, inputs, [str(seam.value.name) for seam in joints]):
        largest = [np.maximum(most, np.abs(one).max((0, 2, 3))) for most, one in zip(largest, values, strict=True)]
    for seam, most in zip(joints, largest, strict=True):
        weights = np.max([_by_input(taker) for taker in seam.takers], axis=0)
        scales: Scales = (_floored(most) ** _ALPHA / _floored(weights) ** (1 - _ALPHA)).astype(np.float32)
        for node, place, axis in seam.makers:
            _scale(node, place, axis, np.float32(1) / scales)
        for taker in seam.takers:
            _scale(taker, 1, 0 if taker.op_type == "ConvTranspose" else 1, scales)
    return found


def seams(model: ir.Model) -> list[Seam]:
    """Every seam of the main graph, in order."""
    found = []
    for node in model.graph:
        for value in node.outputs:
            uses = list(value.uses())
            takers = [user for user, place in uses if place == 0 and _is_plain(user)]
            if takers and len(takers) == len(uses) and not value.is_graph_output():
                seam = Seam(value, takers)
                if _find_makers(value, seam.makers):
                    found.append(seam)
    return found


def _is_plain(node: ir.Node | None) -> bool:
    known = convolution(node)
    return known is not None and known.groups == 1


def _find_makers(value: ir.Value, makers: list[tuple[ir.Node, int, int]]) -> bool:
    """Collect what absorbs a factor of each channel; whether there is something that does."""
    node = value.producer()
    if node is None:
        return False
    if _is_plain(node):
        makers.append((node, 1, 1 if node.op_type == "ConvTranspose" else 0))
        if len(node.inputs) > 2 and node.inputs[2] is not None:
            makers.append((node, 2, 0))
        return True
    if is_op(node, *_FOLLOW) or enlargement(node) is not None:
        return _alone(node.inputs[0]) and _find_makers(node.inputs[0], makers)  # type: ignore[arg-type]
    if is_op(node, "Mul", "Add"):
        place = next((place for place in (0, 1) if _is_by_channel(node.inputs[place], value)), None)
        if place is None:
            return False
        makers.append((node, place, -3))
        rest = node.inputs[1 - place]
        return node.op_type == "Mul" or (_alone(rest) and _find_makers(rest, makers))  # type: ignore[arg-type]
    return False


def _alone(value: ir.Value | None) -> bool:
    return value is not None and len(value.uses()) == 1 and not value.is_graph_output()


def _is_by_channel(value: ir.Value | None, of: ir.Value) -> bool:
    """Whether a constant has one number for each channel."""
    known = constant(value)
    if known is None or known.ndim not in (3, 4) or of.shape is None or len(of.shape) != 4:
        return False
    return bool(known.shape[-3] == of.shape[1] and known.size == known.shape[-3])


def _by_input(taker: ir.Node) -> Scales:
    """Largest weight that each input channel is multiplied with."""
    known = convolution(taker)
    assert known is not None
    axes = (1, 2, 3) if taker.op_type == "ConvTranspose" else (0, 2, 3)
    largest: Scales = np.abs(known.weight).max(axes).astype(np.float32)
    return largest


def _floored(most: Scales) -> Scales:
    limit = float(most.max())
    floored: Scales = np.maximum(most, _LEAST * limit) if limit > 0 else np.ones_like(most)
    return floored


def _scale(node: ir.Node, place: int, axis: int, factors: Scales) -> None:
    """Give a node a constant of its own, multiplied along one axis."""
    before = constant(node.inputs[place])
    assert before is not None
    shape = [1] * before.ndim
    shape[axis] = len(factors)
    put_constant(node, place, (before * factors.reshape(shape)).astype(before.dtype))
