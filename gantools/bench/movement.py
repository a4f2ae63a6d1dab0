"""Bytes through the memory of a CPU: copied and read, by several threads of which each has its own."""

from __future__ import annotations

from functools import partial

import numpy as np

from gantools.timing.kernels import Movement

_WORD_BYTES = 8


def on_cpu(device: str, working_bytes: int, threads: int) -> dict[str, Movement]:  # noqa: ARG001 - there is one
    """Copying, and reading alone: processors write at another rate, and weights are only read.

    Args:
        device: ``cpu``.
        working_bytes: Of all arrays of all threads together.
        threads: How many. numpy copies and sums up without holding the interpreter's lock.
    """
    words = max(2, working_bytes // threads // _WORD_BYTES)
    copies, reads = [], []
    for _ in range(threads):
        memory = np.ones(words, np.int64)
        half = words // 2
        copies.append(partial(np.copyto, memory[:half], memory[half : 2 * half]))
        reads.append(partial(np.bitwise_or.reduce, memory))
    return {
        "numpy.copyto": Movement(copies, words // 2 * 2 * _WORD_BYTES),
        "numpy.bitwise_or.reduce": Movement(reads, words * _WORD_BYTES),
    }
