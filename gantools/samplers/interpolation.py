"""Walks through latent space: what lies between two points of noise, or between the codes of two images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gantools.core.errors import InputMismatchError
from gantools.core.sampler import Sampler
from gantools.core.spec import GraphSpec
from gantools.runtime.backends.base import Arrays
from gantools.samplers.feedforward import check_seeds, inputs_of

_PARALLEL = 1e-6  # sines below this: the points and the origin lie on one line, which is then followed


def slerp(
    start: npt.NDArray[np.float32], end: npt.NDArray[np.float32], shares: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Spherical interpolation (Shoemake, "Animating Rotation with Quaternion Curves", 1985), of any number of values.

    A Gaussian of many dimensions lives near a sphere, so the way from one sample to another follows it: the middle of
    the chord is shorter than nearly all samples. The angle is measured at the origin, and the length changes evenly
    between points of unlike lengths, as those of codes are.

    Args:
        start: A point of any shape.
        end: Another of that shape.
        shares: (n,) of the way, in [0, 1]. 0 gives ``start`` and 1 gives ``end``, bit for bit.

    Returns:
        (n, *shape of a point) float32.
    """
    first, last = start.astype(np.float64), end.astype(np.float64)
    lengths = np.linalg.norm(first) * np.linalg.norm(last)
    cosine = np.clip(np.vdot(first, last) / lengths, -1.0, 1.0) if lengths else 1.0
    angle = np.arccos(cosine)
    ways = shares.reshape(-1, *[1] * start.ndim)
    if np.sin(angle) < _PARALLEL:
        between = (1.0 - ways) * first + ways * last
    else:
        between = (np.sin((1.0 - ways) * angle) * first + np.sin(ways * angle) * last) / np.sin(angle)
    return between.astype(np.float32)


def walk(points: npt.NDArray[np.float32], steps: int) -> npt.NDArray[np.float32]:
    """From each point to the next.

    Args:
        points: (n, *shape of a point), at least two.
        steps: Places on each way, both ends included; at least two.

    Returns:
        ((n - 1) * steps, *shape of a point) float32.

    Raises:
        InputMismatchError: There are too few points or steps.
    """
    check_walk(len(points), steps)
    shares = np.linspace(0.0, 1.0, steps)
    return np.concatenate([slerp(start, end, shares) for start, end in pairwise(points)])


def walk_inputs(spec: GraphSpec, sampler: Sampler, seeds: Sequence[int], steps: int) -> Arrays:
    """What a graph is given on the way from each seed to the next.

    Normal noise moves. Everything else stays as the first seed has it, so that nothing but the noise changes.

    Args:
        spec: Of the graph; where axes beside the batch are free, each has its largest size.
        sampler: Which inputs are drawn.
        seeds: At least two.
        steps: See ``walk``.

    Returns:
        ((len(seeds) - 1) * steps, ...) for every input that a seed says something of.

    Raises:
        InputMismatchError: There are too few seeds or steps, a seed is out of range, or nothing is normal noise.
    """
    check_walk(len(seeds), steps)
    check_seeds(seeds)
    if not any(source.distribution == "normal" for source in sampler.noise.values()):
        drawn = ", ".join(sampler.noise) or "nothing"
        raise InputMismatchError(
            f"there is no latent to walk through: all that seeds say of a sample is {drawn}.",
            hint="models with a latent, such as text_vae, can be walked through",
        )
    count = (len(seeds) - 1) * steps
    found: Arrays = {}
    for name, array in inputs_of(spec.inputs, sampler, seeds, spec.sizes("max")).items():
        source = sampler.noise.get(name)
        moves = source is not None and source.distribution == "normal"
        found[name] = walk(array, steps) if moves else np.repeat(array[:1], count, axis=0)
    return found


def check_walk(points: int, steps: int) -> None:
    """Refuse a walk without a way.

    Raises:
        InputMismatchError: There are too few points or steps.
    """
    if points < 2:
        raise InputMismatchError(f"a walk goes from one point to another, got {points}.", hint="give two or more")
    if steps < 2:
        raise InputMismatchError(f"a walk has two steps or more, its ends included, got {steps}.")
