"""Two convolutions in a row, one of which filters each channel by itself, as one.

StyleGAN2 filters what it has enlarged, and what it is about to shrink, with a small low-pass filter F in each channel
(Karras et al. 2020, appendix B). With strides s and 1, or 1 and s, and for each axis

    F after a transposed convolution K:  y[o] = sum_q x[q] (K * F')[o - s q + p + f - 1 - p_F],  F'[j] = F[f - 1 - j]
    a convolution W after F:             y[m] = sum_e x[s m + e - p_F] (W * F)[e]

where * is convolution, and p, p_F are paddings. So one kernel does both, with k + f - 1 taps: more products where the
other kernel is dense, but one pass over the map less. It is exact where the second one does not pad: padding it would
cut off what the first one gives outside of the map. Along an axis in which the first one has a single tap, there is
nothing to be cut off.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gantools.optimize.rewrites.reading import Convolution, convolution, feeder, sizes
from gantools.optimize.rewrites.site import Builder, Rewrite, Site

NAME = "fir"


def find(node: ir.Node) -> Site | None:
    """The site that ends at a node."""
    second = convolution(node, "Conv")
    first = convolution(feeder(node.inputs[0], "Conv", "ConvTranspose")) if second is not None else None
    if first is None or second is None or first.has_bias or not _is_exact(first, second):
        return None
    if first.node.op_type == "ConvTranspose":
        wide = any(max(second.begin[axis], second.end[axis]) >= second.kernel[axis] for axis in (0, 1))
        fits = second.is_depthwise and second.strides == (1, 1) and not wide
    else:
        fits = first.strides == (1, 1) and first.is_depthwise
    if not fits:
        return None
    key = (
        f"{NAME} {first.node.op_type} {_described(first)}, {_described(second)} "
        f"at {'x'.join(str(size or '?') for size in sizes(first.node.inputs[0])[2:])}"
    )
    return Site(NAME, (first.node, node), {"composed": partial(_composed, first, second)}, key)


def _described(conv: Convolution) -> str:
    shape = "x".join(map(str, conv.weight.shape))
    return f"{shape}/{conv.groups} by {conv.strides}, pads {(*conv.begin, *conv.end)}"


def _is_exact(first: Convolution, second: Convolution) -> bool:
    for axis in (0, 1):
        padded = second.begin[axis] or second.end[axis]
        alone = first.kernel[axis] == first.strides[axis] == 1 and first.begin[axis] == first.end[axis] == 0
        if padded and not alone and not _is_whole(first, axis):
            return False
    return True


def _is_whole(first: Convolution, axis: int) -> bool:
    """Whether a transposed convolution cuts nothing off, so that only zeros are outside of what it gives."""
    return first.node.op_type == "ConvTranspose" and first.begin[axis] == 0 and first.end[axis] <= 0


def _composed(first: Convolution, second: Convolution, builder: Builder) -> ir.Value:
    if first.node.op_type == "ConvTranspose":
        filters = np.flip(second.weight, (2, 3)).reshape(first.groups, 1, -1, *second.kernel)  # by groups and outputs
        grouped = first.weight.reshape(first.groups, -1, *first.weight.shape[1:])
        weight = _convolved(grouped, filters).reshape(len(first.weight), first.weight.shape[1], *_taps(first, second))
        begin = [first.begin[axis] + second.kernel[axis] - 1 - second.begin[axis] for axis in (0, 1)]
        end = [first.end[axis] + second.kernel[axis] - 1 - second.end[axis] for axis in (0, 1)]
        strides, groups = first.strides, first.groups
    else:
        filters = first.weight.reshape(second.groups, 1, -1, *first.kernel)  # by groups and inputs
        grouped = second.weight.reshape(second.groups, -1, *second.weight.shape[1:])
        weight = _convolved(grouped, filters).reshape(second.outputs, second.weight.shape[1], *_taps(first, second))
        begin = [first.begin[axis] + second.begin[axis] for axis in (0, 1)]
        end = [first.end[axis] + second.end[axis] for axis in (0, 1)]
        strides, groups = second.strides, second.groups
    constants = [builder.constant(weight, "weight")]
    if second.has_bias:
        constants.append(builder.constant(second.bias, "bias"))
    attributes: dict[str, object] = {"kernel_shape": weight.shape[2:], "strides": strides, "group": groups}
    attributes["pads"] = (*begin, *(max(size, 0) for size in end))
    if min(end) < 0:
        attributes["output_padding"] = tuple(max(-size, 0) for size in end)
    return builder.op(first.node.op_type, first.node.inputs[0], *constants, **attributes)


def _taps(first: Convolution, second: Convolution) -> tuple[int, int]:
    return first.kernel[0] + second.kernel[0] - 1, first.kernel[1] + second.kernel[1] - 1


def _convolved(kernels: npt.NDArray[np.floating], filters: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Full convolution over the last two axes; the others are broadcast. Summed in float64, rounded once."""
    taps = (kernels.shape[-2] + filters.shape[-2] - 1, kernels.shape[-1] + filters.shape[-1] - 1)
    summed = np.zeros((*np.broadcast_shapes(kernels.shape[:-2], filters.shape[:-2]), *taps))
    for down in range(filters.shape[-2]):
        for right in range(filters.shape[-1]):
            product = kernels.astype(np.float64) * filters[..., down : down + 1, right : right + 1]
            summed[..., down : down + kernels.shape[-2], right : right + kernels.shape[-1]] += product
    return summed.astype(kernels.dtype)


rewrite = Rewrite(find, always_pays=False)
