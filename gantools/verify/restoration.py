"""How much a network of images brings back: what it makes beside what it should, and beside what it was given.

Values are ``MetricCard``s of the metrics of clips: a picture is a clip of one frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gantools.core.errors import DataError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.proof import MetricCard
from gantools.data.pairs.pairs import PairSet
from gantools.metrics.interval import CONFIDENCE, interval
from gantools.metrics.video import VIDEO_METRICS
from gantools.metrics.video.frame import Bytes, Frame
from gantools.metrics.video.metric import Running, mean_of
from gantools.samplers.image_to_image import ImageToImage

USUAL, USUAL_GREY = ("psnr", "ssim", "psnr-rgb"), ("psnr-rgb", "ssim-rgb")
"""Of colours; and of grey, for which the latter are plain ones: BT.601's brightness has a smaller range."""
MOST_FRAMES = 100
"""Of a film that are looked at."""


@dataclass(frozen=True)
class Restored:
    """A metric.

    Attributes:
        made: Of what the network makes.
        given: Of what it is given, enlarged by bicubic interpolation where it is smaller.
        higher_is_better: Which way is up.
    """

    made: MetricCard
    given: MetricCard
    higher_is_better: bool


def evaluate_pairs(
    net: ImageToImage,
    pairs: PairSet,
    *,
    metrics: Sequence[str] | None = None,
    crop: int | None = None,
    on_event: OnEvent = ignore,
) -> tuple[Restored, ...]:
    """Score every clip, whole, as the network makes it of what is given.

    Args:
        net: What is scored. A recurrent one begins anew with each clip.
        pairs: Clips; of films the first ``MOST_FRAMES``.
        metrics: Names in the table of metrics of clips; none: ``USUAL``.
        crop: Pixels left out at each edge; none: as many as the scale, and none where the size is kept, as in papers.
        on_event: Who watches.

    Returns:
        In the order of the metrics. Intervals are over clips, or over stretches of the only one.

    Raises:
        DataError: There is one picture only, or a metric cannot see it.
        UnknownNameError: No such metric.
        InputMismatchError: A clip is larger than the network takes.
    """
    names = metrics or (USUAL if net.channels == 3 else USUAL_GREY)
    chosen = {name: VIDEO_METRICS.load(name) for name in names}
    edge = crop if crop is not None else net.scale if net.scale > 1 else 0
    values: dict[tuple[str, str], list[list[float | None]]] = {}
    clips = len(pairs.targets.clips)
    for number in range(clips):
        on_event(Progress("restore", number, clips, "clips"))
        low, target = pairs.whole(number, MOST_FRAMES)
        net.state = {}
        made = np.concatenate([net.run(frame[None]) for frame in low])
        for kind, frames in (("made", made), ("given", [pairs.shown(frame) for frame in low])):
            running = {name: metric.begin() for name, metric in chosen.items()}
            try:
                _watch(running, target, frames, edge)
                for name, one in running.items():
                    values.setdefault((name, kind), []).append(one.values())
            finally:
                for one in running.values():
                    one.close()
    on_event(Progress("restore", clips, clips, "clips"))
    found = []
    for name, metric in chosen.items():
        protocol = metric.protocol.format(crop=edge, brightness="bt601")
        made_card, given_card = (_card(protocol, values[name, kind], pairs) for kind in ("made", "given"))
        found.append(Restored(made_card, given_card, metric.higher_is_better))
    return tuple(found)


def _watch(running: dict[str, Running], target: Bytes, frames: Any, edge: int) -> None:
    before: tuple[Frame | None, Frame | None] = (None, None)
    for wanted, mine in zip(target, frames, strict=True):
        pair = (
            Frame(partial(_inner, wanted, edge), before=before[0]),
            Frame(partial(_inner, mine, edge), before=before[1]),
        )
        for one in running.values():
            one.add(*pair)
        before = pair


def _inner(pixels: Bytes, edge: int) -> Bytes:
    """Three channels, without the edge."""
    if 2 * edge >= min(pixels.shape[:2]):
        raise DataError(f"nothing is left of {pixels.shape[1]}x{pixels.shape[0]} pixels without {edge} at each edge.")
    inner = pixels[edge : len(pixels) - edge, edge : pixels.shape[1] - edge]
    return np.repeat(inner, 3, axis=-1) if inner.shape[-1] == 1 else inner


def _card(protocol: str, values: list[list[float | None]], pairs: PairSet) -> MetricCard:
    """The mean over clips of each clip's mean."""
    frames = sum(len(clip) for clip in values)
    if len(values) > 1:
        means = np.array([found for clip in values if (found := mean_of(clip)[0]) is not None])
        deleted = np.array([np.delete(means, place).mean() for place in range(len(means))])
        low, high = interval(float(means.mean()), deleted) if len(means) > 1 else (None, None)
        value, over = float(means.mean()) if len(means) else None, f"delete-one jackknife over {len(means)} clips"
    else:
        value, low, high = mean_of(values[0])
        over = "delete-a-group jackknife over 10 stretches of the clip"
    if value is None or low is None or high is None:
        raise DataError(
            f"'{pairs.targets.source}' has too little for '{protocol}' and its interval: "
            f"{len(values)} clip of {frames} frames."
            if len(values) == 1
            else f"'{pairs.targets.source}' has too few frames that follow each other for '{protocol}'.",
            hint="give two pictures or more, or a film of 20 frames or more",
        )
    return MetricCard(
        name=protocol,
        value=value,
        interval=(low, high),
        confidence=CONFIDENCE,
        method=f"{over}, Student t",
        samples=frames,
        references=frames,
        extractor="",
        extractor_sha256="",
        data=pairs.targets.source,
        data_sha256=pairs.digest,
        seeds="whole clips",
        protocol=pairs.task,
    )
