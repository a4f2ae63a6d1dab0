"""Two clips frame by frame: videos, folders of pictures or single pictures, and how far one lies from the other.

Frames are read one after another from both and let go, so memory does not grow with a clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.media.pictures import SUFFIXES, read_picture
from gantools.media.plots import Line, line_plot
from gantools.media.video.colour import Converter, stored_code
from gantools.media.video.source import Losses, Video, describe, frames
from gantools.metrics.video import VIDEO_METRICS
from gantools.metrics.video.frame import Bytes, Frame
from gantools.metrics.video.metric import mean_of

USUAL = ("psnr", "ssim")
_LATER_S = 0.001  # by which times may differ without a word: containers round
_PLOT = (720, 200)


@dataclass(frozen=True)
class Curve:
    """What a metric says.

    Attributes:
        metric: Its name in the table.
        protocol: What exactly was measured.
        unit: Of the values.
        higher_is_better: Which way is up.
        mean: Over the frames that have a value; none: no frame has.
        low: Lower end of the mean's 95 % interval; none: too few frames.
        high: Upper end.
        values: Of every frame.
    """

    metric: str
    protocol: str
    unit: str
    higher_is_better: bool
    mean: float | None
    low: float | None
    high: float | None
    values: list[float | None]

    @property
    def worst(self) -> int | None:
        """Number of the worst frame, from 0."""
        known = [(value, place) for place, value in enumerate(self.values) if value is not None]
        if not known:
            return None
        return (min(known) if self.higher_is_better else max(known))[1]


@dataclass(frozen=True)
class Comparison:
    """What was compared.

    Attributes:
        reference: The clip as it should be.
        made: The clip that is judged.
        frames: That were compared.
        frames_of: How many the reference and the other have.
        width: Of a frame, edges included.
        height: Of a frame.
        crop: Pixels left out at each edge.
        curves: One for each metric.
        notes: What differs besides the pixels, in sentences.
    """

    reference: Path
    made: Path
    frames: int
    frames_of: tuple[int, int]
    width: int
    height: int
    crop: int
    curves: tuple[Curve, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Shot:
    """A frame as it was read; ``time_s`` is counted from the first."""

    rgb: Callable[[], Bytes]
    stored: Callable[[], Bytes]
    time_s: float | None
    size: tuple[int, int]
    name: str


def compare_clips(
    reference: str | Path,
    made: str | Path,
    metrics: Sequence[str] = USUAL,
    *,
    crop: int = 0,
    on_event: OnEvent = ignore,
) -> Comparison:
    """Measure a clip against the clip that it should be.

    Args:
        reference: A video, a folder of pictures, or a picture.
        made: The other one, of the same size in pixels.
        metrics: Names of ``VIDEO_METRICS``.
        crop: Pixels to leave out at each edge, before anything is measured.
        on_event: Who watches.

    Raises:
        DataError: A clip cannot be read, sizes differ, or a metric cannot be measured on these.
        UnknownNameError: There is no such metric.
        MissingDependencyError: A metric's library is not installed.
        BackendError: The ffmpeg that computes VMAF failed.
    """
    paths = Path(reference), Path(made)
    rows = {name: VIDEO_METRICS.load(name) for name in dict.fromkeys(metrics)}
    pass_ = _Pass(paths, crop, on_event)
    with ExitStack() as stack:
        running = {}
        for name, row in rows.items():
            running[name] = row.begin()
            stack.callback(running[name].close)
        for one, other in pass_.pairs():
            for metric in running.values():
                metric.add(one, other)
        values = {name: metric.values() for name, metric in running.items()}
    names = {"crop": crop, "brightness": "stored" if pass_.alike else "bt601"}
    curves = [
        Curve(name, row.protocol.format(**names), row.unit, row.higher_is_better, *mean_of(values[name]), values[name])
        for name, row in rows.items()
    ]
    notes = tuple(pass_.notes())
    for note in notes:
        on_event(Note(note, "warning"))
    counts = pass_.counts[0], pass_.counts[1]
    return Comparison(*paths, min(counts), counts, *pass_.size, crop, tuple(curves), notes)


def curves_picture(comparison: Comparison) -> npt.NDArray[np.uint8]:
    """(height, width, 3) uint8: a plot for each metric, its values over the number of the frame."""
    plots = []
    for curve in comparison.curves:
        known = [(float(place), value) for place, value in enumerate(curve.values) if value is not None]
        line = Line("", [place for place, _ in known], [value for _, value in known])
        unit = f" in {curve.unit}" if curve.unit else ""
        plots.append(line_plot([line], title=f"{curve.protocol}{unit}", width=_PLOT[0], height=_PLOT[1]))
    return np.concatenate(plots)


class _Pass:
    """One reading of both clips. At its end it knows how many frames each has, and what differs besides the pixels."""

    def __init__(self, paths: tuple[Path, Path], crop: int, on_event: OnEvent) -> None:
        self.paths, self.crop, self.on_event = paths, crop, on_event
        self.videos = [_video(path) for path in paths]
        codes = [None if video is None else stored_code(video) for video in self.videos]
        # Only then do stored numbers mean the same brightness in both.
        self.alike = codes[0] is not None and codes[0] == codes[1]
        self.counts = [0, 0]
        self.size = 0, 0
        self._late_s, self._late_since = 0.0, -1
        self._names: tuple[str, str] | None = None

    def pairs(self) -> Iterator[tuple[Frame, Frame]]:
        """Frame by frame, as long as both have one.

        Raises:
            DataError: Sizes differ, or there is nothing to compare.
        """
        expected = max((video.frames for video in self.videos if video is not None), default=0)
        left, right = (_shots(path, video) for path, video in zip(self.paths, self.videos, strict=True))
        before: tuple[Frame | None, Frame | None] = None, None
        while True:
            one, other = next(left, None), next(right, None)
            self.counts[0] += one is not None
            self.counts[1] += other is not None
            if one is None and other is None:
                break
            if one is None or other is None:
                continue  # count the rest of the longer one
            self._see(one, other)
            before = self._frame(one, before[0]), self._frame(other, before[1])
            yield before
            self.on_event(Progress("compare", self.counts[0], max(expected, *self.counts), "frames"))
        if not min(self.counts):
            raise DataError(f"'{self.paths[self.counts.index(0)]}' has no frames to compare.")

    def notes(self) -> Iterator[str]:
        """What differs besides the pixels."""
        (one, other), (first, second) = self.counts, (path.name for path in self.paths)
        for video in self.videos:
            if video is not None and video.bits > 8:
                yield f"'{video.path.name}' has {video.bits} bits, and is compared as 8"
        if one != other:
            shared = f"the first {min(one, other)} of each are compared"
            yield f"'{first}' has {one} frames and '{second}' has {other}: {shared}"
        if self._late_since >= 0:
            yield (
                f"times of frames differ from frame {self._late_since} on, by up to {self._late_s:.3f} seconds: frames "
                "are compared by their number"
            )
        if self._names is not None:
            yield f"pictures are compared in order, and their names differ: '{self._names[0]}' and '{self._names[1]}'"

    def _see(self, one: _Shot, other: _Shot) -> None:
        if one.size != other.size:
            sizes = (
                f"'{path.name}' has {shot.size[0]}x{shot.size[1]}"
                for path, shot in zip(self.paths, (one, other), strict=True)
            )
            raise DataError(
                f"sizes differ: {' and '.join(sizes)} pixels.",
                hint="'gantools enhance' and 'gantools video restore' make a clip as large as its original",
            )
        if 2 * self.crop >= min(one.size):
            raise DataError(f"--crop {self.crop} leaves nothing of {one.size[0]}x{one.size[1]} pixels.")
        self.size = one.size
        if one.time_s is not None and other.time_s is not None:
            apart = abs(one.time_s - other.time_s)
            self._late_s = max(self._late_s, apart)
            if apart > _LATER_S and self._late_since < 0:
                self._late_since = self.counts[0] - 1
        if self._names is None and one.name and other.name and Path(one.name).stem != Path(other.name).stem:
            self._names = one.name, other.name

    def _frame(self, shot: _Shot, before: Frame | None) -> Frame:
        inner = np.s_[self.crop : shot.size[1] - self.crop, self.crop : shot.size[0] - self.crop]
        return Frame(lambda: shot.rgb()[inner], shot.stored()[inner] if self.alike else None, before)


def _video(path: Path) -> Video | None:
    """None: it is a picture, or a folder of them.

    Raises:
        DataError: There is no such file, or no video in it.
    """
    if path.is_dir() or (path.is_file() and path.suffix.lower() in SUFFIXES):
        return None
    return describe(path)


def _shots(path: Path, video: Video | None) -> Iterator[_Shot]:
    if video is None:
        yield from _pictures(path)
        return
    converter = Converter(video, video.colours, video.pixels, 3, 1)
    begin: float | None = None
    for frame in frames(video, Losses()):
        time_s = float(frame.pts * video.time_base)
        begin = time_s if begin is None else begin
        rgb, stored = partial(converter.array, frame), partial(_stored, frame.picture)
        yield _Shot(rgb, stored, time_s - begin, (video.width, video.height), "")


def _stored(picture: Any) -> Bytes:
    """The first plane of a frame of PyAV, (height, width)."""
    plane = picture.planes[0]
    rows: Bytes = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width].copy()


def _pictures(path: Path) -> Iterator[_Shot]:
    paths = [path]
    if path.is_dir():
        paths = sorted(
            one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and not one.name.startswith(".")
        )
    if not paths:
        raise DataError(f"'{path}' holds no pictures: none ends in {', '.join(SUFFIXES)}.")
    for one in paths:
        pixels = read_picture(one, 3).pixels
        height, width = pixels.shape[:2]
        name = str(one.relative_to(path)) if path.is_dir() else ""
        yield _Shot(partial(np.asarray, pixels), partial(np.asarray, pixels[..., 0]), None, (width, height), name)
