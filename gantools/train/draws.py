"""What a step draws, as a function of (seed, stream, step, rank) alone: so resuming needs no generator state."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantools.core.artifact import NoiseInput
from gantools.data import ImageSet
from gantools.losses.objectives.objective import Batch
from gantools.models.model import Model


def generator(seed: int, stream: str, step: int, rank: int = 0) -> torch.Generator:
    """A generator on the CPU, seeded by a hash of all that it may depend on."""
    key = hashlib.sha256(f"{seed}/{stream}/{step}/{rank}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(key[:8], "little") >> 1)


class Draws:
    """The real images and the noise of every step.

    Args:
        images: All real images.
        model: Its sampler says which inputs are noise.
        batch: Images in a step, over all ranks; a multiple of ``world``.
        mirror: Flip half of the images left to right.
        seed: Of the training.
        rank: Which of ``world`` processes this is; each draws its own part of the batch.
        world: Number of processes.
        device: Where the tensors go.
    """

    def __init__(
        self,
        images: ImageSet,
        model: Model,
        *,
        batch: int,
        mirror: bool,
        seed: int,
        rank: int,
        world: int,
        device: torch.device,
    ) -> None:
        self._images, self._labels = images.images, images.labels
        self._spec = model.graphs[model.sampler.graph].spec
        self._sampler = model.sampler
        self._batch, self._mirror, self._seed = batch, mirror, seed
        self._rank, self._world, self._device = rank, world, device
        # The order of an epoch is asked for in every one of its steps; a batch can touch two epochs.
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def batch(self, step: int, due: tuple[str, ...] = ()) -> Batch:
        """The part of a step's batch that belongs to this rank; ``due`` are the phases that will use it."""
        chosen = self.indices(step)
        labels = None if self._labels is None else torch.from_numpy(self._labels[chosen]).to(self._device)
        return Batch(self._real(step, chosen), self._noise(step), labels, due, step)

    def rng(self, stream: str, step: int) -> torch.Generator:
        """For whatever else the step draws."""
        return generator(self._seed, stream, step, self._rank)

    def indices(self, step: int) -> npt.NDArray[np.int64]:
        """Which images the step sees on this rank: (batch / world,) int64. All epochs in a row are cut into batches."""
        local = self._batch // self._world
        first = step * self._batch + self._rank * local
        epochs, places = np.divmod(np.arange(first, first + local), len(self._images))
        return np.array([self._order(int(epoch))[place] for epoch, place in zip(epochs, places, strict=True)])

    def _shuffled(self, epoch: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng((self._seed, epoch)).permutation(len(self._images))

    def _real(self, step: int, chosen: npt.NDArray[np.int64]) -> Tensor:
        """(batch, channels, height, width) float32 in [-1, 1]: NCHW in shape and channels-last in memory."""
        pixels = torch.from_numpy(self._images[chosen]).to(self._device)
        if self._mirror:
            flip = torch.rand(len(pixels), generator=self.rng("mirror", step)).to(self._device) < 0.5
            pixels = torch.where(flip[:, None, None, None], pixels.flip(2), pixels)
        return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)

    def _noise(self, step: int) -> dict[str, Tensor]:
        local = self._batch // self._world
        drawn = {}
        for tensor in self._spec.inputs:
            if source := self._sampler.noise.get(tensor.name):
                shape = (local, *(size for size in tensor.shape[1:] if isinstance(size, int)))
                drawn[tensor.name] = _draw(source, shape, self.rng(tensor.name, step)).to(self._device)
        return drawn


def _draw(source: NoiseInput, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    if source.categories is not None:
        return torch.randint(source.categories, shape, generator=rng)
    return (torch.randn if source.distribution == "normal" else torch.rand)(shape, generator=rng)
