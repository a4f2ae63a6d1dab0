"""Frames between frames: twice as many a second, each at its time, and none across a cut."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace

import numpy as np

from gantools.enhance.plan import Plan
from gantools.media.video.source import TimedFrame, Video
from gantools.samplers.image_to_image import Enlarged, Images, ImageToImage

TIMES = 2
_CUT = 35.0  # levels of 255 that a pixel differs by on average: frames of one scene differ by less than 20 as a rule
_LOOKED_AT = 4  # of every so many pixels one, down and across

Group = list[tuple[TimedFrame, Images]]
Made = list[tuple[TimedFrame, Enlarged]]


def doubled(video: Video) -> Video:
    """A video as it comes out: in half the unit of time, so that the middle of two times is a whole number."""
    return replace(
        video, time_base=video.time_base / TIMES, rate=TIMES * video.rate, frames=max(0, TIMES * video.frames - 1)
    )


def with_middles(net: ImageToImage, plan: Plan, groups: Iterable[Group]) -> Generator[Made]:
    """Each frame as it is, and behind it the one in the middle of it and the next.

    Times are in half of the unit that they come in. Where two frames show different scenes, the first is repeated.

    Args:
        net: Makes the middle of two frames.
        plan: How it is run.
        groups: Frames in order.
    """
    before: tuple[TimedFrame, Images] | None = None
    for group in groups:
        pairs = []
        for frame, pixels in group:
            if before is not None:
                pairs.append((before, (frame, pixels)))
            before = (frame, pixels)
        if pairs:
            yield _between(net, plan, pairs)
    if before is not None:
        frame, pixels = before
        yield [(replace(frame, pts=TIMES * frame.pts, duration=TIMES * frame.duration), _as_made(net, pixels))]


def _between(
    net: ImageToImage, plan: Plan, pairs: list[tuple[tuple[TimedFrame, Images], tuple[TimedFrame, Images]]]
) -> Made:
    both = np.stack([np.concatenate([one, other], axis=-1) for (_, one), (_, other) in pairs])
    middles = net.run(both, batch=plan.batch, tiling=plan.tiling)
    made: Made = []
    for ((frame, pixels), (following, after)), middle in zip(pairs, middles, strict=True):
        whole = following.pts - frame.pts  # in the old unit; half of it is as many new ones
        shown = _as_made(net, pixels)
        made.append((replace(frame, pts=TIMES * frame.pts, duration=whole), shown))
        made.append(
            (replace(frame, pts=frame.pts + following.pts, duration=whole), shown if is_cut(pixels, after) else middle)
        )
    return made


def is_cut(one: Images, other: Images) -> bool:
    """Whether two frames that follow each other show different scenes: (height, width, channels) uint8 each."""
    first, second = (image[::_LOOKED_AT, ::_LOOKED_AT].astype(np.int16) for image in (one, other))
    return float(np.abs(first - second).mean()) > _CUT


def _as_made(net: ImageToImage, pixels: Images) -> Enlarged:
    """A frame in the levels of what the network makes."""
    return pixels if net.levels == 255 else pixels.astype(np.uint16) * 257
