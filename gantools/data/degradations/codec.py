"""Packed as a video by a real encoder, which deblocking undoes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import AfterValidator, Field

from gantools.core.optional import require
from gantools.core.spec import Frozen
from gantools.core.swscale import BT470BG, FULL, LIMITED, UNSPECIFIED, converted, seen
from gantools.core.threads import without_urgent_threads
from gantools.data.degradations.degradation import DegradationRow, drawn, ordered
from gantools.data.sources import Pixels

_LEAST = 64  # a side, below which AV1's encoder refuses
_PRESETS = {"libx264": "medium", "libx265": "ultrafast", "libsvtav1": "10"}
_STILL = 0.25  # of shots, in which nothing moves
_MORE = 3  # frames at most that come before or after for chance: as many as x264 stores out of order in a row


class CodecConfig(Frozen):
    """Options of ``codec``.

    Attributes:
        codec: Whose.
        crf: Range of its quality, as the encoder counts: larger is worse.
        preset: Of the encoder; none: x264's own, or a quick one.
        context: Frames before the first that counts, so that this is predicted from others, as nearly all frames are.
            Where there are fewer, as of a picture, those that lack are the first one, moved; up to three more, and as
            many after the last, make it any kind of frame that the encoder knows. 0: nothing is added.
        motion: How far added frames move, in pixels a frame: the standard deviation of each direction. A quarter of
            them stand still.
    """

    codec: Literal["libx264", "libx265", "libsvtav1"] = "libx264"
    crf: Annotated[tuple[float, float], AfterValidator(ordered)] = (18, 40)
    preset: str | None = None
    context: int = Field(default=8, ge=0, le=32)
    motion: float = Field(default=1.5, ge=0, le=16)


class Codec:
    """See the module."""

    scale = 1
    margin = 16
    between = False
    unlocked = True

    def __init__(self, config: CodecConfig) -> None:
        self._config, self.context = config, config.context

    def apply(self, clip: Pixels, rng: np.random.Generator) -> Pixels:
        """See ``Degradation``."""
        crf = round(drawn(self._config.crf, rng))
        name, preset = self._config.codec, self._config.preset
        if not self.context:
            return packed(clip, name, crf, preset or _PRESETS[name])
        before, after = (int(count) for count in rng.integers(_MORE + 1, size=2))
        before += max(0, self.context + 1 - len(clip))
        speed = rng.normal(0, self._config.motion, 2) * (rng.random() >= _STILL)
        film = [*moved(clip[0], -speed, range(before, 0, -1)), *clip, *moved(clip[-1], speed, range(1, after + 1))]
        made = packed(np.stack(film), name, crf, preset or _PRESETS[name])
        return made[before : before + len(clip)]


def moved(frame: Pixels, speed: npt.NDArray[np.float64], times: Iterable[int]) -> Iterator[Pixels]:
    """A frame at other times, when all of it moves alike; what comes in at the edges is mirrored.

    Args:
        frame: (height, width, 1 or 3) uint8, at time 0.
        speed: Pixels to the right and down by which the view moves in each unit of time.
        times: When.
    """
    height, width, channels = frame.shape
    rows, columns = (min(_LEAST, size - 1) for size in (height, width))
    around = np.pad(frame, ((rows, rows), (columns, columns), (0, 0)), mode="reflect")
    image = Image.fromarray(around.squeeze(2) if channels == 1 else around)
    for time in times:
        right, down = (
            float(np.clip(way * time, -room, room)) for way, room in zip(speed, (columns, rows), strict=True)
        )
        place = (1, 0, columns + right, 0, 1, rows + down)
        there = image.transform((width, height), Image.Transform.AFFINE, place, Image.Resampling.BICUBIC)
        yield np.asarray(there).reshape(height, width, channels)


def packed(clip: Pixels, codec: str, crf: int, preset: str) -> Pixels:
    """A clip encoded and decoded again, in 4:2:0.

    Args:
        clip: (frames, height, width, 1 or 3) uint8, of any size: it is padded for the encoder.
        codec: Name of an encoder.
        crf: Its quality.
        preset: Its preset.

    Raises:
        MissingDependencyError: PyAV is not installed.
    """
    av: Any = require("av", extra="video", why="to learn from what codecs do")
    _, height, width, channels = clip.shape
    rows, columns = (max(_LEAST, size + size % 2) for size in (height, width))
    padded = np.pad(clip, ((0, 0), (0, rows - height), (0, columns - width), (0, 0)), mode="edge")
    os.environ.setdefault("SVT_LOG", "1")  # or SVT-AV1 writes to stderr what it is and does; 1: errors
    stream = io.BytesIO()
    with av.open(stream, "w", "matroska") as container:
        options = {"crf": str(crf), "preset": preset, **_ALIKE[codec]}
        out = container.add_stream(codec, rate=Fraction(25), options=options)
        out.width, out.height, out.pix_fmt, out.thread_count = columns, rows, "yuv420p", 1
        packets: list[Any] = []
        for number, pixels in enumerate(padded):
            rgb = np.repeat(pixels, 3, axis=-1) if channels == 1 else pixels
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
            frame = converted(picture, "yuv420p", UNSPECIFIED, FULL, BT470BG, LIMITED)
            frame.pts = number
            packets += out.encode(frame)
            without_urgent_threads()
        packets += out.encode(None)
        for place, packet in enumerate(packets):
            # They come in the order in which they are decoded. x265 leaves these times to chance in so short a film.
            packet.dts = place - len(packets)
            container.mux(packet)
    stream.seek(0)
    form = "gray" if channels == 1 else "rgb24"
    with av.open(stream) as container:
        # As many threads as there are cores would take longer to start than so few pixels take to decode.
        container.streams.video[0].codec_context.thread_count = 1
        decoded = container.decode(video=0)
        frames = [seen(one, form, BT470BG, LIMITED) for one in decoded]
    made = np.stack(frames).reshape(len(frames), rows, columns, channels)
    return made[:, :height, :width]


# Silent, and one thread: many samples are made side by side. What x264 writes with AVX-512 differs from time to time.
_ALIKE = {
    "libx264": {"x264-params": "cpu-independent=1"},
    "libx265": {"x265-params": "log-level=none:pools=1"},
    "libsvtav1": {"svtav1-params": "lp=1"},
}

codec = DegradationRow(CodecConfig, Codec)
