import numpy as np
import pytest
import torch

from gantools.models.classic.gaussian import Gaussian, PixelSpace

SIZE = 3 * 4**2


def images(count: int) -> torch.Tensor:
    """Values that depend on each other and lie off the middle."""
    rng = torch.Generator().manual_seed(0)
    mixed = torch.randn(count, 6, generator=rng) @ torch.randn(6, SIZE, generator=rng) * 0.2
    rows = mixed + 0.05 * torch.randn(count, SIZE, generator=rng) + 0.3
    return rows.clamp(-1, 1).reshape(count, 3, 4, 4)


def fitted(data: torch.Tensor, rank: int = SIZE, parts: int = 1, floor: float = 1e-4) -> Gaussian:
    gaussian = Gaussian(PixelSpace(4, 3), rank, floor)
    for part in data.chunk(parts):
        gaussian.observe(part)
    return gaussian.eval()


def covariance_of(gaussian: Gaussian) -> np.ndarray:
    root = gaussian.colour(torch.eye(SIZE)).double().numpy()
    return root.T @ root  # type: ignore[no-any-return]


def test_a_full_fit_has_the_moments_of_the_data() -> None:
    data = images(500)
    gaussian, rows = fitted(data), data.flatten(1).double().numpy()
    assert np.abs(gaussian.mean.numpy() - rows.mean(0)).max() < 1e-6
    assert np.abs(covariance_of(gaussian) - np.cov(rows.T, bias=True) - 1e-4 * np.eye(SIZE)).max() < 1e-5


def test_a_fit_of_low_rank_keeps_the_leading_directions_and_every_variance() -> None:
    data = images(500)
    expected = np.cov(data.flatten(1).double().numpy().T, bias=True)
    found = covariance_of(gaussian := fitted(data, rank=6))
    values, vectors = np.linalg.eigh(expected)
    leading = vectors[:, -6:] * values[-6:] @ vectors[:, -6:].T
    assert np.abs(np.diag(found) - np.diag(expected)).max() < 1e-6
    beside = found - leading
    assert np.abs(beside - np.diag(np.diag(beside))).max() < 1e-5
    assert np.abs(gaussian.deviation().numpy() - np.diag(expected) ** 0.5).max() < 1e-6


def test_many_batches_are_as_good_as_one_and_an_epoch_more_changes_nothing() -> None:
    data = images(480)
    whole, parts, twice = fitted(data, 6), fitted(data, 6, parts=30), fitted(torch.cat([data, data]), 6)
    for other in (parts, twice):
        assert np.abs(covariance_of(whole) - covariance_of(other)).max() < 1e-6
        assert (whole.mean - other.mean).abs().max() < 1e-7


@pytest.mark.parametrize("rank", [6, SIZE])
def test_whitening_undoes_colouring_and_gives_the_likelihood(rank: int) -> None:
    gaussian = fitted(images(500), rank)
    white = torch.randn(20, SIZE)
    coloured = gaussian.colour(white)
    assert (gaussian.whiten(coloured) - white).abs().max() < 1e-3
    rows = torch.randn(3, SIZE)
    assert torch.allclose(coloured @ rows.T, white @ gaussian.pull(rows).T, atol=1e-4)
    covariance = torch.from_numpy(covariance_of(gaussian))
    known = torch.distributions.MultivariateNormal(gaussian.mean.double(), covariance)
    vectors = gaussian.mean + 0.3 * coloured
    found = gaussian.log_likelihood(vectors.reshape(-1, 3, 4, 4))
    expected = known.log_prob(vectors.double()) / SIZE  # type: ignore[no-untyped-call]
    assert torch.allclose(found.double(), expected, atol=1e-3)


def test_fresh_draws_have_the_moments_and_unused_images_the_same_likelihood() -> None:
    data = images(4000)
    gaussian = fitted(data[:2000], 6)
    draws = (gaussian.mean + gaussian.colour(torch.randn(40_000, SIZE))).double()
    expected = data[:2000].flatten(1).double()
    error = expected.std(0) / 40_000**0.5
    assert ((draws.mean(0) - expected.mean(0)).abs() < 5 * error).all()
    assert ((draws.var(0) / expected.var(0) - 1).abs() < 5 * (2 / 40_000) ** 0.5).all()
    seen, unseen = (gaussian.log_likelihood(part).mean() for part in data.chunk(2))
    assert abs(float(seen - unseen)) < 0.1


def test_constant_pixels_stay_almost_constant() -> None:
    data = images(100)
    data[:, :, 0, 0] = -1.0
    found = fitted(data, 6)(torch.randn(200, SIZE))
    assert found[:, :, 0, 0].max() < -0.94
    assert found.isfinite().all()


def test_it_fits_itself_when_it_is_used_but_not_while_it_trains() -> None:
    gaussian = Gaussian(PixelSpace(4, 3), 6, 1e-4)
    gaussian.observe(images(50))
    assert not gaussian.mean.any()
    gaussian.eval()
    assert gaussian.mean.any()
    gaussian.observe(images(100)[50:])
    before = gaussian.mean.clone()
    gaussian(torch.zeros(1, SIZE))
    assert not torch.equal(before, gaussian.mean)
    assert gaussian.fitted == gaussian.count == 100
