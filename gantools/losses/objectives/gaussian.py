"""Fitting a normal distribution to images by maximum likelihood, and training a discriminator to tell its draws apart.

The normal distribution of greatest likelihood has the moments of the data, so nothing is descended: every batch adds to
sums, which are all that the fit depends on. One pass over the data is enough, and further ones change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, Protocol, runtime_checkable

import torch
from pydantic import Field
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.core.spec import Frozen
from gantools.losses.adversarial import HINGE, Game, nonsaturating_game
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase


@runtime_checkable
class Fitted(Protocol):
    """A generator that is fitted to sums over images."""

    def observe(self, images: Tensor) -> None:
        """Add (batch, channels, height, width) float32 in [-1, 1], NCHW, to the sums."""
        ...

    def fit(self) -> None:
        """Become the distribution of greatest likelihood for all that was observed."""
        ...

    def log_likelihood(self, images: Tensor) -> Tensor:
        """Log-likelihood in nats, averaged over the values of an image: images -> (batch,) float32."""
        ...


class GaussianConfig(Frozen):
    """Options of ``gaussian``.

    Attributes:
        fit_every: Steps between two fits while it trains: of the last one are the reported likelihood and what a
            discriminator sees. A generator that is used is always fitted to everything it has seen.
    """

    fit_every: int = Field(default=50, ge=1)


class JudgedGaussianConfig(GaussianConfig):
    """Options of ``gaussian_judged``.

    Attributes:
        game: The discriminator's loss.
    """

    game: Literal["nonsaturating", "hinge"] = "nonsaturating"


class GaussianFit(Objective):
    """Net ``"N"``, which is ``Fitted``; and with a game ``"D"``, against draws of the last fit. Phases: fit [, D].

    Args:
        config: Its options.
        game: What ``"D"`` is trained on; none: there is no such phase.
    """

    state: Mapping[str, Tensor] = {}

    def __init__(self, config: GaussianConfig, game: Game | None = None) -> None:
        self.config, self.game = config, game
        self.phases = (Phase("fit", updates=()), *([Phase("D", updates=("D",))] if game else []))

    def parts(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:  # noqa: ARG002
        """The loss of a phase; see ``Objective``. The likelihood is of images that the fit has not seen yet."""
        generator = _fitted(nets["N"])
        if phase.name == "D":
            yield from self._discriminator(nets, batch)
            return
        with torch.no_grad():
            likelihood = generator.log_likelihood(batch.real).mean()
            generator.observe(batch.real)
            if (batch.step + 1) % self.config.fit_every == 0:
                generator.fit()
        yield Loss(None, {"N.log_likelihood": likelihood})

    def check(self, nets: Nets) -> None:
        """Refuse a generator that has no sums."""
        _fitted(nets["N"])

    def _discriminator(self, nets: Nets, batch: Batch) -> Iterator[Loss]:
        assert self.game is not None
        of_real = nets["D"](batch.real)
        real = self.game.real(of_real)
        yield Loss(real, {"D.real": real.detach()})
        with torch.no_grad():
            draws = nets["N"](batch.noise["latent"])
        of_fake = nets["D"](draws)
        fake = self.game.fake(of_fake)
        with torch.no_grad():
            accuracy = ((of_real > 0).float().mean() + (of_fake < 0).float().mean()) / 2
        yield Loss(fake, {"D.fake": fake.detach(), "D.accuracy": accuracy})


def _fitted(generator: nn.Module) -> Fitted:
    if not isinstance(generator, Fitted):
        raise RecipeError(
            f"the objectives 'gaussian' and 'gaussian_judged' fit sums over images, and the generator "
            f"{type(generator).__name__} of the model keeps none.",
            hint="set model.name=nmg, or objective.name=nonsaturating",
        )
    return generator


def _judged(config: JudgedGaussianConfig) -> GaussianFit:
    return GaussianFit(config, HINGE if config.game == "hinge" else nonsaturating_game(0.0))


gaussian = ObjectiveRow(GaussianConfig, GaussianFit, nets=("N",))
gaussian_judged = ObjectiveRow(JudgedGaussianConfig, _judged, nets=("N", "D"))
