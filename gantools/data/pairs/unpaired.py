"""Patches of two kinds of images that do not belong together: what is given, and what it should look like."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from gantools.core.errors import DataError
from gantools.core.events import OnEvent, ignore
from gantools.data.pairs.clips import Clips, Halves, chosen, open_both, sides
from gantools.data.pairs.pairs import TURNS, Integers
from gantools.data.sources import Pixels


@dataclass(frozen=True)
class UnpairedSet:
    """Patches of pictures, each side by itself.

    Attributes:
        name: The source as the user wrote it.
        given: Pictures of the kind that goes in.
        targets: Pictures of the kind that comes out.
        patch: Edge of both, in pixels.
        digest: Of both.
        scale: They have one size.
    """

    name: str
    given: Clips
    targets: Clips
    patch: int
    digest: str
    scale: int = 1
    labels: None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return max(len(self.given.clips), len(self.targets.clips))

    def draw(self, rows: Integers, key: int, *, mirror: bool = False, turn: bool = False) -> tuple[Pixels, Pixels]:
        """For each row a patch of one picture of each kind, which are drawn apart; see ``PairSet.draw``.

        The larger side has a row for each picture; of the other any picture may stand beside it.

        Args:
            rows: (n,), each below ``len(self)``.
            key: Of the random numbers.
            mirror: Half of the patches are mirrored left to right.
            turn: They are turned by quarters too.

        Returns:
            What is given and what comes out: (n, 1, patch, patch, channels) uint8 each.
        """
        drawn = []
        for side in (self.given, self.targets):
            rngs = [np.random.default_rng((key, place, side is self.given)) for place in range(len(rows))]
            whole = len(side.clips) == len(self)
            pictures = [
                side.clips[int(row) if whole else int(rng.integers(len(side.clips)))]
                for row, rng in zip(rows, rngs, strict=True)
            ]
            drawn.append(
                np.stack(
                    [
                        self._patch(picture, rng, mirror=mirror, turn=turn)
                        for picture, rng in zip(pictures, rngs, strict=True)
                    ]
                )
            )
        given, targets = drawn
        return given, targets

    def _patch(self, picture: Pixels, rng: np.random.Generator, *, mirror: bool, turn: bool) -> Pixels:
        top, left = (int(rng.integers(size - self.patch + 1)) for size in picture.shape[1:3])
        patch = picture[:1, top : top + self.patch, left : left + self.patch]
        if mirror and rng.random() < 0.5:
            patch = patch[:, :, ::-1]
        return np.ascontiguousarray(np.rot90(patch, int(rng.integers(TURNS)), (1, 2)) if turn else patch)

    def split(self, share: float) -> tuple[UnpairedSet, UnpairedSet]:
        """Two sets, to train on and to hold out, as ``PairSet.split``: the share of each kind.

        Raises:
            DataError: A side would be empty.
        """
        (given, no_given), (targets, no_targets) = (sides(one, share) for one in (self.given, self.targets))
        return self._of(given, targets), self._of(no_given, no_targets)

    def _of(self, given: Integers, targets: Integers) -> UnpairedSet:
        return replace(self, given=chosen(self.given, given), targets=chosen(self.targets, targets))


def open_unpaired_set(
    source: str,
    *,
    targets: str | None = None,
    halves: Halves | None = None,
    channels: int,
    patch: int,
    max_broken: float = 0.01,
    cache: str | None = None,
    on_event: OnEvent = ignore,
) -> UnpairedSet:
    """Open two kinds of pictures.

    Args:
        source: Pictures that are given, see ``open_clips``.
        targets: Pictures of the kind that comes out.
        halves: As in ``open_both``; which halves belong together is then known to nobody.
        channels: 1 for grey, 3 for RGB.
        patch: Edge of what is given, in pixels.
        max_broken: Largest share of files that may be unreadable.
        cache: Folder for decoded pictures.
        on_event: Who watches.

    Raises:
        DataError: A source cannot be used, or a picture is smaller than a patch.
        RecipeError: It is not said what comes out.
    """
    given, found = open_both(
        source, targets, halves, channels=channels, max_broken=max_broken, cache=cache, on_event=on_event
    )
    for side in (given, found):
        for name, clip in zip(side.names, side.clips, strict=True):
            if min(clip.shape[1:3]) < patch:
                raise DataError(
                    f"'{name}' in '{side.source}' has {clip.shape[2]}x{clip.shape[1]} pixels, and a patch has "
                    f"{patch}x{patch}.",
                    hint="give larger pictures, or a smaller data.patch",
                )
    digest = hashlib.sha256(f"unpaired\n{given.digest}\n{found.digest}\n{patch}\n".encode()).hexdigest()
    return UnpairedSet(source, given, found, patch, digest)
