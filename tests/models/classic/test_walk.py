"""The walk against truncated normal distributions whose moments are known.

Each chain gives one draw, so the draws are independent and tolerances are plain standard errors.
"""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats  # type: ignore[import-untyped]
from torch import Tensor

from gantools.models.classic.ellipse import Arc
from tests.models.classic.conftest import assert_moments, gaussian_of, moments_of, run, walk_of

CHAINS = 8_000
KERNELS = ("elliptical", "pcn")
MEAN, COVARIANCE = (0.2, -0.1), ((0.5, 0.35), (0.35, 0.4))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.5, 2.0), (-0.3, 0.1)])
def test_one_value_in_a_range_has_the_truncated_normals_moments(kernel: Any, low: float, high: float) -> None:
    walk = walk_of(gaussian_of([0.2], [[0.49]]), steps=60, kernel=kernel)
    values, accepted, _, violation = run(walk, CHAINS, low=low, high=high)
    known = stats.truncnorm((low - 0.2) / 0.7, (high - 0.2) / 0.7, 0.2, 0.7)
    assert_moments(values, np.array([known.mean()]), np.array([[known.var()]]))
    assert stats.kstest(values[:, 0].numpy(), known.cdf).pvalue > 1e-4
    assert violation.max() == 0
    assert (accepted == 1).all() if kernel == "elliptical" else 0.1 < accepted.mean() < 0.99


@pytest.mark.parametrize("kernel", KERNELS)
def test_two_values_in_a_range_have_the_moments_of_an_integral(kernel: Any) -> None:
    values, _, _, violation = run(
        walk_of(gaussian_of(MEAN, COVARIANCE), steps=80, kernel=kernel), CHAINS, low=-0.6, high=0.7
    )
    assert_moments(values, *moments_of(MEAN, COVARIANCE, lambda x: (np.abs(x - 0.05) <= 0.65).all(1)))
    assert violation.max() == 0


@pytest.mark.parametrize("value_range", ["truncate", "clip"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_linear_constraints_have_the_moments_of_an_integral(kernel: Any, value_range: Any) -> None:
    """Where clipping never happens both kinds of range are one distribution, by two ways."""
    rows = [[1.0, 1.0], [1.0, -2.0]]
    walk = walk_of(gaussian_of(MEAN, COVARIANCE), rows, steps=80, kernel=kernel, value_range=value_range)
    values, accepted, mixing, violation = run(walk, CHAINS, bound_0=0.6, bound_1=-0.2)
    expected = moments_of(MEAN, COVARIANCE, lambda x: (x.sum(1) >= 0.6) & (x @ np.array([1.0, -2.0]) >= -0.2))
    assert_moments(values, *expected)
    assert violation.max() == 0
    assert 0.3 < accepted.mean() <= 1
    assert mixing.mean() > 0.03


def test_constraints_on_clipped_values_have_the_moments_of_an_integral() -> None:
    walk = walk_of(gaussian_of(MEAN, COVARIANCE), [[1.0, 1.0]], steps=80, value_range="clip")
    values, _, _, violation = run(walk, CHAINS, low=-0.3, high=0.5, bound_0=0.55)
    free = moments_of(MEAN, COVARIANCE, lambda x: np.clip(x, -0.3, 0.5).sum(1) >= 0.55)[0]
    assert violation.max() == 0
    assert (values.sum(1) >= 0.55).all()
    # What is returned is clipped, so the mean of the clipped values is compared, over the same set.
    axis = np.random.default_rng(0).multivariate_normal(MEAN, COVARIANCE, 400_000)
    kept = np.clip(axis, -0.3, 0.5)[np.clip(axis, -0.3, 0.5).sum(1) >= 0.55]
    error = values.std(0).numpy() * np.sqrt(1 / CHAINS + 1 / len(kept))
    assert (np.abs(values.mean(0).numpy() - kept.mean(0)) < 5 * error).all()
    assert (free > kept.mean(0)).all()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [1, 2, 12])
def test_the_ball_of_a_least_likelihood_has_the_truncated_chis_moments(kernel: Any, size: int) -> None:
    gaussian = gaussian_of([0.0] * size, np.eye(size).tolist())
    values, _, _, violation = run(walk_of(gaussian, steps=80, kernel=kernel, step_size=0.5), CHAINS, radius=0.9)
    limit = 0.9 * np.sqrt(size)
    distance = values.double().square().sum(1)
    # E[chi^2; chi < r] = n F_{n+2}(r^2) for n degrees of freedom.
    expected = size * stats.chi2.cdf(limit**2, size + 2) / stats.chi2.cdf(limit**2, size)
    assert abs(float(distance.mean()) - expected) < 5 * float(distance.std()) / CHAINS**0.5
    assert distance.sqrt().max() <= limit
    assert violation.max() == 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_threshold_has_the_moments_of_an_integral(kernel: Any) -> None:
    """Of a set that is not convex, and in which a ring around the mean is missing."""

    def logit(x: Any) -> Any:
        return ((x - 0.4) ** 2).sum(-1) - x[..., 0]

    def judge(values: Tensor) -> Tensor:
        return logit(values)  # type: ignore[no-any-return]

    walk = walk_of(gaussian_of(MEAN, COVARIANCE), steps=150, kernel=kernel, judge=judge, tries=3)
    values, accepted, _, violation = run(walk, CHAINS, threshold=0.1)
    assert_moments(values, *moments_of(MEAN, COVARIANCE, lambda x: logit(x) >= 0.1))
    assert violation.max() == 0
    assert logit(values).min() >= 0.1
    assert 0.2 < accepted.mean() < 1


def test_all_kinds_together_have_the_moments_of_an_integral() -> None:
    walk = walk_of(gaussian_of(MEAN, COVARIANCE), [[1.0, 0.5]], steps=120)
    values, accepted, _, violation = run(walk, CHAINS, low=-0.8, high=0.9, radius=1.1, bound_0=-0.1)
    inverse = np.linalg.inv(np.array(COVARIANCE))

    def allowed(x: Any) -> Any:
        near = np.einsum("ni,ij,nj->n", x - MEAN, inverse, x - MEAN) <= 2 * 1.1**2
        return near & (np.abs(x - 0.05) <= 0.85).all(1) & (x @ np.array([1.0, 0.5]) >= -0.1)

    assert_moments(values, *moments_of(MEAN, COVARIANCE, allowed))
    assert violation.max() == 0
    assert (accepted == 1).all()


def test_a_start_that_violates_everything_is_corrected() -> None:
    """The mean is outside of the range and of the constraint, three standard deviations away."""
    mean, covariance = [-2.0, -2.0, 0.0], np.diag([0.3, 0.3, 0.3]).tolist()
    walk = walk_of(gaussian_of(mean, covariance), [[1.0, 1.0, 0.0]], steps=12)
    values, _, _, violation = run(walk, 1000, low=-0.6, high=1.0, bound_0=-0.5)
    assert violation.max() == 0
    assert (values[:, :2].sum(1) >= -0.5).all()
    assert values.min() >= -0.6
    assert (values.std(0) > 0.01).all()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("value_range", ["truncate", "clip"])
def test_what_cannot_be_met_is_reported(kernel: Any, value_range: Any) -> None:
    walk = walk_of(
        gaussian_of(MEAN, COVARIANCE), [[1.0, 1.0], [-1.0, -1.0]], steps=20, kernel=kernel, value_range=value_range
    )
    values, _, _, violation = run(walk, 100, bound_0=0.5, bound_1=0.5)
    assert values.isfinite().all()
    assert violation.min() >= 0.49, "one of both is off by at least a half"
    assert (run(walk, 100, low=0.5, high=0.2, bound_0=-9.0, bound_1=-9.0)[3] >= 0.29).all()


def test_without_constraints_the_walk_is_a_draw_of_the_distribution() -> None:
    values, accepted, mixing, violation = run(walk_of(gaussian_of(MEAN, COVARIANCE), steps=2), CHAINS)
    assert_moments(values, np.array(MEAN), np.array(COVARIANCE))
    assert (accepted == 1).all()
    assert abs(float(mixing.mean()) - 0.5) < 0.01
    assert not violation.any()
    assert torch.equal(
        run(walk_of(gaussian_of(MEAN, COVARIANCE), steps=2), 7)[0].std(0) > 0, torch.tensor([True, True])
    )


def test_shrinking_leaves_exact_draws_as_they_are_distributed() -> None:
    """Of what is beyond 1 on one side only, where most angles are refused, half a million draws show a bias of 1 %."""
    chains, known = 500_000, stats.truncnorm(1.0, np.inf)
    rng = torch.Generator().manual_seed(1)
    start = torch.from_numpy(known.ppf(torch.rand(chains, 1, generator=rng, dtype=torch.float64).numpy())).float()
    walk = walk_of(gaussian_of([0.0], [[1.0]]), steps=3, tries=4, judge=lambda values: values[:, 0])
    drawn = (start, torch.randn(chains, 3, 1, generator=rng), torch.rand(chains, 3, 4, generator=rng))
    settings = {"low": -50.0, "high": 50.0, "radius": 50.0, "threshold": 1.0}
    with torch.inference_mode():
        image, accepted, _, violation = walk(*drawn, *(torch.full((chains,), settings[name]) for name in walk.settings))
    assert violation.max() < 1e-3
    assert 0.5 < accepted.mean() < 0.99
    assert_moments(image.flatten(1), np.array([known.mean()]), np.array([[known.var()]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_circle_that_nothing_narrows_is_whole_in_sixteen_bits_too(dtype: torch.dtype) -> None:
    """Else a rounded bound would cut it open elsewhere, and the seed would be another sample."""
    uniform = torch.tensor([0.1, 0.4, 0.9], dtype=dtype)
    arc = far(uniform)
    angle = arc.first(uniform).float()
    assert torch.allclose(angle, 2 * torch.pi * uniform.float(), rtol=0.01)
    narrowed = far(uniform)
    narrowed.linear(torch.full((3, 1), 0.5, dtype=dtype), torch.full((3, 1), -1.5, dtype=dtype), uniform[:, None] * 0)
    assert torch.allclose(narrowed.upper.float(), torch.full((3,), torch.pi / 3), rtol=0.01)
    assert torch.allclose(narrowed.lower.float(), torch.full((3,), -torch.pi / 3), rtol=0.01)


def far(like: Tensor) -> Arc:
    """An arc after inequalities that hold everywhere."""
    arc, ones = Arc(like), torch.ones_like(like)
    arc.linear(2 * ones[:, None], 2 * ones[:, None], 0.5 * ones[:, None])
    arc.ball(9 * ones, ones, ones, 0 * ones)
    return arc
