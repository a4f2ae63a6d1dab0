"""Noise from seeds: sample k's noise depends on seed k alone, on any machine and in any language.

The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
Seed k is the 64-bit key, low word first; word w of stream s is word w mod 4 of the block at counter (w div 4, s, 0, 0).

The maps below use only +, -, *, /, square root and exponent extraction in IEEE double precision, each correctly rounded
everywhere, and no library logarithm or cosine, whose last digit differs between platforms. So the float32 results are
equal bit for bit wherever fused multiply-add is off:

    uniform(x) = (x + 1/2) / 2**32 in double, at most 1 - 2**-24, then float32
    normal(x)  = Q((x + 1/2) / 2**32), where Q is the inverse of the normal distribution function, made linear between
                 the multiples of 2**-16: with i the upper and f the lower 16 bits of x,
                 Q(i / 2**16) + (f + 1/2) * ((Q((i + 1) / 2**16) - Q(i / 2**16)) / 2**16), in double, then float32.
                 For i = 0 and i = 2**16 - 1, where a line would reach infinity, it is Q itself.

Q is Wichura's PPND16 ("Algorithm AS 241", Applied Statistics 37(3), 1988); its far tail, below exp(-25), lies beyond
2**-33 and is never reached. The distribution function of normal(x) is the true one at every multiple of 2**-16, and
nowhere further from it than 2**-17. The table makes a draw several times faster than evaluating Q.
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
# AS 241, highest power first: numerator and denominator for the centre and for the tail.
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)
_TAIL = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)
# log(1 + f) = f - (f*f/2 - s*(f*f/2 + R(s*s))), s = f/(2 + f): coefficients of R in fdlibm's e_log.c, highest first.
_LOG = (
    0.1479819860511658591, 0.1531383769920937332, 0.1818357216161805012, 0.2222219843214978396,
    0.2857142874366239149, 0.3999999999940941908, 0.6666666666666735130,
)
# fmt: on
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_CELLS = 2**16  # of the table


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
    return _normal(words(seeds, stream, prod(shape)).reshape(-1)).reshape(-1, *shape)


def _normal(drawn: npt.NDArray[np.uint64]) -> npt.NDArray[np.float32]:
    """The map of the module's docstring for (n,) words."""
    start, slope = _table()
    cell = (drawn >> 16).astype(np.intp)
    value = start[cell] + ((drawn & 0xFFFF) + 0.5) * slope[cell]
    if np.isnan(value.sum()):  # cheaper than looking at every value, and rarely true
        outer = np.nonzero(np.isnan(value))[0]
        value[outer] = normal_quantile(np.multiply(drawn[outer] + 0.5, 2.0**-32, dtype=np.float64))
    result: npt.NDArray[np.float32] = value.astype(np.float32)
    return result


@lru_cache(maxsize=1)
def _table() -> tuple[Doubles, Doubles]:
    """Q at the lower end of every cell, and its slope inside; not a number in the two cells that reach infinity."""
    knots = np.empty(_CELLS + 1)
    knots[1:-1] = normal_quantile(np.arange(1, _CELLS, dtype=np.float64) / _CELLS)
    knots[0] = knots[-1] = np.nan
    return knots[:-1], np.diff(knots) * 2.0**-16


def normal_quantile(probability: Doubles) -> Doubles:
    """AS 241's PPND16: (n,) float64 in [2**-33, 1 - 2**-33] -> (n,) float64, the standard normal quantiles."""
    q = probability - 0.5
    quantile: Doubles = q * _ratio(_CENTRE, 0.180625 - q * q)
    tail = np.nonzero(np.abs(q) > 0.425)[0]
    r = np.sqrt(-_log(0.5 - np.abs(q[tail])))
    quantile[tail] = np.copysign(_ratio(_TAIL, r - 1.6), q[tail])
    return quantile


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Doubles) -> Doubles:
    """Numerator over denominator, each by Horner's rule."""
    above, below = (_horner(row, x) for row in coefficients)
    return above / below


def _horner(coefficients: tuple[float, ...], x: Doubles) -> Doubles:
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def _log(x: Doubles) -> Doubles:
    """Natural logarithm of positive normal numbers, from basic operations only."""
    mantissa, exponent = np.frexp(x)  # x = mantissa * 2**exponent, mantissa in [1/2, 1)
    low = mantissa < 0.7071067811865476
    f = np.where(low, 2.0 * mantissa, mantissa) - 1.0
    k = exponent - low.astype(np.float64)
    s = f / (f + 2.0)
    z = s * s
    half = 0.5 * f * f
    result: Doubles = k * _LN2_HIGH - ((half - (s * (half + z * _horner(_LOG, z)) + k * _LN2_LOW)) - f)
    return result


@lru_cache(maxsize=256)
def _ones(lanes: int) -> int:
    """A vector of ones."""
    return int.from_bytes(b"\1\0\0\0\0\0\0\0" * lanes, "little")


@lru_cache(maxsize=256)
def _block_numbers(blocks: int, repeats: int) -> int:
    """The vector 0, 1, ..., blocks - 1, ``repeats`` times."""
    return int.from_bytes(b"".join(number.to_bytes(8, "little") for number in range(blocks)) * repeats, "little")
