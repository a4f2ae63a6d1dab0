"""Frechet distance between Gaussians fitted to features.

Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", 2017, equation 6:
|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)). The estimate is biased upward by an amount that falls with the
number of images (Binkowski et al. 2018), so values compare only at equal counts. Without Inception features it is not
comparable with figures from papers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gantools.metrics.metric import Doubles, Features, Groups, Metric, check_widths, checked


@dataclass(frozen=True)
class Moments:
    """Mean (d,) and covariance (d, d) with n - 1 in its denominator, float64."""

    mean: Doubles
    covariance: Doubles


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
    overlap = np.linalg.svd(_root(a.covariance) @ _root(b.covariance), compute_uv=False).sum()
    return float(max(shift @ shift + np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * overlap, 0.0))


def deleted(features: Features, groups: Groups, reference: Moments) -> Doubles:
    """The distance with each group left out: its sums are taken off the sums over all."""
    x = checked(features)
    mean = x.mean(0)
    x -= mean
    products = x.T @ x
    values = []
    for group in groups:
        gone, kept = x[group], len(x) - len(group)
        shift = -gone.sum(0) / kept
        covariance = (products - gone.T @ gone - kept * np.outer(shift, shift)) / (kept - 1)
        values.append(distance(Moments(mean + shift, covariance), reference))
    return np.array(values)


def _root(covariance: Doubles) -> Doubles:
    """The symmetric square root; eigenvalues that rounding made negative count as 0."""
    values, vectors = np.linalg.eigh(covariance)
    root: Doubles = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


FID = Metric(statistics, distance, deleted, unbiased=False)
