"""Normal distributions of a few numbers, whose truncations are known, and walks on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gantools.models.classic.gaussian import Gaussian
from gantools.models.classic.walk import Walk, WalkOptions

Points = npt.NDArray[np.float64]
WIDE = 50.0


class Line:
    """A space of ``size`` numbers, shown as they are."""

    decoder: nn.Module | None = None

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, images: Tensor) -> Tensor:
        return images.reshape(len(images), -1)

    def decode(self, vectors: Tensor) -> Tensor:
        return vectors[:, None, None, :]


def gaussian_of(mean: Any, covariance: Any) -> Gaussian:
    """A distribution with these moments."""
    found = Gaussian(Line(len(mean)), len(mean), 1e-8)
    moment = torch.tensor(mean, dtype=torch.float64)
    found.count += 1
    found.total += moment
    found.products += torch.tensor(covariance, dtype=torch.float64) + torch.outer(moment, moment)
    return found.eval()


def walk_of(
    gaussian: Gaussian,
    rows: Any = (),
    *,
    steps: int,
    judge: Callable[[Tensor], Tensor] | None = None,
    **options: Any,
) -> Walk:
    """A walk under ``rows . values >= bound``."""
    chosen: dict[str, Any] = {"tries": 3, "kernel": "elliptical", "step_size": 0.7, "value_range": "truncate"} | options
    bounds = tuple(f"bound_{place}" for place in range(len(rows)))
    names = ("latent", "steps_noise", "uniforms", "low", "high", "radius", *bounds, *(["threshold"] if judge else []))
    return Walk(
        gaussian,
        WalkOptions(steps=steps, **chosen),
        torch.tensor(rows, dtype=torch.float32).reshape(-1, gaussian.space.size),
        torch.ones(len(rows)),
        names,
        bounds,
        Judge(judge) if judge else None,
    ).eval()


class Judge(nn.Module):
    """A discriminator that is a formula."""

    def __init__(self, formula: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, images: Tensor) -> Tensor:
        return self.formula(images.flatten(1))


def run(
    walk: Walk, chains: int, *, low: float = -WIDE, high: float = WIDE, radius: float = WIDE, **others: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Values (chains, size), accepted, mixing and violation (chains,) at the end of independent walks."""
    rng = torch.Generator().manual_seed(0)
    size, options = walk.gaussian.space.size, walk.options
    drawn = (
        torch.randn(chains, size, generator=rng),
        torch.randn(chains, options.steps, size, generator=rng),
        torch.rand(chains, options.steps, options.tries, generator=rng),
    )
    settings = {"low": low, "high": high, "radius": radius, **others}
    with torch.inference_mode():
        image, *figures = walk(*drawn, *(torch.full((chains,), settings[name]) for name in walk.inputs[3:]))
    return (image.flatten(1), *figures)


def assert_moments(values: Tensor, mean: Points, covariance: Points) -> None:
    """The moments of independent draws, to five standard errors: their number is the effective sample size."""
    found = values.double().numpy()
    centered = found - mean
    for got, expected in (
        (found, mean),
        (np.einsum("ni,nj->nij", centered, centered).reshape(len(found), -1), covariance.reshape(-1)),
    ):
        error = got.std(0) / np.sqrt(len(got))
        assert (np.abs(got.mean(0) - expected) < 5 * error).all(), (got.mean(0), expected, error)


def moments_of(mean: Any, covariance: Any, allowed: Callable[[Points], Any]) -> tuple[Points, Points]:
    """The mean and covariance of a normal distribution in the plane cut off to a set, by a sum over a fine grid."""
    axis = (np.arange(1600) + 0.5) / 1600 * 16 - 8
    white = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    points = np.asarray(mean) + white @ np.linalg.cholesky(np.asarray(covariance)).T
    weights = np.exp(-0.5 * np.square(white).sum(1)) * allowed(points)
    weights /= weights.sum()
    centre = weights @ points
    return centre, (points - centre).T @ ((points - centre) * weights[:, None])
