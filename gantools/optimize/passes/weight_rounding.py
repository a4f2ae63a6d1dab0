"""Round the weights of a convolution so that their errors cancel on real inputs. Same scales, same speed.

Rounding each weight to the nearest number is best for each weight, not for their sum: neighbouring pixels and channels
are alike, so what one weight has too much another can have too little. With X the patches that a convolution sees and

    H = X^T X + lambda I,   U upper triangular with U^T U = H^-1

weights are rounded one after another, and each error is made up for by those that are still to be rounded:

    W[:, j:] -= (w_j - q_j) / U[j, j] U[j, j:]

(Frantar et al. 2023, GPTQ, algorithm 1; lambda is 1 % of the mean of H's diagonal, as there.)
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

_PATCHES = 16_384  # over all inputs; a few dozen times as many as a patch has numbers
_DAMPING = 0.01
_LARGEST = 127
Matrix = npt.NDArray[np.float64]


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
    squares: dict[str, Matrix] = {}
    for given, values in zip(inputs, observed(made, inputs, list(watched)), strict=True):
        arrays = {**given, **dict(zip(watched, values, strict=True))}
        for name, node in nodes.items():
            x = _as_rounded(node, arrays[str(seen[name].name)])  # type: ignore[union-attr]
            patches = _patches(x, found[name], _PATCHES // len(inputs), rng)
            squares[name] = squares.get(name, 0.0) + np.asarray(patches.T @ patches, np.float64)
    for name, node in nodes.items():
        dequantize = node.inputs[1].producer()  # type: ignore[union-attr]
        scales = None if dequantize is None else constant(dequantize.inputs[1])
        if dequantize is not None and scales is not None:
            weight = found[name].weight
            integers = _rounded(weight.reshape(len(weight), -1) / scales.reshape(-1, 1), squares[name])
            put_constant(dequantize, 0, integers.reshape(weight.shape).astype(np.int8))


def _as_rounded(node: ir.Node, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Values as the product gets them."""
    dequantize = node.inputs[0].producer()  # type: ignore[union-attr]
    scale = None if dequantize is None else constant(dequantize.inputs[1])
    if scale is None:
        return x.astype(np.float32)
    rounded: npt.NDArray[np.float32] = (np.clip(np.rint(x / scale), -128, _LARGEST) * scale).astype(np.float32)
    return rounded


def _patches(
    x: npt.NDArray[np.float32], of: Convolution, most: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Some of the patches that a convolution sees: (n, channels * height * width), in the order of its weights."""
    padded = np.pad(x, ((0, 0), (0, 0), *(pad for pad in zip(of.begin, of.end, strict=True))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, of.kernel, (2, 3))
    windows = windows[:, :, :: of.strides[0], :: of.strides[1]].transpose(0, 2, 3, 1, 4, 5)
    count = int(np.prod(windows.shape[:3]))
    picked = rng.choice(count, min(most, count), replace=False)
    places = np.unravel_index(picked, windows.shape[:3])
    return windows[places].reshape(len(picked), -1)


def _rounded(weights: Matrix, squares: Matrix) -> Matrix:
    """Integers for weights in units of their scale, (outputs, inputs)."""
    silent = np.diag(squares) == 0
    damped = squares + np.diag(np.where(silent, 1.0, _DAMPING * np.diag(squares).mean()))
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    left, made = weights.astype(np.float64), np.empty_like(weights, np.float64)
    for place in range(weights.shape[1]):
        made[:, place] = np.clip(np.rint(left[:, place]), -_LARGEST, _LARGEST)
        error = (left[:, place] - made[:, place]) / upper[place, place]
        left[:, place:] -= np.outer(error, upper[place, place:])
    return made
