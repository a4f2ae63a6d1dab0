"""How unlike images look to a network that was taught to tell pictures apart, at several depths of it.

    d(x, y) = mean over depths l of  mean over places (h, w) of  |u_l(x)_hw - u_l(y)_hw|^2

with u_l(x)_hw the features of depth l at a place, divided by their length. This is equation 1 of Zhang et al., "The
Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018, with all channels counted alike, for
weights fitted to people's judgements are known for other networks only; Johnson et al., "Perceptual Losses for
Real-Time Style Transfer and Super-Resolution", ECCV 2016, train with features that are not normalized. Each depth
counts between 0 and 4, so one weight fits every network.

Such a network is frozen: it is no part of the model, of its checkpoints or of what ships.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.core.optional import require
from gantools.core.registry import Table
from gantools.core.spec import Frozen

SEEING: Table[Callable[[], nn.Module]] = Table(
    "network of the perceptual loss",
    {
        "efficientnet-lite0": "gantools.export.extractors:efficientnet_lite0_depths",
        "digits-cnn": "gantools.export.extractors:digits_cnn_depths",
    },
)
"""Makers of networks: images (n, 3, height, width) float32 in [-1, 1] -> a list of (n, channels, height, width), which
are smaller the deeper they lie."""
LEAST = 16  # pixels: the deepest features of the networks here still have a place
_MOVED = 8  # pixels at most: all places of a layer that has halved the size three times
_TINY = 1e-10  # where all features of a place are zero, as published


class PerceptualConfig(Frozen):
    """Options of objectives that know what should come out.

    Attributes:
        perceptual: Weight of the distance of what a network sees in the images (``gantools.losses.perceptual``).
            0: none, and there is no such network.
        perceptual_network: Which; a name of ``SEEING``.
    """

    perceptual: float = Field(default=0.0, ge=0)
    perceptual_network: str = "efficientnet-lite0"


class Perceptual:
    """See the module.

    Args:
        name: Of the network.

    Raises:
        UnknownNameError: No such network.
        MissingDependencyError: Its weights, or what reads them, are not installed.
        ArtifactError: Its weights are damaged.
    """

    def __init__(self, name: str) -> None:
        SEEING[name]
        require("onnx_ir", extra="features", why=f"for the perceptual loss with '{name}'")
        self.name = name
        self._network = SEEING.load(name)().eval().requires_grad_(requires_grad=False)

    def distance(self, made: Tensor, wanted: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Mean distance of images, or of all frames of clips; it is differentiated by ``made`` alone.

        A training moves the window that the network looks through by a few pixels at every step. Layers of it halve the
        size at fixed places, and a generator that enlarges could learn a grid that pleases just these.

        Args:
            made: (batch, 1 or 3, height, width), or of clips (batch, frames, 1 or 3, height, width), in [-1, 1].
            wanted: Of the same shape.
            rng: On the CPU, to draw where the window lies; none: it is the whole image.

        Returns:
            A scalar float32, 0 to 4.

        Raises:
            RecipeError: The images are too small.
        """
        if min(made.shape[-2:]) < LEAST:
            raise RecipeError(
                f"images of {made.shape[-1]}x{made.shape[-2]} pixels are too small for the perceptual loss: it takes "
                f"{LEAST} and more.",
                hint="set data.patch larger, or objective.perceptual=0",
            )
        if rng is not None and min(made.shape[-2:]) >= LEAST + _MOVED:
            down, right = torch.randint(_MOVED + 1, (2,), generator=rng).tolist()
            height, width = (size - _MOVED for size in made.shape[-2:])
            made, wanted = (one[..., down : down + height, right : right + width] for one in (made, wanted))
        self._network.to(made.device)
        with torch.no_grad():
            there = self._features(wanted)
        here = self._features(made)
        return torch.stack(
            [(one - other).square().sum(1).mean() for one, other in zip(here, there, strict=True)]
        ).mean()

    def _features(self, images: Tensor) -> list[Tensor]:
        """Of each depth (images, channels, height, width) float32, of length 1 at every place.

        The network runs in the precision of the training; lengths and differences are of float32.
        """
        flat = images.float().reshape(-1, *images.shape[-3:])
        colours = flat.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        return [F.normalize(found.float(), dim=1, eps=_TINY) for found in self._network(colours)]


def perceptual_of(config: PerceptualConfig) -> Perceptual | None:
    """What an objective's options ask for; none: nothing."""
    return Perceptual(config.perceptual_network) if config.perceptual else None
