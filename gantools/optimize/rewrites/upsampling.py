"""Convolutions that raise the resolution, in whichever of their equivalent forms is fastest.

All of them are one linear map. With a factor s and a kernel K, and for each axis

    y[o] = b + sum_q x[q] K[o - s q + p]                                                         (1)

which is a transposed convolution (Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016,
relation 14). It is found as

- ``Resize`` by copying and a convolution W, k taps wide, that keeps the size: K[e] = sum_{i < s} W[k - 1 + i - e],
  k + s - 1 taps, p = k - 1 - (padding before). Its products fall from s^2 k^2 to (k + s - 1)^2 for each input pixel.
- ``ConvTranspose``.
- ``Conv`` to s^2 times the channels and ``DepthToSpace``, where the bias is the same in all of a pixel's places.

and is put in place as

- ``transposed``: (1) as it stands.
- ``phases``: output o = s m + r depends on inputs around m alone, y[s m + r] = b + sum_t x[m + t] K[r + p - s t] (Shi
  et al., "Is the deconvolution layer the same as a convolutional layer?", 2016). One convolution gives all s^2 phases
  r, padded with zeros to the same window, and ``DepthToSpace`` puts them in their places.
- ``split_phases``: each phase by its own, smallest convolution, so that no products with zeros are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gantools.optimize.rewrites.reading import (
    convolution,
    enlargement,
    feeder,
    integer,
    is_op,
    opset,
    sizes,
    text,
)
from gantools.optimize.rewrites.site import Builder, Form, Rewrite, Site

NAME = "upsampling"
_CRD_FROM = 11  # DepthToSpace can put the channels of a pixel first from this opset on


@dataclass(frozen=True)
class Upsampling:
    """Equation 1 for both axes; the output has exactly s times the size.

    Attributes:
        source: x.
        kernel: (inputs, outputs / groups, height, width).
        bias: (outputs,).
        groups: Parts of the channels that do not see each other.
        factors: s, vertical and horizontal.
        begin: p, vertical and horizontal.
    """

    source: ir.Value
    kernel: npt.NDArray[np.floating]
    bias: npt.NDArray[np.floating]
    groups: int
    factors: tuple[int, int]
    begin: tuple[int, int]

    def trimmed(self) -> Upsampling:
        """Without rows and columns of zeros at the edges of the kernel."""
        kernel, begin = self.kernel, list(self.begin)
        for axis in (0, 1):
            used = np.flatnonzero(kernel.any(axis=tuple(other for other in range(4) if other != axis + 2)))
            if len(used):
                kernel = kernel.take(range(used[0], used[-1] + 1), axis=axis + 2)
                begin[axis] -= int(used[0])
        return replace(self, kernel=kernel, begin=(begin[0], begin[1]))


def find(node: ir.Node) -> Site | None:
    """The site that ends at a node."""
    for kind, read in (("resize", _from_resize), ("transposed", _from_transposed), ("phases", _from_phases)):
        found = read(node)
        if found is None:
            continue
        nodes, upsampling = found
        forms = _forms(upsampling, opset(node))
        if kind in forms:
            del forms[kind]
        if kind == "phases":
            forms.pop("split_phases", None)
        return Site(NAME, nodes, forms, _key(kind, upsampling)) if forms else None
    return None


def _forms(of: Upsampling, version: int) -> dict[str, Form]:
    forms: dict[str, Form] = {}
    if _end(of) is not None:
        forms["transposed"] = lambda builder: _transposed(of, builder)
    if of.factors[0] == of.factors[1] and version >= _CRD_FROM:
        forms["phases"] = lambda builder: _phases(of, builder)
        forms["split_phases"] = lambda builder: _split_phases(of, builder)
    return forms


def _key(kind: str, of: Upsampling) -> str:
    inputs, outputs = of.kernel.shape[0], len(of.bias)
    size = "x".join(str(size or "?") for size in sizes(of.source)[2:])
    kernel = "x".join(map(str, of.kernel.shape[2:]))
    return f"{NAME} {kind} {inputs}-{outputs}/{of.groups} at {size}, kernel {kernel}, by {of.factors}, from {of.begin}"


def _from_resize(node: ir.Node) -> tuple[tuple[ir.Node, ...], Upsampling] | None:
    conv = convolution(node, "Conv")
    resize = feeder(node.inputs[0], "Resize", "Upsample") if conv is not None else None
    factors = enlargement(resize)
    if conv is None or resize is None or factors is None or conv.is_pointwise or conv.strides != (1, 1):
        return None
    if any(conv.begin[axis] + conv.end[axis] != conv.kernel[axis] - 1 for axis in (0, 1)):
        return None
    grouped = conv.weight.reshape(conv.groups, -1, *conv.weight.shape[1:])  # (groups, outputs, inputs, height, width)
    summed = grouped.astype(np.float64)
    for axis in (0, 1):
        summed = _summed(summed, factors[axis], axis + 3)
    kernel = summed.swapaxes(1, 2).reshape(-1, grouped.shape[1], *summed.shape[3:]).astype(conv.weight.dtype)
    begin = (conv.kernel[0] - 1 - conv.begin[0], conv.kernel[1] - 1 - conv.begin[1])
    source = resize.inputs[0]
    assert source is not None
    return (resize, node), Upsampling(source, kernel, conv.bias, conv.groups, factors, begin)


def _summed(weight: npt.NDArray[np.float64], factor: int, axis: int) -> npt.NDArray[np.float64]:
    """K[e] = sum_{i < s} W[k - 1 + i - e] along one axis."""
    taps = weight.shape[axis]
    flipped = np.flip(weight, axis)  # K[e] = sum_i flipped[e - i]
    shape = list(weight.shape)
    shape[axis] = taps + factor - 1
    summed = np.zeros(shape)
    for shift in range(factor):
        place = [slice(None)] * weight.ndim
        place[axis] = slice(shift, shift + taps)
        summed[tuple(place)] += flipped
    return summed


def _from_transposed(node: ir.Node) -> tuple[tuple[ir.Node, ...], Upsampling] | None:
    conv = convolution(node, "ConvTranspose")
    if conv is None or max(conv.strides) < 2 or sizes(node.inputs[0])[2:] == (1, 1):
        return None
    # Output size s (n - 1) + k - begin - end is s n if and only if this holds.
    if any(conv.kernel[axis] - conv.begin[axis] - conv.end[axis] != conv.strides[axis] for axis in (0, 1)):
        return None
    source = node.inputs[0]
    assert source is not None
    return (node,), Upsampling(source, conv.weight, conv.bias, conv.groups, conv.strides, conv.begin)


def _from_phases(node: ir.Node) -> tuple[tuple[ir.Node, ...], Upsampling] | None:
    if not is_op(node, "DepthToSpace"):
        return None
    conv = convolution(feeder(node.inputs[0], "Conv"))
    factor = integer(node, "blocksize", 1)
    if conv is None or factor < 2 or conv.groups != 1 or conv.strides != (1, 1):
        return None
    if any(conv.begin[axis] + conv.end[axis] != conv.kernel[axis] - 1 for axis in (0, 1)):
        return None
    channels = conv.outputs // factor**2
    if text(node, "mode", "DCR") == "CRD":
        weight = conv.weight.reshape(channels, factor, factor, *conv.weight.shape[1:])
        bias = conv.bias.reshape(channels, factor**2)
    else:
        weight = conv.weight.reshape(factor, factor, channels, *conv.weight.shape[1:]).transpose(2, 0, 1, 3, 4, 5)
        bias = conv.bias.reshape(factor**2, channels).T
    if (bias != bias[:, :1]).any():
        return None
    # Tap j of phase r multiplies x[m + j - begin], so it is K[r - s j + s begin + p], and p makes the least index 0.
    begin = tuple(factor * (conv.kernel[axis] - 1 - conv.begin[axis]) for axis in (0, 1))
    kernel = np.zeros((conv.weight.shape[1], channels, *(factor * size for size in conv.kernel)), conv.weight.dtype)
    for vertical, horizontal in product(range(factor), repeat=2):
        phase = np.flip(weight[:, vertical, horizontal], (2, 3)).swapaxes(0, 1)
        kernel[:, :, vertical::factor, horizontal::factor] = phase
    source = conv.node.inputs[0]
    assert source is not None
    of = Upsampling(source, kernel, bias[:, 0].copy(), 1, (factor, factor), (begin[0], begin[1]))
    return (conv.node, node), of.trimmed()


def _end(of: Upsampling) -> tuple[int, int] | None:
    """What is cut off after the last output of (1); below 0: how much is added. None: ONNX cannot say it."""
    end = tuple(of.kernel.shape[axis + 2] - of.factors[axis] - of.begin[axis] for axis in (0, 1))
    if min(of.begin) < 0 or any(-end[axis] >= of.factors[axis] for axis in (0, 1)):
        return None
    return end[0], end[1]


def _transposed(of: Upsampling, builder: Builder) -> ir.Value:
    end = _end(of)
    assert end is not None
    attributes: dict[str, object] = {
        "kernel_shape": of.kernel.shape[2:],
        "strides": of.factors,
        "pads": (*of.begin, *(max(size, 0) for size in end)),
        "group": of.groups,
    }
    if min(end) < 0:
        attributes["output_padding"] = tuple(max(-size, 0) for size in end)
    return builder.op("ConvTranspose", of.source, *_weights(of.kernel, of.bias, builder), **attributes)


def _phases(of: Upsampling, builder: Builder) -> ir.Value:
    phases = {phase: _window(of, phase) for phase in product(range(of.factors[0]), range(of.factors[1]))}
    before = [max(window.before[axis] for window in phases.values()) for axis in (0, 1)]
    after = [max(window.after[axis] for window in phases.values()) for axis in (0, 1)]
    weights = [window.widened(before, after).weight for window in phases.values()]
    # (groups, outputs / groups, phases, inputs / groups, height, width)
    weight = np.stack(weights, axis=2)
    weight = weight.reshape(-1, *weight.shape[3:])
    bias = np.repeat(of.bias, len(phases))
    pads = (*before, *after)
    maps = _convolved(of, weight, bias, pads, builder, "")
    return builder.op("DepthToSpace", maps, blocksize=of.factors[0], mode="CRD")


def _split_phases(of: Upsampling, builder: Builder) -> ir.Value:
    maps = []
    for vertical, horizontal in product(range(of.factors[0]), range(of.factors[1])):
        window = _window(of, (vertical, horizontal))
        weight = window.weight.reshape(-1, *window.weight.shape[2:])
        pads = (*window.before, *window.after)
        maps.append(_convolved(of, weight, of.bias, pads, builder, f"{vertical}{horizontal}."))
    joined = builder.op("Concat", *maps, axis=1)
    return builder.op("DepthToSpace", joined, blocksize=of.factors[0], mode="DCR")


def _convolved(
    of: Upsampling,
    weight: npt.NDArray[np.floating],
    bias: npt.NDArray[np.floating],
    pads: tuple[int, ...],
    builder: Builder,
    role: str,
) -> ir.Value:
    constants = _weights(weight, bias, builder, role)
    return builder.op("Conv", of.source, *constants, kernel_shape=weight.shape[2:], pads=pads, group=of.groups)


def _weights(
    weight: npt.NDArray[np.floating], bias: npt.NDArray[np.floating], builder: Builder, role: str = ""
) -> tuple[ir.Value, ...]:
    made = (builder.constant(weight, f"{role}weight"),)
    return (*made, builder.constant(bias, f"{role}bias")) if bias.any() else made


@dataclass(frozen=True)
class _Window:
    """One phase as a convolution.

    Attributes:
        weight: (groups, outputs / groups, inputs / groups, height, width).
        before: Inputs above and to the left of m that it looks at.
        after: Inputs below and to the right.
    """

    weight: npt.NDArray[np.floating]
    before: tuple[int, int]
    after: tuple[int, int]

    def widened(self, before: Sequence[int], after: Sequence[int]) -> _Window:
        """The same with zeros around it, so that it looks at as many inputs."""
        more = [(before[axis] - self.before[axis], after[axis] - self.after[axis]) for axis in (0, 1)]
        weight = np.pad(self.weight, [(0, 0)] * 3 + more)
        return _Window(weight, (before[0], before[1]), (after[0], after[1]))


def _window(of: Upsampling, phase: tuple[int, int]) -> _Window:
    """Phase r of (1): the taps K[r + p - s t] of the inputs m + t, and zeros where its window has to reach m."""
    taps, before, after = [], [], []
    for axis in (0, 1):
        size, factor, first = of.kernel.shape[axis + 2], of.factors[axis], phase[axis] + of.begin[axis]
        least, most = -((size - 1 - first) // factor), first // factor
        least, most = min(least, 0), max(most, 0)
        taps.append([first - factor * t for t in range(least, most + 1)])
        before.append(-least)
        after.append(most)
    weight = np.zeros((*of.kernel.shape[:2], len(taps[0]), len(taps[1])), of.kernel.dtype)
    for (down, row), (right, column) in product(enumerate(taps[0]), enumerate(taps[1])):
        if 0 <= row < of.kernel.shape[2] and 0 <= column < of.kernel.shape[3]:
            weight[:, :, down, right] = of.kernel[:, :, row, column]
    grouped = weight.reshape(of.groups, -1, *weight.shape[1:]).swapaxes(1, 2)
    return _Window(grouped, (before[0], before[1]), (after[0], after[1]))


rewrite = Rewrite(find, always_pays=False)
