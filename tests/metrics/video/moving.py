"""Small clips whose motion is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from gantools.metrics.video.frame import Bytes, Frame
from gantools.metrics.video.metric import VideoMetric

SIZE = 64


def texture(seed: int = 0) -> npt.NDArray[np.float64]:
    """(192, 192, 3), soft blobs in 30..225."""
    noise = np.random.default_rng(seed).integers(0, 256, (3 * SIZE, 3 * SIZE, 3), np.uint8)
    soft = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2.5))).astype(float)
    scaled: npt.NDArray[np.float64] = 30 + 195 * (soft - soft.min()) / np.ptp(soft)
    return scaled


def sliding(count: int, x: int = 2, y: int = 1) -> list[Bytes]:
    """Pictures of what is seen through a window that moves left and up, so that all in it moves by (x, y)."""
    whole = texture()
    windows = [(SIZE - number * y, SIZE - number * x) for number in range(count)]
    return [np.rint(whole[top : top + SIZE, left : left + SIZE]).astype(np.uint8) for top, left in windows]


def frames(pictures: Sequence[Bytes]) -> list[Frame]:
    """Frames that know the one before; all of them are kept, so each keeps its own too."""
    made: list[Frame] = []
    for picture in pictures:
        before = made[-1] if made else None
        own = before.before if before else None
        frame = Frame(give(picture), np.ascontiguousarray(picture[..., 1]), before)
        if before is not None:
            before.before = own
        made.append(frame)
    return made


def give(picture: Bytes) -> Callable[[], Bytes]:
    """A reader of a picture that is there."""
    return lambda: picture


def measured(metric: VideoMetric, reference: Sequence[Bytes], made: Sequence[Bytes]) -> list[float | None]:
    """Values of all frames."""
    running = metric.begin()
    try:
        before: tuple[Frame | None, Frame | None] = None, None
        for one, other in zip(reference, made, strict=True):
            pair = (
                Frame(give(one), np.ascontiguousarray(one[..., 1]), before[0]),
                Frame(give(other), np.ascontiguousarray(other[..., 1]), before[1]),
            )
            running.add(*pair)
            before = pair
        return running.values()
    finally:
        running.close()
