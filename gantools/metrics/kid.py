"""Kernel distance between feature sets: the squared maximum mean discrepancy.

Binkowski et al., "Demystifying MMD GANs", 2018, section 4: the cubic kernel k(x, y) = (x . y / d + 1)^3 and the
unbiased estimate (Gretton et al., "A kernel two-sample test", 2012, lemma 6), here over all pairs instead of the mean
over random blocks: no block size to agree on, and smaller variance. Unbiased means that equal distributions give values
around 0, many of them negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gantools.metrics.metric import Doubles, Features, Groups, Metric, check_widths, checked

_BLOCK = 1024  # rows and columns of the kernel matrix held at once: 8 MiB


@dataclass(frozen=True)
class KernelStatistics:
    """Features (n, d) float64 and, for each row, the sum of its kernel values with all other rows, (n,) float64."""

    features: Doubles
    sums: Doubles


def statistics(features: Features) -> KernelStatistics:
    """Kernel sums within one set of features (n, d)."""
    x = checked(features)
    return KernelStatistics(x, _sums(x, x) - _kernel_of_itself(x))


def distance(a: KernelStatistics, b: KernelStatistics) -> float:
    """The unbiased squared maximum mean discrepancy; symmetric."""
    check_widths(a.features.shape[1], b.features.shape[1])
    n, m = len(a.features), len(b.features)
    return _mmd(a.sums.sum(), _sums(a.features, b.features).sum(), n, b.sums.sum(), m)


def leave_out(features: Features, groups: Groups, reference: KernelStatistics) -> tuple[float, Doubles]:
    """The distance, and the distances with each group left out: its rows are taken off the kernel sums over all."""
    a = statistics(features)
    check_widths(a.features.shape[1], reference.features.shape[1])
    across = _sums(a.features, reference.features)
    n, m = len(a.features), len(reference.features)
    within, between, of_reference = a.sums.sum(), across.sum(), reference.sums.sum()
    values = []
    for group in groups:
        gone = a.features[group]
        inside = _sums(gone, gone).sum() - _kernel_of_itself(gone).sum()
        # A pair is lost when either end is: twice the group's sums, in which the pairs inside it count twice.
        kept = within - 2.0 * a.sums[group].sum() + inside
        values.append(_mmd(kept, between - across[group].sum(), n - len(group), of_reference, m))
    return _mmd(within, between, n, of_reference, m), np.array(values)


def _mmd(within_a: float, between: float, n: int, within_b: float, m: int) -> float:
    """The estimate from sums over ordered pairs of different rows, and over all pairs between the sets."""
    return float(within_a / (n * (n - 1)) + within_b / (m * (m - 1)) - 2.0 * between / (n * m))


def _sums(x: Doubles, y: Doubles) -> Doubles:
    """For each row of x (n, d), the sum of its kernel values with all rows of y (m, d): (n,)."""
    sums = np.zeros(len(x))
    scaled = x / x.shape[1]
    for row in range(0, len(x), _BLOCK):
        rows = slice(row, row + _BLOCK)
        for column in range(0, len(y), _BLOCK):
            base = scaled[rows] @ y[column : column + _BLOCK].T
            base += 1.0
            sums[rows] += np.einsum("ij,ij,ij->i", base, base, base)
    return sums


def _kernel_of_itself(x: Doubles) -> Doubles:
    """k(x_i, x_i) for each row: (n,)."""
    values: Doubles = (np.einsum("ij,ij->i", x, x) / x.shape[1] + 1.0) ** 3
    return values


KID = Metric(statistics, distance, leave_out, biased_by=())
