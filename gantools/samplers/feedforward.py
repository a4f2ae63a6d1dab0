"""Samplers of graphs that make a whole sample in one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.errors import InputMismatchError
from gantools.core.sampler import Sampler
from gantools.core.spec import TensorSpec
from gantools.runtime.backends.base import Arrays
from gantools.runtime.philox import normals, uniforms
from gantools.runtime.session import Session


def sample(
    session: Session, sampler: Sampler, seeds: Sequence[int], batch: int, inputs: Mapping[str, npt.NDArray[Any]]
) -> Iterator[npt.NDArray[Any]]:
    """Run the graph over the seeds, ``batch`` at a time.

    Args:
        session: An opened graph whose first output has a row for each sample.
        sampler: Which inputs are noise.
        seeds: Integers in [0, 2**64).
        batch: Samples in one run.
        inputs: What the caller gives instead of what would be drawn or set: a row for each seed, or one value for all
            where the graph takes one.

    Yields:
        The first output of each run, (at most batch, ...).

    Raises:
        InputMismatchError: A seed is out of range, or an input does not have one row for each seed.
    """
    check_seeds(seeds)
    shared = {tensor.name for tensor in session.spec.inputs if not tensor.has_rows}
    for name, array in inputs.items():
        if name not in shared and len(array) != len(seeds):
            raise InputMismatchError(f"input '{name}' has {len(array)} rows for {len(seeds)} seeds.")
    rest = [tensor for tensor in session.spec.inputs if tensor.name not in inputs]
    least = session.spec.axes["batch"].min if "batch" in session.spec.axes else 1
    for start in range(0, len(seeds), batch):
        count = min(batch, len(seeds) - start)
        # A graph that takes no fewer samples makes the last of them several times.
        places = np.minimum(np.arange(start, start + max(count, least)), start + count - 1)
        part = [seeds[place] for place in places]
        given = {name: array if name in shared else array[places] for name, array in inputs.items()}
        outputs = session.run({**inputs_of(rest, sampler, part), **given})
        yield outputs[session.spec.outputs[0].name][:count]


def inputs_of(
    inputs: Sequence[TensorSpec], sampler: Sampler, seeds: Sequence[int], sizes: Mapping[str, int] | None = None
) -> Arrays:
    """What a seed alone says about a graph's inputs: noise and labels drawn, settings at their defaults.

    Args:
        inputs: Of the graph.
        sampler: Which of them are drawn, set or filled.
        seeds: One for each row.
        sizes: Of dynamic axes other than the batch, where these inputs have any.

    Returns:
        (len(seeds), *rest of the input's shape) each: noise float32, labels int64, settings float32. An input without
        rows is that of the first seed. One that is neither drawn nor set is left out: only the caller can know it.
    """
    known: Arrays = {}
    for tensor in inputs:
        ours = {*sampler.noise, *sampler.settings, *sampler.constants}
        shape = tensor.row(sizes or {}) if tensor.name in ours else ()
        if source := sampler.noise.get(tensor.name):
            if source.distribution == "normal":
                known[tensor.name] = normals(seeds, source.stream, shape)
            elif source.categories is None:
                known[tensor.name] = uniforms(seeds, source.stream, shape)
            else:
                # Below 2**24 categories the product of a uniform and their number is rounded to at most that number.
                index = (uniforms(seeds, source.stream, shape) * np.float32(source.categories)).astype(np.int64)
                known[tensor.name] = np.minimum(index, source.categories - 1).astype(tensor.dtype)
        elif setting := sampler.settings.get(tensor.name):
            known[tensor.name] = np.full((len(seeds), *shape), setting.default, np.float32)
        elif (value := sampler.constants.get(tensor.name)) is not None:
            known[tensor.name] = np.full((len(seeds), *shape), value, tensor.dtype)
        if tensor.name in known and not tensor.has_rows:
            known[tensor.name] = known[tensor.name][0]
    return known


def check_seeds(seeds: Sequence[int]) -> None:
    """Refuse an empty list and seeds that are not 64-bit unsigned integers."""
    if len(seeds) == 0:
        raise InputMismatchError("no seeds were given.", hint="for example seeds=range(16), or --seeds 0-15")
    low, high = (seeds[0], seeds[-1]) if isinstance(seeds, range) else (min(seeds), max(seeds))
    if min(low, high) < 0 or max(low, high) >= 2**64:
        raise InputMismatchError(f"seeds are integers in [0, 2**64), got {low if low < 0 else high}.")
