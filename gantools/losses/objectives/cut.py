"""Translation learned without pairs, one way: CUT.

Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020. A place of the image that comes
out shall be more like the same place of the image that went in than like other places of it, as the translator's own
encoder sees both.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.core.spec import Frozen
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase
from gantools.losses.objectives.translation import (
    GameName,
    game_of,
    given_of,
    judged_apart,
    refuse_conditional,
    refuse_films,
    verdict,
)


class CUTConfig(Frozen):
    """Options of ``cut``.

    Attributes:
        game: See ``gantools.losses.objectives.translation.game_of``.
        nce_weight: Of the contrast between the image given and what becomes of it (lambda_X of equation 4). Published:
            1, and 10 for FastCUT, which has no ``identity_weight``.
        identity_weight: Of the contrast between an image that is already of the kind that comes out and what becomes of
            it (lambda_Y there). 0: none.
        places: Of each map that are compared with each other.
        temperature: Tau of equation 2.
    """

    game: GameName = "least_squares"
    nce_weight: float = Field(default=1.0, gt=0)
    identity_weight: float = Field(default=1.0, ge=0)
    places: int = Field(default=256, ge=2)
    temperature: float = Field(default=0.07, gt=0)


class CUT(Objective):
    """Nets ``"G"``, which has ``features``, its judge ``"D"``, and the head ``"H"``.

    Phases: D, and G, which updates the head too.

    Args:
        config: Its options.
    """

    def __init__(self, config: CUTConfig) -> None:
        self.config, self.game = config, game_of(config.game)
        self.state = {}
        self.phases = (Phase("D", updates=("D",)), Phase("G", updates=("G", "H")))

    def parts(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        """The loss of a phase, in parts; see ``Objective``."""
        given = given_of(batch, "cut")

        def make() -> Tensor:
            with torch.set_grad_enabled(not batch.due or "G" in batch.due):
                made: Tensor = nets["G"](given)
            return made

        fake = batch.once("fake", make)
        if phase.name == "D":
            yield from judged_apart(self.game, nets["D"], "D", real=batch.real, fake=fake)
            return
        fooling = self.game.generator(verdict(nets["D"], fake, None))
        contrast = self._contrast(nets, fake, given, rng)
        yield Loss(
            fooling + self.config.nce_weight * contrast, {"G.fake": fooling.detach(), "G.nce": contrast.detach()}
        )
        if self.config.identity_weight:
            contrast = self._contrast(nets, nets["G"](batch.real), batch.real, rng)
            yield Loss(self.config.identity_weight * contrast, {"G.identity": contrast.detach()})

    def check_frames(self, frames: int) -> None:
        """Refuse films."""
        refuse_films(frames, "cut")

    def check(self, nets: Nets) -> None:
        """Refuse a translator that does not show its maps, and a discriminator that wants to see where images are from.

        Raises:
            RecipeError: See above.
        """
        if not hasattr(nets["G"], "features"):
            raise RecipeError(
                f"the objective 'cut' compares maps inside the generator, and {type(nets['G']).__name__} shows none.",
                hint="set model.name=resnet or unet",
            )
        refuse_conditional(nets["D"], "cut")

    def _contrast(self, nets: Nets, made: Tensor, images: Tensor, rng: torch.Generator) -> Tensor:
        """PatchNCE of equation 3: the mean over maps, images and places.

        What it is compared with is not differentiated, as published.
        """
        translator, head = nets["G"], nets["H"]
        with torch.no_grad():
            keys = _features(translator, images)
        places = [_places(found, self.config.places, rng) for found in keys]
        with torch.no_grad():
            wanted = head([_at(found, chosen) for found, chosen in zip(keys, places, strict=True)])
        found = head([_at(found, chosen) for found, chosen in zip(_features(translator, made), places, strict=True)])
        losses = [contrast(query, key, self.config.temperature) for query, key in zip(found, wanted, strict=True)]
        return torch.stack(losses).mean()


def contrast(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of telling each query's own key from the others of its image: equation 2.

    Args:
        queries: (batch, places, width) float32 of length 1.
        keys: Likewise; the key of each query has its place.
        temperature: Tau.

    Returns:
        Scalar float32, mean over places and images.
    """
    with torch.autocast(queries.device.type, enabled=False):
        likeness = queries @ keys.transpose(1, 2) / temperature
        own = torch.arange(queries.shape[1], device=queries.device).expand(len(queries), -1)
        return F.cross_entropy(likeness.flatten(0, 1), own.flatten())


def _features(translator: nn.Module, images: Tensor) -> list[Tensor]:
    found: list[Tensor] = translator.features(images)  # type: ignore[operator]  # see ``CUT.check``
    return found


def _places(features: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Which places of a map are compared, the same in every image of the batch: (at most count,) int64."""
    all_places = torch.randperm(features.shape[2] * features.shape[3], generator=rng)
    return all_places[:count].to(features.device)


def _at(features: Tensor, places: Tensor) -> Tensor:
    """A map (batch, channels, height, width) at places -> (batch, places, channels)."""
    values: Tensor = features.flatten(2)[:, :, places].transpose(1, 2)
    return values


cut = ObjectiveRow(CUTConfig, CUT, nets=("G", "D", "H"), makes="images of images", needs="model.beside=projection")
