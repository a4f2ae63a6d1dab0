"""Round the weights of a convolution so that their errors cancel on real inputs. Same scales, same speed.

Rounding each weight to the nearest number is best for each weight, not for their sum: neighbouring pixels and channels
are alike, so what one weight has too much another can have too little. With X the patches that a convolution sees and

    H = X^T X + lambda I,   U upper triangular with U^T U = H^-1

weights are rounded one after another, and each error is made up for by those that are still to be rounded:

    W[:, j:] -= (w_j - q_j) / U[j, j] U[j, j:]

(Frantar et al. 2023, GPTQ, algorithm 1; lambda is 1 % of the mean of H's diagonal, as there.) In wide layers this is
done for 256 channels at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gantools.optimize.observation import observed
from gantools.optimize.passes.constants import put_constant
from gantools.optimize.passes.products import products, unrounded
from gantools.optimize.rewrites.reading import Convolution, constant, convolution
from gantools.runtime.backends.base import Arrays

_PATCHES = 16_384  # over all inputs; several times as many as there are weights in the widest part
_DAMPING = 0.01
_WIDEST = 2304  # weights of an output that are rounded together: 256 channels of 3x3
_BLOCK = 128
_LARGEST = 127
Matrix = npt.NDArray[np.float64]
Places = tuple[npt.NDArray[np.intp], ...]


def round_weights(made: ir.Model, exact: ir.Model, inputs: Sequence[Arrays]) -> None:
    """Choose the integers of a quantized model's convolutions anew, in place.

    Args:
        made: With products between QuantizeLinear and DequantizeLinear.
        exact: The same in fp32, with nodes of the same names.
        inputs: Real ones; at least one.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
    """
    known = [(str(node.name), convolution(node, "Conv")) for node in products(exact)]
    found = {name: one for name, one in known if one is not None and one.groups == 1}
    nodes = {str(node.name): node for node in made.graph if node.name in found}
    seen = {name: unrounded(node.inputs[0]) for name, node in nodes.items()}
    watched = {str(value.name): value for value in seen.values() if value is not None and value.producer() is not None}
    rng = np.random.default_rng(0)
    squares: dict[tuple[str, int], Matrix] = {}
    for given, values in zip(inputs, observed(made, inputs, list(watched)), strict=True):
        arrays = {**given, **dict(zip(watched, values, strict=True))}
        for name, node in nodes.items():
            x = _as_rounded(node, arrays[str(seen[name].name)])  # type: ignore[union-attr]
            places = _places(x, found[name], _PATCHES // len(inputs), rng)
            for part in _parts(found[name]):
                patches = _patches(x[:, part], found[name], places)
                key = name, part.start
                squares[key] = squares.get(key, 0.0) + np.asarray(patches.T @ patches, np.float64)
    for name, node in nodes.items():
        dequantize = node.inputs[1].producer()  # type: ignore[union-attr]
        scales = None if dequantize is None else constant(dequantize.inputs[1])
        if dequantize is not None and scales is not None:
            weight = found[name].weight / scales.reshape(-1, 1, 1, 1)
            for part in _parts(found[name]):
                chosen = _rounded(weight[:, part].reshape(len(weight), -1), squares[name, part.start])
                weight[:, part] = chosen.reshape(weight[:, part].shape)
            put_constant(dequantize, 0, weight.astype(np.int8))


def _parts(of: Convolution) -> list[slice]:
    """Input channels whose errors make up for each other: few enough that a matrix of them all is soon inverted."""
    channels, step = of.weight.shape[1], max(1, _WIDEST // (of.kernel[0] * of.kernel[1]))
    return [slice(first, min(first + step, channels)) for first in range(0, channels, step)]


def _as_rounded(node: ir.Node, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Values as the product gets them."""
    dequantize = node.inputs[0].producer()  # type: ignore[union-attr]
    scale = None if dequantize is None else constant(dequantize.inputs[1])
    if scale is None:
        return x.astype(np.float32)
    rounded: npt.NDArray[np.float32] = (np.clip(np.rint(x / scale), -128, _LARGEST) * scale).astype(np.float32)
    return rounded


def _windows(x: npt.NDArray[np.float32], of: Convolution) -> npt.NDArray[np.float32]:
    """All patches: (batch, rows, columns, channels, height, width)."""
    padded = np.pad(x, ((0, 0), (0, 0), *(pad for pad in zip(of.begin, of.end, strict=True))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, of.kernel, (2, 3))
    return windows[:, :, :: of.strides[0], :: of.strides[1]].transpose(0, 2, 3, 1, 4, 5)


def _places(x: npt.NDArray[np.float32], of: Convolution, most: int, rng: np.random.Generator) -> Places:
    """Where some of the patches are: images, rows, columns."""
    shape = _windows(x[:, :1], of).shape[:3]
    count = int(np.prod(shape))
    return np.unravel_index(rng.choice(count, min(most, count), replace=False), shape)


def _patches(x: npt.NDArray[np.float32], of: Convolution, places: Places) -> npt.NDArray[np.float32]:
    """Patches that a convolution sees: (n, channels * height * width), in the order of its weights."""
    windows = _windows(x, of)
    return windows[places].reshape(len(places[0]), -1)


def _rounded(weights: npt.NDArray[Any], squares: Matrix) -> Matrix:
    """Integers for weights in units of their scale, (outputs, inputs)."""
    silent = np.diag(squares) == 0
    damped = squares + np.diag(np.where(silent, 1.0, _DAMPING * np.diag(squares).mean()))
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    left, made = weights.astype(np.float64), np.empty(weights.shape, np.float64)
    for first in range(0, weights.shape[1], _BLOCK):  # what lies beyond a block is corrected once for all of it
        block = range(first, min(first + _BLOCK, weights.shape[1]))
        errors = np.empty((len(weights), len(block)))
        for place in block:
            made[:, place] = np.clip(np.rint(left[:, place]), -_LARGEST, _LARGEST)
            error = errors[:, place - first] = (left[:, place] - made[:, place]) / upper[place, place]
            left[:, place : block.stop] -= np.outer(error, upper[place, place : block.stop])
        left[:, block.stop :] -= errors @ upper[first : block.stop, block.stop :]
    return made
