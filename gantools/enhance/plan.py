"""How a network is run over large images: whole or in tiles, and how many at once. Chosen by measurement."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import lcm

import numpy as np

from gantools.core.artifact import Artifact
from gantools.core.errors import RecipeError
from gantools.core.events import Note, OnEvent
from gantools.optimize.reach import Reach, reach_of
from gantools.samplers.image_to_image import Images, ImageToImage
from gantools.samplers.tiles import Tiling

_TILES = (256, 512, 384, 768, 128, 1024)
_BATCHES = (1, 4, 2, 8)
_MOST_PIXELS = 2**21  # of the input in one run: more needs gigabytes of memory in between
_BUDGET_S = 8.0
_CLEARLY = 0.97  # of the time of an earlier plan, which takes less memory and is not left for noise
_SHARE = 0.03  # of the time that all images take: measuring shall pay
_RUNS = 2  # of a plan that is measured: the first of them also prepares
_USUAL_TILE = 512


@dataclass(frozen=True)
class Plan:
    """How to run the network.

    Attributes:
        batch: Images or tiles in one run.
        tile: Height and width of a tile; 0: whole images.
        halo: Overlap of tiles, in pixels of the input on each side.
        align: Where tiles may begin.
    """

    batch: int
    tile: int = 0
    halo: int = 0
    align: int = 1

    @property
    def tiling(self) -> Tiling | None:
        """For ``ImageToImage.run``."""
        return Tiling((self.tile, self.tile), self.halo, self.align) if self.tile else None

    def __str__(self) -> str:
        what = f"tiles of {self.tile} that overlap by {self.halo}" if self.tile else "whole images"
        return f"{what}, {self.batch} at once"


def reach_in(artifact: Artifact, graph: str | None, net: ImageToImage) -> Reach | str:
    """How far a pixel of this graph looks, or why nobody can say."""
    path, entry = artifact.graph(graph)
    if entry.format != "onnx":
        return f"a compiled graph ({entry.format}) does not say how far it looks"
    return reach_of(path, net.image.name, entry.spec.outputs[0].name)


def chosen(
    net: ImageToImage,
    reach: Reach | str,
    example: Images,
    *,
    batch: int | None,
    tile: int | None,
    coming: int | None,
    on_event: OnEvent,
) -> Plan:
    """The fastest plan for images of this size, among those that the options allow.

    Args:
        net: The network.
        reach: Of the network.
        example: (height, width, channels) uint8.
        batch: Given by the caller; none: measured.
        tile: Given by the caller, 0 for whole images; none: measured.
        coming: How many such images there are, which says how long measuring may take. Where they are few, or nobody
            knows (none), the plan is the usual one.
        on_event: Who is told when images cannot be cut, and when cuts may show in the last bits.

    Raises:
        RecipeError: The tile does not fit the network.
        InputMismatchError: Images are too large for one run and cannot be cut.
    """
    height, width = example.shape[:2]
    if net.recurrent:
        return _in_turn(net, example, batch=batch, tile=tile)
    if tile is not None and tile >= max(net.padded(height, width)):
        tile = 0
    whole = net.too_large(height, width)
    if tile:
        if problem := _problem(net, reach, tile):
            raise RecipeError(f"--tile {tile}: {problem}.", hint="give another, or --tile 0 for whole images")
        sizes = [tile]
    elif tile == 0:
        sizes = [] if whole else [0]
    else:
        only = min(axis.max for axis in net.limits())  # of networks for one size, the only one
        tiles = [
            one for one in dict.fromkeys((*_TILES, only)) if one < max(height, width) and not _problem(net, reach, one)
        ]
        large = net_pixels(net, height, width) > _MOST_PIXELS
        sizes = tiles if whole or (tiles and large) else [0, *tiles]
        if large and isinstance(reach, str):
            on_event(Note(f"whole images of {height}x{width}, because {reach}: memory may not suffice", "warning"))
    if not sizes and whole:
        raise whole
    most = net.generator.session.spec.largest_batch
    batches = [min(batch, most)] if batch else [one for one in _BATCHES if one <= most]
    plans = [_plan(reach, size, number) for size in sizes for number in batches]
    few = coming is None or _SHARE * coming < _RUNS  # measuring one plan alone would take a larger share
    if few and not batch:
        usual = _USUAL_TILE if _USUAL_TILE in sizes and 4 * height * width > _MOST_PIXELS else sizes[0]
        plans = [_plan(reach, usual, 1)]
    plan = plans[0] if len(plans) == 1 else _fastest(net, plans, example, coming or 1)
    if plan.tile and isinstance(reach, Reach) and reach.rounded:
        on_event(Note(f"tiles equal whole images within rounding only: '{reach.rounded[0]}' interpolates", "info"))
    return plan


def _in_turn(net: ImageToImage, example: Images, *, batch: int | None, tile: int | None) -> Plan:
    """Frames one by one, whole: what a recurrent network carries along is of all of the frame before.

    Raises:
        RecipeError: Something else is asked for.
        InputMismatchError: Frames are too large.
    """
    name = net.generator.artifact.manifest.name
    for option, value in (("--batch", None if batch == 1 else batch), ("--tile", tile)):
        if value:
            raise RecipeError(
                f"{option} {value}: '{name}' is recurrent, and takes whole frames one after another.",
                hint=f"leave out {option}",
            )
    if problem := net.too_large(*example.shape[:2]):
        raise problem
    return Plan(1)


def net_pixels(net: ImageToImage, height: int, width: int) -> int:
    """Of an image as the network is given it."""
    rows, columns = net.padded(height, width)
    return rows * columns


def _problem(net: ImageToImage, reach: Reach | str, tile: int) -> str:
    """Why images cannot be run in such tiles; empty: they can."""
    limits = net.limits()
    if isinstance(reach, str):
        return f"images cannot be cut, because {reach}"
    if tile <= 2 * reach.halo:
        return f"this network looks {reach.halo} pixels to each side, so a tile has more than {2 * reach.halo}"
    step = lcm(reach.align, *(axis.step for axis in limits))
    if tile % step:
        return f"this network takes multiples of {step}"
    if any(not axis.min <= tile <= axis.max for axis in limits):
        return f"this network takes {max(axis.min for axis in limits)} to {min(axis.max for axis in limits)} pixels"
    return ""


def _plan(reach: Reach | str, tile: int, batch: int) -> Plan:
    return Plan(batch, tile, reach.halo, reach.align) if tile and isinstance(reach, Reach) else Plan(batch)


def _fastest(net: ImageToImage, plans: list[Plan], example: Images, coming: int) -> Plan:
    """Each plan's first run is thrown away; when the budget is spent, the best so far is it."""
    best, best_s = plans[0], float("inf")
    started = time.perf_counter()
    for plan in plans:
        tile = plan.tile or max(example.shape)
        part = np.stack([example[:tile, :tile]] * plan.batch)
        if part[..., 0].size > _MOST_PIXELS and plan.batch > 1:
            continue
        cuts = len(list(plan.tiling.cuts(*net.padded(*example.shape[:2])))) if plan.tiling else 1
        seconds = min(_seconds(net, part, plan.batch) for _ in range(_RUNS)) * cuts / plan.batch
        if seconds < _CLEARLY * best_s:
            best, best_s = plan, seconds
        if time.perf_counter() - started > min(_BUDGET_S, _SHARE * best_s * coming):
            break
    return best


def _seconds(net: ImageToImage, images: Images, batch: int) -> float:
    begin = time.perf_counter()
    net.run(images, batch=batch)
    return time.perf_counter() - begin
