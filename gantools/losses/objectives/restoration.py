"""What objectives share that know what should come out: of single images, or of films as clips of several frames."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pydantic import Field
from torch import Tensor

from gantools.core.errors import RecipeError
from gantools.losses.objectives.objective import Batch, Nets
from gantools.losses.perceptual import PerceptualConfig


class RestorationConfig(PerceptualConfig):
    """Options beside those of the perceptual loss, which is sharper and further from the pixels.

    Attributes:
        temporal: Of clips, weight of the distance of changes from frame to frame: against flicker. 0: none.
    """

    temporal: float = Field(default=0.0, ge=0)


@runtime_checkable
class Recurrent(Protocol):
    """A network that takes frames one after another."""

    def clip(self, frames: Tensor) -> Tensor:
        """(batch, frames, channels, height, width) float32 in [-1, 1] -> the same, maybe larger."""
        ...


def restored(nets: Nets, batch: Batch) -> Tensor:
    """What the generator makes of what it is given: images, or clips, which a recurrent one takes frame after frame."""
    net, given = nets["G"], batch.given
    assert given is not None, "batches of models that make images of images have them"
    if given.dim() == 4:
        result: Tensor = net(given)
        return result
    if isinstance(net, Recurrent):
        return net.clip(given)
    frames: Tensor = net(given.flatten(0, 1))
    return frames.reshape(*given.shape[:2], *frames.shape[1:])


def singly(images: Tensor) -> Tensor:
    """Images as they are, and the frames of clips as images."""
    return images.flatten(0, 1) if images.dim() == 5 else images


def flicker_of(made: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """By how much each frame differs from the one before, of what is made and of what should be.

    Args:
        made: (batch, frames, channels, height, width).
        wanted: Of the same shape.

    Returns:
        Two tensors with one frame fewer.
    """
    made = made.float()
    return made[:, 1:] - made[:, :-1], wanted[:, 1:] - wanted[:, :-1]


def check_temporal(config: RestorationConfig, frames: int) -> None:
    """Refuse ``temporal`` where there are single images, which do not flicker.

    Raises:
        RecipeError: It is so.
    """
    if config.temporal and frames == 1:
        raise RecipeError(
            "objective.temporal: the training sees single images, which have no frame before them.",
            hint="set data.frames to 2 or more and give films, or leave objective.temporal out",
        )
