"""Inputs to try a graph with: whatever a seed says of them, settings over their whole range, and made-up images.

For graphs that make images from noise these are the inputs of sampling. Graphs that take images (encoders,
discriminators) get smooth random ones, because white noise looks like nothing they will ever see.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import Sampler
from gantools.core.spec import TensorSpec
from gantools.runtime.backends.base import Arrays
from gantools.runtime.philox import normals, uniforms
from gantools.samplers.feedforward import inputs_of

# Philox streams that no sampler uses.
_STREAM = 2**31
_COARSE = 4  # edge of the grid of random colours that an image is interpolated from


def trial_inputs(inputs: Sequence[TensorSpec], sampler: Sampler, seeds: Sequence[int]) -> Arrays:
    """Every input of a graph, as a function of each row's seed.

    Args:
        inputs: Of the graph.
        sampler: Which inputs are drawn, and the range of those that are set.
        seeds: One for each row.

    Returns:
        (len(seeds), *rest of the input's shape) each. Settings are uniform between their limits. Of the inputs that no
        sampler knows, those of rank 4 are images and the others N(0, 1).
    """
    known = inputs_of(inputs, sampler, seeds)
    for place, tensor in enumerate(inputs):
        stream = _STREAM + place
        shape = tuple(size for size in tensor.shape[1:] if isinstance(size, int))
        if setting := sampler.settings.get(tensor.name):
            span = np.float32(setting.high - setting.low)
            known[tensor.name] = uniforms(seeds, stream, shape) * span + np.float32(setting.low)
        elif tensor.name not in known and len(shape) == 3:
            known[tensor.name] = _images(tensor, seeds, stream, shape)
        elif tensor.name not in known:
            known[tensor.name] = normals(seeds, stream, shape).astype(tensor.dtype)
    return known


def _images(
    tensor: TensorSpec, seeds: Sequence[int], stream: int, shape: tuple[int, ...]
) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """Random colours on a coarse grid, interpolated: uint8 NHWC in 0..255 or float32 NCHW in [-1, 1]."""
    pixels = tensor.dtype == "uint8"
    height, width, channels = shape if pixels else (shape[1], shape[2], shape[0])
    coarse = uniforms(seeds, stream, (_COARSE, _COARSE, channels)).astype(np.float64)
    image: npt.NDArray[np.float64] = np.einsum("ya,nabc,xb->nyxc", _hats(height), coarse, _hats(width))
    levels: npt.NDArray[np.uint8] = np.rint(image * 255).astype(np.uint8)
    return levels if pixels else np.ascontiguousarray((image * 2 - 1).transpose(0, 3, 1, 2), np.float32)


def _hats(size: int) -> npt.NDArray[np.float64]:
    """Weights of linear interpolation from ``_COARSE`` knots to ``size`` points: (size, _COARSE), rows sum to 1."""
    places = np.linspace(0, _COARSE - 1, size)[:, None]
    weights: npt.NDArray[np.float64] = np.maximum(1 - np.abs(places - np.arange(_COARSE)), 0)
    return weights
