"""Frechet distance between Gaussians fitted to features.

Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", 2017, equation 6:
|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)). The estimate is biased upward by an amount that falls with the
number of images (Binkowski et al. 2018), so values compare only at equal counts. Only with the features of
``inception-v3-tf`` is it the FID of papers.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gantools.core.errors import MissingDependencyError
from gantools.core.optional import require
from gantools.metrics.metric import Doubles, Features, Groups, Metric, check_widths, checked

_WIDE = 256  # below, one thread is what the linear algebra takes by itself


@dataclass(frozen=True)
class Moments:
    """Mean (d,) and covariance (d, d) with n - 1 in its denominator, float64."""

    mean: Doubles
    covariance: Doubles

    @cached_property
    def root(self) -> Doubles:
        """The symmetric square root of the covariance; eigenvalues that rounding made negative count as 0."""
        with _one_thread(len(self.mean)):
            values, vectors = np.linalg.eigh(self.covariance)
        root: Doubles = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        return root


def statistics(features: Features) -> Moments:
    """Mean and covariance of features (n, d)."""
    x = checked(features)
    mean = x.mean(0)
    x -= mean
    return Moments(mean, x.T @ x / (len(x) - 1))


def distance(a: Moments, b: Moments) -> float:
    """The squared Frechet distance; symmetric, 0 for equal moments.

    The trace of (C_a C_b)^(1/2) is the sum of the singular values of C_a^(1/2) C_b^(1/2). That needs no root of a
    nearly singular product, hence no complex numbers and nothing added to the diagonal.
    """
    check_widths(len(a.mean), len(b.mean))
    shift = a.mean - b.mean
    product = a.root @ b.root
    with _one_thread(len(product)):
        overlap = np.linalg.svd(product, compute_uv=False).sum()
    return float(max(shift @ shift + np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * overlap, 0.0))


def leave_out(features: Features, groups: Groups, reference: Moments) -> tuple[float, Doubles]:
    """The distance, and the distances with each group left out.

    For the latter, the trace of the root is that of the matrix root of C_b^(1/2) C_a C_b^(1/2): with R the root of the
    reference's covariance and X the centred features, the singular values of X R, whose squares are the eigenvalues of
    the smaller of (X R)'(X R) and (X R)(X R)'. Their small ones lose half their digits, which an interval can bear.
    """
    a = statistics(features)
    value = distance(a, reference)
    x = features.astype(np.float64) - a.mean
    seen = x @ reference.root
    wide = len(x) < x.shape[1]
    whole = seen @ seen.T if wide else seen.T @ seen
    squares, variance_of_reference = np.einsum("ij,ij->i", x, x), np.trace(reference.covariance)
    values = []
    for group in groups:
        kept = len(x) - len(group)
        shift = -x[group].sum(0) / kept
        if wide:
            rows = np.setdiff1d(np.arange(len(x)), group)
            product = whole[np.ix_(rows, rows)]
            product = product - product.mean(0) - product.mean(1)[:, None] + product.mean()
        else:
            seen_shift = shift @ reference.root
            product = whole - seen[group].T @ seen[group] - kept * np.outer(seen_shift, seen_shift)
        with _one_thread(len(product)):
            roots = np.sqrt(np.maximum(np.linalg.eigvalsh(product / (kept - 1)), 0.0))
        variance = (squares.sum() - squares[group].sum() - kept * (shift @ shift)) / (kept - 1)
        apart = a.mean + shift - reference.mean
        values.append(apart @ apart + variance + variance_of_reference - 2.0 * roots.sum())
    return value, np.array(values)


def _one_thread(width: int) -> AbstractContextManager[object]:
    """Eigenvalues in one thread, where ``threadpoolctl`` is installed.

    They are hundreds of short steps with a barrier after each; on a busy machine, threads that wait for each other
    there have been seen to take forty times as long as one. A small matrix gets one thread anyway.
    """
    if width < _WIDE:
        return nullcontext()
    try:
        library = require("threadpoolctl", extra="features", why="to compute eigenvalues in one thread")
    except MissingDependencyError:
        return nullcontext()
    limits: AbstractContextManager[object] = library.threadpool_limits(1, "blas")
    return limits


FID = Metric(statistics, distance, leave_out, biased_by=("samples", "references"), bounds=(0.0, math.inf))
