"""What a step draws, as a function of (seed, attempt, stream, step, rank) alone: so resuming needs no generator state.

The attempt counts how often the training went back to an earlier step: it then draws other images and noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantools.core.sampler import NoiseInput
from gantools.losses.objectives.objective import Batch
from gantools.models.model import Model
from gantools.train.reals import Pairs, Reals


def generator(seed: int, stream: str, step: int, rank: int = 0, attempt: int = 0) -> torch.Generator:
    """A generator on the CPU, seeded by a hash of all that it may depend on."""
    again = f"/{attempt}" if attempt else ""
    key = hashlib.sha256(f"{seed}/{stream}/{step}/{rank}{again}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(key[:8], "little") >> 1)


@dataclass(frozen=True)
class _Drawn:
    """A step's part of the batch on the CPU.

    Attributes:
        rows: Pixels (n, height, width, channels) uint8, or tokens (n, steps) int32.
        labels: (n,) int64.
        noise: By name.
        given: Of pairs, pixels that the rows are to be made of.
    """

    rows: Tensor
    labels: Tensor | None
    noise: Mapping[str, Tensor]
    given: Tensor | None = None


class Draws:
    """The real samples and the noise of every step. While it is entered, a thread draws the next step ahead.

    Args:
        reals: All real images, texts or pairs.
        model: Its sampler says which inputs are noise.
        batch: Images in a step, over all ranks; a multiple of ``world``.
        mirror: Flip half of the images left to right.
        turn: Turn patches of pairs by quarters.
        seed: Of the training.
        rank: Which of ``world`` processes this is; each draws its own part of the batch.
        world: Number of processes.
        device: Where the tensors go.

    Attributes:
        attempt: How often the training went back.
    """

    def __init__(
        self,
        reals: Reals,
        model: Model,
        *,
        batch: int,
        mirror: bool,
        turn: bool = False,
        seed: int,
        rank: int,
        world: int,
        device: torch.device,
    ) -> None:
        self._reals, self._labels, self._turn = reals, reals.labels, turn
        self._count = len(reals) if isinstance(reals, Pairs) else len(reals.rows)
        self._spec = model.graphs[model.sampler.graph].spec
        self._sampler = model.sampler
        self._batch, self._mirror, self._seed = batch, mirror, seed
        self._rank, self._world, self._device = rank, world, device
        # The order of an epoch is asked for in every one of its steps; a batch can touch two epochs.
        self._order = lru_cache(maxsize=2)(self._shuffled)
        self.attempt = 0
        self._thread: ThreadPoolExecutor | None = None
        self._ahead: tuple[tuple[int, int], Future[_Drawn]] | None = None

    def batch(self, step: int, due: tuple[str, ...] = ()) -> Batch:
        """The part of a step's batch that belongs to this rank; ``due`` are the phases that will use it."""
        drawn = self._next(step)
        labels = None if drawn.labels is None else self._moved(drawn.labels)
        noise = {name: self._moved(tensor) for name, tensor in drawn.noise.items()}
        if drawn.given is not None:
            real, given = (_scaled(self._moved(pixels)) for pixels in (drawn.rows, drawn.given))
            return Batch(real, noise, labels, due, step, given)
        return Batch(self._real(step, self._moved(drawn.rows)), noise, labels, due, step)

    def rng(self, stream: str, step: int) -> torch.Generator:
        """For whatever else the step draws."""
        return generator(self._seed, stream, step, self._rank, self.attempt)

    def indices(self, step: int) -> npt.NDArray[np.int64]:
        """Which rows the step sees on this rank: (batch / world,) int64. All epochs in a row are cut into batches."""
        local = self._batch // self._world
        first = step * self._batch + self._rank * local
        epochs, places = np.divmod(np.arange(first, first + local), self._count)
        parts = [self._order(int(epoch), self.attempt)[places[epochs == epoch]] for epoch in np.unique(epochs)]
        return np.concatenate(parts)

    def _shuffled(self, epoch: int, attempt: int) -> npt.NDArray[np.int64]:
        key = (self._seed, epoch, attempt) if attempt else (self._seed, epoch)
        return np.random.default_rng(key).permutation(self._count)

    def _next(self, step: int) -> _Drawn:
        """What the thread drew for this step, where it did; and set it to work on the one after."""
        if self._thread is None:
            return self._draw(step)
        wanted, ahead = (self.attempt, step), self._ahead
        drawn = ahead[1].result() if ahead is not None and ahead[0] == wanted else None
        if drawn is None:
            if ahead is not None:
                ahead[1].cancel()
            drawn = self._draw(step)
        self._ahead = ((self.attempt, step + 1), self._thread.submit(self._draw, step + 1))
        return drawn

    def _draw(self, step: int) -> _Drawn:
        chosen = self.indices(step)
        if isinstance(self._reals, Pairs):
            key = self.rng("pairs", step).initial_seed()
            given, targets = self._reals.draw(chosen, key, mirror=self._mirror, turn=self._turn)
            return _Drawn(torch.from_numpy(targets), None, self._noise(step), torch.from_numpy(given))
        labels = None if self._labels is None else torch.from_numpy(self._labels[chosen])
        return _Drawn(torch.from_numpy(self._reals.rows[chosen]), labels, self._noise(step))

    def _moved(self, tensor: Tensor) -> Tensor:
        """On the device. From pinned memory a GPU fetches by itself, while this process goes on."""
        if self._device.type != "cuda":
            return tensor.to(self._device)
        return tensor.pin_memory().to(self._device, non_blocking=True)

    def _real(self, step: int, rows: Tensor) -> Tensor:
        """(batch, channels, height, width) float32 in [-1, 1]: NCHW in shape and channels-last in memory.

        Or tokens (batch, steps) int64.
        """
        if rows.dtype == torch.int32:
            return rows.long()
        if self._mirror:
            flip = self._moved(torch.rand(len(rows), generator=self.rng("mirror", step)) < 0.5)
            rows = torch.where(flip[:, None, None, None], rows.flip(2), rows)
        return _scaled(rows)

    def _noise(self, step: int) -> dict[str, Tensor]:
        local = self._batch // self._world
        sizes = self._spec.sizes("max")
        drawn = {}
        for tensor in self._spec.inputs:
            if source := self._sampler.noise.get(tensor.name):
                shape = (local, *tensor.row(sizes))
                drawn[tensor.name] = _draw(source, shape, self.rng(tensor.name, step))
        return drawn

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draws")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        self._thread = self._ahead = None


def _scaled(pixels: Tensor) -> Tensor:
    """(..., height, width, channels) uint8 -> (..., channels, height, width) float32 in [-1, 1].

    One frame is an image: (n, 1, height, width, channels) -> (n, channels, height, width).
    """
    if pixels.dim() == 5 and pixels.shape[1] == 1:
        pixels = pixels[:, 0]
    return pixels.movedim(-1, -3).float().div_(127.5).sub_(1.0)


def _draw(source: NoiseInput, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    if source.categories is not None:
        return torch.randint(source.categories, shape, generator=rng)
    return (torch.randn if source.distribution == "normal" else torch.rand)(shape, generator=rng)
