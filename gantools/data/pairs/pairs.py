"""Patches of what is given and what it should become, drawn anew in every step."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError, RecipeError
from gantools.core.events import Note, OnEvent, ignore
from gantools.core.recipe import Named
from gantools.data.degradations import DEGRADATIONS
from gantools.data.degradations.degradation import Degradation
from gantools.data.degradations.shrink import larger
from gantools.data.pairs.clips import Clips, Halves, chosen, open_both, open_clips, sides
from gantools.data.sources import Pixels

Integers = npt.NDArray[np.int64]
TURNS = 4


@dataclass(frozen=True)
class PairSet:
    """Pairs of patches.

    Attributes:
        name: The source as the user wrote it.
        targets: What should be made.
        given: What it is made of, clip by clip; none: what ``degradations`` make of the targets.
        degradations: Applied in order to what is given.
        scale: How much larger targets are.
        patch: Edge of what is given, in pixels.
        frames: Frames of a patch.
        digest: Of clips and how they are made worse.
        task: How they are made worse, for people.
    """

    name: str
    targets: Clips
    given: Clips | None
    degradations: tuple[Degradation, ...]
    scale: int
    patch: int
    frames: int
    digest: str
    task: str = ""
    labels: None = None
    classes: tuple[str, ...] = ()

    @cached_property
    def _windows(self) -> Integers:
        """(rows, 2): the clip of each row, and where its frames begin at the earliest."""
        starts = [
            (number, start)
            for number, clip in enumerate(self.targets.clips)
            for start in range(0, len(clip) - self.frames + 1, self.frames)
        ]
        return np.array(starts, np.int64).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self._windows)

    def draw(self, rows: Integers, key: int, *, mirror: bool = False, turn: bool = False) -> tuple[Pixels, Pixels]:
        """A patch of each row: from where, and how much worse, is a function of ``key`` and of its place alone.

        Args:
            rows: (n,), each below ``len(self)``.
            key: Of the random numbers.
            mirror: Half of the patches are mirrored left to right.
            turn: They are turned by quarters too.

        Returns:
            What is given, (n, frames, patch, patch, channels) uint8, and what it should become,
            (n, frames, scale * patch, scale * patch, channels) uint8.
        """

        def pair(place: int) -> tuple[Pixels, Pixels]:
            return self._pair(int(rows[place]), np.random.default_rng((key, place)), mirror=mirror, turn=turn)

        places = range(len(rows))
        if any(one.unlocked for one in self.degradations):
            with ThreadPoolExecutor(min(len(rows), os.cpu_count() or 1)) as pool:
                pairs = list(pool.map(pair, places))
        else:
            pairs = [pair(place) for place in places]
        given, targets = zip(*pairs, strict=True)
        return np.stack(given), np.stack(targets)

    def _pair(self, row: int, rng: np.random.Generator, *, mirror: bool, turn: bool) -> tuple[Pixels, Pixels]:
        number, start = (int(value) for value in self._windows[row])
        clip, edge = self.targets.clips[number], self.patch * self.scale
        begin = min(start + int(rng.integers(self.frames)), len(clip) - self.frames)
        # What lies around a patch takes part in how it is made worse.
        margin = 0 if self.given else max((one.margin for one in self.degradations), default=0)
        room = [min(margin, (size - edge) // 2 // self.scale) for size in clip.shape[1:3]]
        size = [edge + 2 * self.scale * around for around in room]
        grid = self.scale if self.given else 1
        top, left = (
            int(rng.integers((have - want) // grid + 1)) * grid
            for have, want in zip(clip.shape[1:3], size, strict=True)
        )
        before = min(begin, max((one.context for one in self.degradations), default=0))
        real = clip[begin - before : begin + self.frames, top : top + size[0], left : left + size[1]]
        if self.given is None:
            made = real
        else:
            low = self.given.clips[number]
            y, x, tall, wide = (value // self.scale for value in (top, left, *size))
            made = low[begin - before : begin + self.frames, y : y + tall, x : x + wide]
        for one in self.degradations:
            made = one.apply(made, rng)
        if self.between:
            real = real[1::2]
        high, wide_in = room
        made = made[before:, high : high + self.patch, wide_in : wide_in + self.patch]
        y, x = high * self.scale, wide_in * self.scale
        real = real[before:, y : y + edge, x : x + edge]
        if mirror and rng.random() < 0.5:
            made, real = made[:, :, ::-1], real[:, :, ::-1]
        if turn:
            quarters = int(rng.integers(TURNS))
            made, real = (np.rot90(one, quarters, (1, 2)) for one in (made, real))
        return np.ascontiguousarray(made), np.ascontiguousarray(real)

    def whole(self, number: int, most: int) -> tuple[Pixels, Pixels]:
        """A clip as it is given and as it should become, (frames, height, width, channels) uint8 each.

        Cut to multiples of the scale. How much worse it is made is drawn by its number.

        Args:
            number: Of the clip.
            most: Frames, from the first on.
        """
        clip = self.targets.clips[number][:most]
        rows, columns = (size // self.scale for size in clip.shape[1:3])
        target = clip[:, : rows * self.scale, : columns * self.scale]
        given = target if self.given is None else self.given.clips[number][:most, :rows, :columns]
        rng = np.random.default_rng(number)
        if self.between:  # an odd number of frames
            given = given[: (len(given) - 1) // 2 * 2 + 1]
        for one in self.degradations:
            given = one.apply(given, rng)
        return given, target[1::2][: len(given)] if self.between else target

    @property
    def between(self) -> bool:
        """Whether frames between those that are given should be made."""
        return any(one.between for one in self.degradations)

    @property
    def wanted(self) -> int:
        """How many frames of a patch should be made."""
        return self.frames // 2 if self.between else self.frames

    def shown(self, given: Pixels) -> Pixels:
        """What a picture that is given shows without a network: enlarged; of two frames, their mean.

        Args:
            given: (height, width, channels) uint8.
        """
        if self.between:
            half = given.shape[-1] // 2
            mean: Pixels = ((given[..., :half].astype(np.uint16) + given[..., half:] + 1) // 2).astype(np.uint8)
            return mean
        return larger(given, self.scale)

    def split(self, share: float) -> tuple[PairSet, PairSet]:
        """Two sets, to train on and to hold out. A clip falls on a side by its name, so always on the same one.

        Raises:
            DataError: A side would be empty.
        """
        rest, kept = sides(self.targets, share)
        return self._of(rest), self._of(kept)

    def _of(self, numbers: Sequence[int] | Integers) -> PairSet:
        given = None if self.given is None else chosen(self.given, numbers)
        return replace(self, targets=chosen(self.targets, numbers), given=given)


def open_pair_set(
    source: str,
    *,
    targets: str | None = None,
    halves: Halves | None = None,
    degrade: Sequence[Named] = (),
    channels: int,
    scale: int,
    patch: int,
    frames: int = 1,
    max_broken: float = 0.01,
    cache: str | None = None,
    on_event: OnEvent = ignore,
) -> PairSet:
    """Open what a network of images learns from.

    Args:
        source: Pictures or films, see ``open_clips``: what should be made; or, where ``targets`` are given, what is
            given.
        targets: What should be made, with the names that ``source`` has.
        halves: Where each picture of ``source`` holds both side by side, which half is given; see ``open_both``.
        degrade: What makes the given clips worse, in order, by names of ``DEGRADATIONS``.
        channels: 1 for grey, 3 for RGB.
        scale: How much larger than what it is given the network's image is.
        patch: Edge of what is given, in pixels.
        frames: Frames of a patch.
        max_broken: Largest share of files that may be unreadable.
        cache: Folder for decoded frames.
        on_event: Who watches.

    Raises:
        DataError: The source cannot be used, a name is missing, pairs have other sizes, or everything is too small.
        RecipeError: The degradations do not make clips as much smaller as the network makes them larger.
    """
    paired = targets is not None or halves is not None
    if not paired and not degrade:
        raise RecipeError(
            "the model makes images of images, and the recipe does not say of which.",
            hint="add a [[data.degrade]] such as name='shrink', or data.targets with what data.source should become",
        )
    rows = [DEGRADATIONS.load(one.name) for one in degrade]
    configs = [row.Config(**one.options) for row, one in zip(rows, degrade, strict=True)]
    chain: tuple[Degradation, ...] = tuple(row.build(config) for row, config in zip(rows, configs, strict=True))
    if any(one.between for one in chain) and (frames < 3 or frames % 2 == 0):
        raise RecipeError(
            f"data.degrade takes every second frame away, and data.frames is {frames}.",
            hint="set data.frames to 3, or another odd number",
        )
    smaller = int(np.prod([one.scale for one in chain], initial=1))
    if smaller != (1 if paired else scale):
        raise RecipeError(
            f"data.degrade makes clips {smaller} times smaller, and the model makes them {scale} times larger.",
            hint="a degradation 'shrink' has to have the scale of the model"
            if not paired
            else "where there are data.targets, the clips of data.source have the right size already",
        )
    options: dict[str, Any] = {
        "channels": channels, "max_broken": max_broken, "cache": cache, "on_event": on_event
    }  # fmt: skip
    given: Clips | None = None
    if paired:
        given, good = _matched(*open_both(source, targets, halves, **options), scale)
    else:
        good = open_clips(source, **options)
    usable = [
        number
        for number, clip in enumerate(good.clips)
        if len(clip) >= frames and min(clip.shape[1:3]) >= patch * scale
    ]
    if not usable:
        raise DataError(
            f"no clip in '{good.source}' has {patch * scale}x{patch * scale} pixels"
            + (f" and {frames} frames." if frames > 1 else "."),
            hint="give larger ones, or a smaller data.patch" + (" or data.frames" if frames > 1 else ""),
        )
    if lost := len(good.clips) - len(usable):
        on_event(Note(f"{lost} of {len(good.clips)} clips in '{good.source}' are too small and left out.", "warning"))
    whole = hashlib.sha256(f"{good.digest}\n{given.digest if given else ''}\n{patch} {scale} {frames}\n".encode())
    whole.update(json.dumps([one.model_dump(mode="json") for one in degrade], sort_keys=True).encode())
    task = "; ".join(
        " ".join((one.name, *(f"{key}={value}" for key, value in config.model_dump(mode="json").items())))
        for one, config in zip(degrade, configs, strict=True)
    )
    found = PairSet(source, good, given, chain, scale, patch, frames, whole.hexdigest(), task)
    return found._of(usable) if lost else found


def _matched(given: Clips, targets: Clips, scale: int) -> tuple[Clips, Clips]:
    """The pairs of two sources, by name without suffix."""
    names = [{name.rpartition(".")[0]: number for number, name in enumerate(one.names)} for one in (given, targets)]
    shared = sorted(names[0].keys() & names[1].keys())
    if not shared:
        raise DataError(
            f"no file in '{given.source}' has the name of one in '{targets.source}'.",
            hint="a pair has the same name in both",
        )
    if alone := sorted(names[0].keys() ^ names[1].keys()):
        raise DataError(
            f"'{alone[0]}' is only in one of '{given.source}' and '{targets.source}'"
            + (f", and {len(alone) - 1} more." if len(alone) > 1 else "."),
            hint="a pair has the same name in both",
        )
    first, second = (
        chosen(one, [found[name] for name in shared]) for one, found in ((given, names[0]), (targets, names[1]))
    )
    for name, small, large in zip(shared, first.clips, second.clips, strict=True):
        if large.shape != (len(small), scale * small.shape[1], scale * small.shape[2], small.shape[3]):
            raise DataError(
                f"'{name}' has {_sized(small)} in '{given.source}' and {_sized(large)} in '{targets.source}'.",
                hint=f"a target is {scale} times as large as what is given" if scale > 1 else "both have the same size",
            )
    return first, second


def _sized(clip: Pixels) -> str:
    frames, height, width = clip.shape[:3]
    return f"{width}x{height} pixels" + (f" in {frames} frames" if frames > 1 else "")
