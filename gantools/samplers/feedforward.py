"""Samplers of graphs that make a whole sample in one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from gantools.core.artifact import Sampler
from gantools.core.errors import InputMismatchError
from gantools.core.spec import TensorSpec
from gantools.runtime.backends.base import Arrays
from gantools.runtime.philox import normals, uniforms
from gantools.runtime.session import Session

_DRAW = {"normal": normals, "uniform": uniforms}


def sample(
    session: Session, sampler: Sampler, seeds: Sequence[int], batch: int, inputs: Mapping[str, npt.NDArray[Any]]
) -> Iterator[npt.NDArray[Any]]:
    """Run the graph over the seeds, ``batch`` at a time.

    Args:
        session: An opened graph with a leading axis ``batch`` on every input and on its first output.
        sampler: Which inputs are noise.
        seeds: Integers in [0, 2**64).
        batch: Samples in one run.
        inputs: The other inputs, one row for each seed.

    Yields:
        The first output of each run, (at most batch, ...).
    """
    check_seeds(seeds)
    for start in range(0, len(seeds), batch):
        part = seeds[start : start + batch]
        given = {name: array[start : start + batch] for name, array in inputs.items()}
        outputs = session.run({**noise(session.spec.inputs, sampler, part), **given})
        yield outputs[session.spec.outputs[0].name]


def noise(inputs: Sequence[TensorSpec], sampler: Sampler, seeds: Sequence[int]) -> Arrays:
    """The drawn inputs of a graph: (len(seeds), *rest of the input's shape) float32 each."""
    drawn = {}
    for tensor in inputs:
        if source := sampler.noise.get(tensor.name):
            shape = tuple(size for size in tensor.shape[1:] if isinstance(size, int))
            drawn[tensor.name] = _DRAW[source.distribution](seeds, source.stream, shape)
    return drawn


def check_seeds(seeds: Sequence[int]) -> None:
    """Refuse an empty list and seeds that are not 64-bit unsigned integers."""
    if len(seeds) == 0:
        raise InputMismatchError("no seeds were given.", hint="for example seeds=range(16), or --seeds 0-15")
    low, high = (seeds[0], seeds[-1]) if isinstance(seeds, range) else (min(seeds), max(seeds))
    if min(low, high) < 0 or max(low, high) >= 2**64:
        raise InputMismatchError(f"seeds are integers in [0, 2**64), got {low if low < 0 else high}.")
