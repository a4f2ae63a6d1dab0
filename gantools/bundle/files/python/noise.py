"""Noise from seeds: the same numbers, bit for bit, in Python, JavaScript and C++. Needs NumPy alone.

Words come from Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011). The
64-bit seed is the key, low word first; word w of stream s is word w mod 4 of the block at counter (w div 4, s, 0, 0).
The maps use only operations that IEEE 754 rounds correctly: no library logarithm, no cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

# fmt: off
# Wichura's PPND16 (Algorithm AS 241, 1988), highest power first: above and below the line, centre and tail.
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
# Of log(1 + f) = f - (f*f/2 - s*(f*f/2 + R(s*s))), s = f/(2 + f): the coefficients of R, highest first.
_LOG = (
    0.1479819860511658591, 0.1531383769920937332, 0.1818357216161805012, 0.2222219843214978396,
    0.2857142874366239149, 0.3999999999940941908, 0.6666666666666735130,
)
# fmt: on
_CELLS = 2**16


def words(seeds: Sequence[int], stream: int, count: int) -> Words:
    """The first ``count`` 32-bit words of a stream for each seed in [0, 2**64): (len(seeds), count) uint64."""
    blocks = -(-count // 4)
    low = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    keys = np.array([int(seed) for seed in seeds], np.uint64)[:, None]
    shape = (len(keys), blocks)
    c0 = np.broadcast_to(np.arange(blocks, dtype=np.uint64), shape)
    c1 = np.full(shape, stream, np.uint64)
    c2 = c3 = np.zeros(shape, np.uint64)
    k0, k1 = keys & low, keys >> half
    for _ in range(10):
        p0, p2 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p2 >> half) ^ c1 ^ k0, p2 & low, (p0 >> half) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return np.stack([c0, c1, c2, c3], axis=2).reshape(len(keys), 4 * blocks)[:, :count]


def uniforms(seeds: Sequence[int], stream: int, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """U(0, 1), ends excluded: (len(seeds), *shape) float32."""
    drawn = np.minimum((words(seeds, stream, prod(shape)) + 0.5) * 2.0**-32, 1.0 - 2.0**-24)
    result: npt.NDArray[np.float32] = drawn.astype(np.float32).reshape(-1, *shape)
    return result


def normals(seeds: Sequence[int], stream: int, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """N(0, 1): (len(seeds), *shape) float32. The inverse distribution function, linear between multiples of 2**-16."""
    drawn = words(seeds, stream, prod(shape)).reshape(-1)
    start, slope = _table()
    cell = (drawn >> np.uint64(16)).astype(np.intp)
    value = start[cell] + ((drawn & np.uint64(0xFFFF)) + 0.5) * slope[cell]
    outer = np.flatnonzero(np.isnan(value))
    value[outer] = _quantile(np.multiply(drawn[outer] + 0.5, 2.0**-32, dtype=np.float64))
    result: npt.NDArray[np.float32] = value.astype(np.float32).reshape(-1, *shape)
    return result


def categories(seeds: Sequence[int], stream: int, shape: tuple[int, ...], count: int) -> npt.NDArray[np.int64]:
    """One of 0 .. count - 1, all equally likely: (len(seeds), *shape) int64."""
    index = (uniforms(seeds, stream, shape) * np.float32(count)).astype(np.int64)
    return np.minimum(index, count - 1)


@lru_cache(maxsize=1)
def _table() -> tuple[Doubles, Doubles]:
    """The quantile at the lower end of every cell and its slope; not a number in the two cells that reach infinity."""
    knots = np.full(_CELLS + 1, np.nan)
    knots[1:-1] = _quantile(np.arange(1, _CELLS, dtype=np.float64) / _CELLS)
    return knots[:-1], np.diff(knots) * 2.0**-16


def _quantile(probability: Doubles) -> Doubles:
    q = probability - 0.5
    value: Doubles = q * _ratio(_CENTRE, 0.180625 - q * q)
    tail = np.flatnonzero(np.abs(q) > 0.425)
    r = np.sqrt(-_log(0.5 - np.abs(q[tail])))
    value[tail] = np.copysign(_ratio(_TAIL, r - 1.6), q[tail])
    return value


def _ratio(rows: tuple[tuple[float, ...], tuple[float, ...]], x: Doubles) -> Doubles:
    return _horner(rows[0], x) / _horner(rows[1], x)


def _horner(coefficients: tuple[float, ...], x: Doubles) -> Doubles:
    value: Any = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value  # type: ignore[no-any-return]


def _log(x: Doubles) -> Doubles:
    mantissa, exponent = np.frexp(x)
    below = mantissa < 0.7071067811865476
    f = np.where(below, 2.0 * mantissa, mantissa) - 1.0
    k = exponent - below.astype(np.float64)
    s = f / (f + 2.0)
    z = s * s
    half = 0.5 * f * f
    value: Doubles = k * 6.93147180369123816490e-01 - (
        (half - (s * (half + z * _horner(_LOG, z)) + k * 1.90821492927058770002e-10)) - f
    )
    return value
