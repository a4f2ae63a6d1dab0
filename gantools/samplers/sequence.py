"""Sampler of graphs that make a sequence of tokens in one run, as long as asked for.

A sample does not depend on how long it may become, up to where it is cut: the uniform numbers of a step are those of
its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from gantools.core.sampler import Sampler
from gantools.runtime.session import Session
from gantools.samplers import feedforward

STEPS = "steps"
"""The axis along which tokens follow each other."""
PREFIX = "prefix"
"""The input (batch, steps) int32 that holds tokens to begin with, and below 0 where the graph is free."""


def sample(
    session: Session, sampler: Sampler, seeds: Sequence[int], batch: int, inputs: Mapping[str, npt.NDArray[Any]]
) -> Iterator[npt.NDArray[Any]]:
    """As ``feedforward.sample``, with as many steps as the prefix has, or else as the graph allows."""
    steps = inputs[PREFIX].shape[1] if PREFIX in inputs else session.spec.axes[STEPS].max
    return feedforward.sample(session, sampler, seeds, batch, inputs, {STEPS: steps})
