"""Noise from seeds: sample k's noise depends on seed k alone, on any machine and in any language.

The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
Seed k is the 64-bit key, low word first; word w of stream s is word w mod 4 of the block at counter (w div 4, s, 0, 0).

The maps below use only +, -, *, /, square root and exponent extraction in IEEE double precision, each correctly rounded
everywhere, and no library logarithm or cosine, whose last digit differs between platforms. So the float32 results are
equal bit for bit wherever fused multiply-add is off:

    uniform(x) = (x + 1/2) / 2**32 in double, at most 1 - 2**-24, then float32
    normal(x)  = the inverse of the normal distribution function at (x + 1/2) / 2**32 (Wichura, "Algorithm AS 241",
                 Applied Statistics 37(3), 1988, PPND7: about as exact as float32), in double, then float32. Its far
                 tail (below exp(-25)) lies beyond 2**-33 and is never reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Seeds = Sequence[int] | npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)

# fmt: off
# AS 241's PPND7, highest power first: numerator and denominator of the centre, then of the tail; one row a power.
_AS241 = np.array([
    (59.109374720, 159.29113202, 50.434271938, 3.3871327179),
    (67.187563600, 78.757757664, 17.895169469, 1.0),
    (0.17023821103, 1.3067284816, 2.7568153900, 1.4234372777),
    (0.0, 0.12021132975, 0.73700164250, 1.0),
]).T.copy()
# log(1 + f) = f - (f*f/2 - s*(f*f/2 + R(s*s))), s = f/(2 + f): the first four coefficients of R in fdlibm's e_log.c,
# highest first. Relative error of the logarithm below 3e-9.
_LOG = (0.2222219843214978396, 0.2857142874366239149, 0.3999999999940941908, 0.6666666666666735130)
# fmt: on
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


def philox4x32(counter: Sequence[int], key: Sequence[int], lanes: int) -> npt.NDArray[np.uint64]:
    """Philox4x32-10 over ``lanes`` blocks at once.

    A Python integer serves as a vector of 64-bit lanes, one block each: a lane holds at most 32 bits before a product
    and 64 after it, so nothing ever carries into the next lane. For the few hundred lanes of a typical request this is
    several times faster than array operations, whose fixed cost would exceed that of a small generator.

    Args:
        counter: The four counter words, each an integer whose lanes are below 2**32.
        key: The two key words, likewise.
        lanes: Number of blocks.

    Returns:
        (lanes, 4) uint64, each value below 2**32.
    """
    ones = _ones(lanes)
    low = ones * 0xFFFFFFFF
    c0, c1, c2, c3 = counter
    k0, k1 = key
    step0, step1 = ones * _KEY_STEPS[0], ones * _KEY_STEPS[1]
    for _ in range(_ROUNDS):
        p0, p2 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (p2 >> 32 & low) ^ c1 ^ k0, p2 & low, (p0 >> 32 & low) ^ c3 ^ k1, p0 & low
        k0, k1 = k0 + step0 & low, k1 + step1 & low
    drawn = b"".join(word.to_bytes(8 * lanes, "little") for word in (c0, c1, c2, c3))
    return np.frombuffer(drawn, "<u8").reshape(4, lanes).T


def words(seeds: Seeds, stream: int, count: int) -> npt.NDArray[np.uint64]:
    """The first ``count`` 32-bit words of a stream for every seed.

    Args:
        seeds: Integers in [0, 2**64).
        stream: Stream number in [0, 2**32).
        count: Words for each seed.

    Returns:
        (len(seeds), count) uint64, each value below 2**32.
    """
    blocks = -(-count // 4)
    keys = [int(seed) for seed in seeds]
    lanes = blocks * len(keys)
    one_each, size = _ones(blocks), 8 * blocks
    key = (
        int.from_bytes(b"".join([((k & 0xFFFFFFFF) * one_each).to_bytes(size, "little") for k in keys]), "little"),
        int.from_bytes(b"".join([((k >> 32) * one_each).to_bytes(size, "little") for k in keys]), "little"),
    )
    drawn = philox4x32((_block_numbers(blocks, len(keys)), stream * _ones(lanes), 0, 0), key, lanes)
    return drawn.reshape(len(keys), 4 * blocks)[:, :count]


def uniforms(seeds: Seeds, stream: int, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """U(0, 1) noise, ends excluded: (len(seeds), *shape) float32, filled in C order within a seed."""
    drawn: Doubles = np.minimum((words(seeds, stream, prod(shape)) + 0.5) * 2.0**-32, 1.0 - 2.0**-24)
    return drawn.astype(np.float32).reshape(-1, *shape)


def normals(seeds: Seeds, stream: int, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """N(0, 1) noise: (len(seeds), *shape) float32, filled in C order within a seed. |value| < 6.34."""
    drawn = words(seeds, stream, prod(shape)).reshape(-1)
    probability = np.multiply(drawn + 0.5, 2.0**-32, dtype=np.float64)
    return normal_quantile(probability).astype(np.float32).reshape(-1, *shape)


def normal_quantile(probability: Doubles) -> Doubles:
    """AS 241's PPND7 for values in [2**-33, 1 - 2**-33], relative error below 1.2e-7.

    Both formulas are evaluated by one pass of Horner's rule with coefficients picked for each element: for the short
    arrays of a single sample the number of array operations is what costs.

    Args:
        probability: (n,) float64.

    Returns:
        (n,) float64, the standard normal quantiles.
    """
    q = probability - 0.5
    distance = np.abs(q)
    tail = distance > 0.425
    r = np.where(tail, np.sqrt(-_log(0.5 - distance)) - 1.6, 0.180625 - q * q)
    x = np.concatenate((r, r))
    rows = tail * 2
    coefficients = _AS241[:, np.concatenate((rows, rows + 1))]
    value = coefficients[0] * x
    for row in coefficients[1:-1]:
        value += row
        value *= x
    value += coefficients[-1]
    ratio = value[: q.size] / value[q.size :]
    quantile: Doubles = np.where(tail, np.copysign(ratio, q), ratio * q)
    return quantile


def _log(x: Doubles) -> Doubles:
    """Natural logarithm of positive normal numbers, from basic operations only."""
    mantissa, exponent = np.frexp(x)  # x = mantissa * 2**exponent, mantissa in [1/2, 1)
    low = mantissa < 0.7071067811865476
    f = mantissa * (low + 1.0) - 1.0
    k = exponent - low.astype(np.float64)
    s = f / (f + 2.0)
    z = s * s
    series = z * _LOG[0]
    for coefficient in _LOG[1:]:
        series += coefficient
        series *= z
    half = f * f * 0.5
    result: Doubles = k * _LN2_HIGH - ((half - (s * (half + series) + k * _LN2_LOW)) - f)
    return result


@lru_cache(maxsize=256)
def _ones(lanes: int) -> int:
    """A vector of ones."""
    return int.from_bytes(b"\1\0\0\0\0\0\0\0" * lanes, "little")


@lru_cache(maxsize=256)
def _block_numbers(blocks: int, repeats: int) -> int:
    """The vector 0, 1, ..., blocks - 1, ``repeats`` times."""
    return int.from_bytes(b"".join(number.to_bytes(8, "little") for number in range(blocks)) * repeats, "little")
