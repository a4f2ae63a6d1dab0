"""Inputs to try a graph with: whatever a seed says of them, settings over their whole range, and images.

For graphs that make images from noise these are the inputs of sampling. Graphs that take images get pieces of the real
ones that their artifact carries, and where it carries none smooth random ones, because white noise looks like nothing
they will ever see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import Artifact
from gantools.core.errors import ArtifactError
from gantools.core.sampler import Sampler
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.runtime.backends.base import Arrays
from gantools.runtime.philox import normals, uniforms
from gantools.samplers.feedforward import inputs_of

Images = npt.NDArray[np.uint8]
# Philox streams that no sampler uses.
_STREAM = 2**31
_COARSE = 4  # edge of the grid of random colours that an image is interpolated from


def trial_inputs(
    spec: GraphSpec,
    sampler: Sampler,
    seeds: Sequence[int],
    *,
    sizes: Mapping[str, int] | None = None,
    examples: Images | None = None,
) -> Arrays:
    """Every input of a graph, as a function of each row's seed.

    Args:
        spec: Of the graph.
        sampler: Which inputs are drawn, and the range of those that are set.
        seeds: One for each row.
        sizes: Of dynamic axes; what is left out has the size that the graph is tuned for.
        examples: Real images, (n, height, width, channels), for the input that takes them.

    Returns:
        (len(seeds), *rest of the input's shape) each. Settings are uniform between their limits. Of the inputs that no
        sampler knows, those of rank 4 are images and the others N(0, 1); states of a loop lie in (-1, 1), as cells make
        them.
    """
    known_sizes = {**spec.sizes("opt"), **(sizes or {})}
    known = inputs_of(spec.inputs, sampler, seeds, known_sizes)
    for place, tensor in enumerate(spec.inputs):
        stream, shape = _STREAM + place, tensor.row(known_sizes)
        if setting := sampler.settings.get(tensor.name):
            span = np.float32(setting.high - setting.low)
            known[tensor.name] = uniforms(seeds, stream, shape) * span + np.float32(setting.low)
        elif tensor.name in known:
            continue
        elif tensor.name == sampler.image and examples is not None:
            known[tensor.name] = _pieces(examples, seeds, stream, shape)
        elif len(shape) == 3:
            known[tensor.name] = _images(tensor, seeds, stream, shape)
        else:
            drawn = normals(seeds, stream, shape)
            known[tensor.name] = (np.tanh(drawn) if tensor.state_of else drawn).astype(tensor.dtype)
        if not tensor.has_rows:
            known[tensor.name] = known[tensor.name][0]
    return known


def examples_of(artifact: Artifact) -> Images | None:
    """The real images that an artifact carries: (n, height, width, channels), read-only; None where it carries none.

    Raises:
        ArtifactError: They are no such array.
    """
    entry = artifact.manifest.examples
    if entry is None:
        return None
    try:
        images: Images = np.load(artifact.folder / entry.file, mmap_mode="r", allow_pickle=False)
    except ValueError as err:
        raise ArtifactError(
            f"the examples '{entry.file}' are no array: {err}.", hint="make the artifact again"
        ) from err
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) != entry.count:
        raise ArtifactError(
            f"the examples '{entry.file}' are {images.dtype} {images.shape}, the manifest says {entry.count} images.",
            hint="make the artifact again",
        )
    return images


def _pieces(examples: Images, seeds: Sequence[int], stream: int, shape: tuple[int, ...]) -> Images:
    """A piece of one example for each seed, at a place that the seed says; mirrored where the example is too small."""
    height, width, _ = shape
    places = uniforms(seeds, stream, (2,))
    rows = []
    for seed, (down, across) in zip(seeds, places, strict=True):
        image = examples[seed % len(examples)]
        top = int(down * max(image.shape[0] - height + 1, 1))
        left = int(across * max(image.shape[1] - width + 1, 1))
        piece = image[top : top + height, left : left + width]
        short = (height - piece.shape[0], width - piece.shape[1])
        rows.append(np.pad(piece, ((0, short[0]), (0, short[1]), (0, 0)), "symmetric") if any(short) else piece)
    return np.stack(rows)


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
