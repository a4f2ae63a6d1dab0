"""What a video file holds, and its frames one after another. The file is only read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from gantools.core.errors import DataError, first_line
from gantools.core.optional import require
from gantools.core.swscale import UNSPECIFIED

# What decoders hang on a frame and encoders cannot be given through PyAV.
_LOST = {
    "A53_CC": "closed captions",
    "MASTERING_DISPLAY_METADATA": "HDR mastering data",
    "CONTENT_LIGHT_LEVEL": "HDR light levels",
    "DYNAMIC_HDR_PLUS": "HDR10+ data",
    "DOVI_RPU_BUFFER": "Dolby Vision data",
    "DOVI_METADATA": "Dolby Vision data",
}


@dataclass(frozen=True)
class Colours:
    """How numbers mean colours, as ISO/IEC 23091-2 counts; 2 (range: 0) is unspecified."""

    matrix: int = UNSPECIFIED
    range: int = 0
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


@dataclass(frozen=True)
class Video:
    """A video stream as its file describes it, and its first frame confirms.

    Attributes:
        path: The file.
        stream: Number of the stream in the file.
        width: Of a frame as it is stored, before rotation and pixel aspect.
        height: As ``width``.
        pixels: Pixel format by FFmpeg's name.
        bits: Of one component.
        time_base: Unit of all times of this stream, in seconds.
        rate: Frames a second, on average.
        aspect: Width of a pixel over its height; None: not said.
        colours: Of the first frame.
        matrix: Nine numbers that say how the picture is to be turned; None: as it is.
        frames: How many the file says there are, or an estimate from its duration; 0: it does not say.
        counted: Whether ``frames`` is the file's own count.
        seconds: How long the file says it lasts; 0: it does not say.
        transparent: Whether pixels have an alpha.
        interlaced: Whether frames are two fields.
        left_behind: What frames carry that no encoder here can be given.
    """

    path: Path
    stream: int
    width: int
    height: int
    pixels: str
    bits: int
    time_base: Fraction
    rate: Fraction
    aspect: Fraction | None
    colours: Colours
    matrix: tuple[int, ...] | None
    frames: int
    counted: bool
    seconds: float
    transparent: bool
    interlaced: bool
    left_behind: tuple[str, ...]


@dataclass(frozen=True)
class TimedFrame:
    """A decoded frame: ``picture`` is PyAV's, times are in units of ``Video.time_base``."""

    picture: Any
    pts: int
    duration: int


@dataclass
class Losses:
    """What went wrong while a file was read, which goes on meanwhile.

    Attributes:
        hidden: Packets that the file itself wants decoded and not shown, by an edit list.
        undecodable: Packets that the decoder refused.
        damaged: Frames that it mended.
        moved: Frames whose time was missing, or not later than the one before.
        ended_early: Why the file could not be read on; empty: it was read to its end.
    """

    hidden: int = 0
    undecodable: int = 0
    damaged: int = 0
    moved: int = 0
    ended_early: str = ""


def open_input(path: Path) -> Any:
    """A PyAV container.

    Raises:
        DataError: Missing, empty, or nothing that FFmpeg can read.
        MissingDependencyError: PyAV is not installed.
    """
    av: Any = require("av", extra="video", why="to read videos")
    if not path.is_file():
        raise DataError(f"'{path}' {'is no file' if path.exists() else 'does not exist'}.")
    if path.stat().st_size == 0:
        raise DataError(f"'{path}' is empty: it has no bytes at all.", hint="copy or download it again")
    try:
        return av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as err:
        raise DataError(
            f"'{path}' cannot be read as a video: {first_line(err)}",
            hint="it may be cut off or of another kind; does a player show it?",
        ) from err


def main_stream(container: Any) -> Any:
    """The stream that is the video, rather than a cover picture; None: there is none."""
    av: Any = require("av", extra="video", why="to read videos")
    cover = av.stream.Disposition.attached_pic
    best = container.streams.best("video")
    if best is not None and not best.disposition & cover:
        return best
    return next((one for one in container.streams.video if not one.disposition & cover), None)


def describe(path: Path) -> Video:
    """Open a file, decode its first frame, and close it.

    Raises:
        DataError: There is no video in it, or not a single frame can be decoded.
    """
    with open_input(path) as container:
        stream = main_stream(container)
        if stream is None:
            kinds = sorted({one.type for one in container.streams})
            raise DataError(
                f"'{path}' has no video: it holds {' and '.join(kinds) or 'no streams'} only.",
                hint="give a file with pictures in it",
            )
        if stream.codec_context is None:
            raise DataError(f"the video of '{path}' is in a codec that FFmpeg cannot decode here.")
        losses = Losses()
        first = next(_decoded(container, stream, losses), None)
        if first is None:
            raise DataError(
                f"not one frame of '{path}' can be decoded; {losses.undecodable} packets were tried.",
                hint="copy or download it again",
            )
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        seconds = (
            stream.duration * stream.time_base if stream.duration else (container.duration or 0) * Fraction(1, 10**6)
        )
        names = {one.type.name for one in first.side_data}
        return Video(
            path=path,
            stream=stream.index,
            width=first.width,
            height=first.height,
            pixels=first.format.name,
            bits=max(component.bits for component in first.format.components),
            time_base=stream.time_base,
            rate=rate,
            aspect=stream.sample_aspect_ratio or None,
            colours=Colours(first.colorspace, first.color_range, first.color_primaries, first.color_trc),
            matrix=_matrix_of(first),
            frames=stream.frames or round(seconds * rate),
            counted=bool(stream.frames),
            seconds=float(seconds),
            transparent=any(component.is_alpha for component in first.format.components),
            interlaced=bool(first.interlaced_frame),
            left_behind=tuple(sorted({_LOST[name] for name in names if name in _LOST})),
        )


def frames(video: Video, losses: Losses) -> Iterator[TimedFrame]:
    """Every frame that can be decoded, in the order in which they are shown.

    Args:
        video: The file.
        losses: Counts what could not be read, and what had no usable time.

    Raises:
        DataError: The size of the pictures changes.
    """
    step = max(1, round(1 / (video.rate * video.time_base)))
    before: TimedFrame | None = None
    with open_input(video.path) as container:
        stream = container.streams[video.stream]
        stream.thread_type = "AUTO"
        for picture in _decoded(container, stream, losses):
            if (picture.width, picture.height) != (video.width, video.height):
                raise DataError(
                    f"'{video.path}' changes from {video.width}x{video.height} to {picture.width}x{picture.height} "
                    "pixels on the way.",
                    hint="cut it where the size changes, and give the parts one by one",
                )
            pts = picture.pts
            if pts is None or (before is not None and pts <= before.pts):
                losses.moved += 1
                pts = 0 if before is None else before.pts + (step if pts is None else 1)
            if before is not None:
                yield replace(before, duration=pts - before.pts)
            before = TimedFrame(picture, pts, picture.duration or step)
    if before is not None:
        # MP4 has the time to the next frame in the order of decoding, which is no duration where frames are reordered.
        yield replace(before, duration=max(before.duration, step))


def _decoded(container: Any, stream: Any, losses: Losses) -> Iterator[Any]:
    """Frames of a stream. What cannot be decoded is counted and passed over."""
    av: Any = require("av", extra="video", why="to read videos")
    packets = container.demux(stream)
    ended = False
    while not ended:
        try:
            packet = next(packets, None)
        except av.FFmpegError as err:
            losses.ended_early, packet = first_line(err), None
        ended = packet is None
        losses.hidden += packet is not None and packet.is_discard
        try:
            decoded = stream.decode(packet)
        except av.EOFError:
            decoded = []
        except av.FFmpegError:
            losses.undecodable += 1
            decoded = []
        for frame in decoded:
            losses.damaged += bool(frame.is_corrupt)
            yield frame


def _matrix_of(frame: Any) -> tuple[int, ...] | None:
    """The display matrix of a frame, as FFmpeg stores it: nine int32."""
    import numpy as np

    found = next((one for one in frame.side_data if one.type.name == "DISPLAYMATRIX"), None)
    return None if found is None else tuple(int(one) for one in np.frombuffer(bytes(found), np.int32))
