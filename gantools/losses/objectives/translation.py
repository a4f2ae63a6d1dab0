"""What objectives of translators share: the games they play, judging beside what was given, and what they report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.losses.adversarial import HINGE, Game, least_squares_game, nonsaturating_game
from gantools.losses.objectives.objective import Batch, Loss

GameName = Literal["cross_entropy", "least_squares", "hinge"]


def game_of(name: GameName) -> Game:
    """A game, in the scale that weights of further losses are published for.

    Args:
        name: ``cross_entropy``: the non-saturating game of pix2pix (Isola et al. 2017, section 3.3). ``least_squares``:
            that of CycleGAN and CUT, (D(G(x)) - 1)^2 without a half for the generator and with one for the
            discriminator (Zhu et al. 2017, section 4). ``hinge``: of spectrally normalized discriminators.
    """
    if name == "hinge":
        return HINGE
    if name == "cross_entropy":
        return nonsaturating_game(0.0)
    halves = least_squares_game(0.0, 1.0, 1.0)
    return Game(halves.real, halves.fake, lambda logits: 2 * halves.generator(logits))


def given_of(batch: Batch, objective: str) -> Tensor:
    """The images that the generator is given.

    Raises:
        RecipeError: The data have none.
    """
    if batch.given is None:
        raise RecipeError(
            f"the objective '{objective}' makes images of images, and the data are images alone.",
            hint="set data.targets to the folder of what shall come out",
        )
    return batch.given


def refuse_films(frames: int, objective: str) -> None:
    """Refuse clips of several frames, for objectives that see single images.

    Raises:
        RecipeError: They are such.
    """
    if frames > 1:
        raise RecipeError(
            f"the objective '{objective}' learns from single images, and data.frames is {frames}.",
            hint="set data.frames=1",
        )


def is_conditional(discriminator: nn.Module) -> bool:
    """Whether it judges images beside what they were made of."""
    return bool(getattr(discriminator, "conditional", False))


def verdict(discriminator: nn.Module, images: Tensor, given: Tensor | None) -> Tensor:
    """Logits of images; a discriminator that wants to see what they were made of is shown it."""
    logits: Any = discriminator(images, given=given) if is_conditional(discriminator) else discriminator(images)
    result: Tensor = logits
    return result


def judged_apart(
    game: Game, discriminator: nn.Module, name: str, *, real: Tensor, fake: Tensor, given: Tensor | None = None
) -> Iterator[Loss]:
    """The discriminator's loss: half of what it says of real images and half of the others.

    Args:
        game: What it plays.
        discriminator: It.
        name: Of the net, in the names of terms.
        real: (batch, channels, height, width) float32 in [-1, 1].
        fake: Likewise; not differentiated.
        given: What ``real`` and ``fake`` were made of, for those that look at it.
    """
    of_real = verdict(discriminator, real, given)
    value = game.real(of_real)
    yield Loss(value / 2, {f"{name}.real": value.detach()})
    of_fake = verdict(discriminator, fake.detach(), given)
    value = game.fake(of_fake)
    with torch.no_grad():
        terms = {
            f"{name}.fake": value.detach(),
            f"{name}.gap": of_real.float().mean() - of_fake.float().mean(),
            f"{name}.accuracy": ((of_real > 0).float().mean() + (of_fake < 0).float().mean()) / 2,
        }
    yield Loss(value / 2, terms)


def refuse_conditional(discriminator: nn.Module, objective: str) -> None:
    """Refuse one that judges images beside what they were made of, where nobody knows what real ones were made of.

    Raises:
        RecipeError: It is such.
    """
    if is_conditional(discriminator):
        raise RecipeError(
            f"the objective '{objective}' has no pairs, and the discriminator judges an image beside the one it is "
            "made of.",
            hint="set discriminator.conditional=false",
        )
