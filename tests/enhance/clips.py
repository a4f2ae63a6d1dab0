"""Videos that are hard to keep whole, written in a second: tiny pictures, and everything that a file can hold.

``python benchmarks/video_corpus.py`` shows what becomes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

Av: Any = av
SIZE = (64, 48)


@dataclass(frozen=True)
class Clip:
    """What to write.

    Attributes:
        times: When each frame is shown, in units of ``base``.
        base: Seconds.
        sounds: Codec and language of each track.
        colours: Matrix, range, primaries and transfer.
        matrix: Degrees that the picture is to be turned by.
        subtitles: Codec of a subtitle track.
        shift: Added to all times, in seconds: where it is negative, MP4 hides what is before 0 by an edit list.
    """

    times: Sequence[int] = tuple(512 * n for n in range(12))
    base: Fraction = Fraction(1, 12800)
    size: tuple[int, int] = SIZE
    codec: str = "libx264"
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    sounds: Sequence[tuple[str, str]] = ()
    colours: tuple[int, int, int, int] | None = None
    aspect: Fraction | None = None
    turned: int = 0
    subtitles: str = ""
    chapters: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    cover: bool = False
    font: bool = False
    data: bool = False
    second_video: bool = False
    timecode: str = ""
    shift: Fraction = Fraction(0)


def write(path: Path, clip: Clip) -> None:
    """Encode a clip. Pictures are a gradient with a square that moves; sounds are tones."""
    own_tags = {"movflags": "use_metadata_tags"} if clip.metadata and path.suffix == ".mp4" else {}
    with Av.open(str(path), "w", container_options=own_tags) as container:
        container.metadata.update(clip.metadata)
        video = _video_stream(container, clip)
        if clip.timecode:
            video.metadata["timecode"] = clip.timecode
        sounds = [_sound_stream(container, *sound) for sound in clip.sounds]
        other = _video_stream(container, clip) if clip.second_video else None
        words = container.add_mux_stream(clip.subtitles) if clip.subtitles else None
        if words is not None:
            words.time_base = Fraction(1, 1000)
            words.metadata["language"] = "deu"
        data = container.add_data_stream("klv") if clip.data else None
        cover = _cover_stream(container) if clip.cover else None
        if clip.font:
            container.add_attachment("a.ttf", "application/x-truetype-font", b"no real font")
        if clip.chapters:
            part = {"time_base": Fraction(1, 1000), "metadata": {}}
            container.set_chapters(
                [
                    {**part, "id": 1, "start": 0, "end": 200, "metadata": {"title": "one"}},
                    {**part, "id": 2, "start": 200, "end": 480, "metadata": {"title": "two"}},
                ]
            )
        packets: list[tuple[Any, Any]] = [
            (stream, packet) for stream in (video, other) if stream for packet in _pictures(stream, clip)
        ]
        packets += [pair for sound in sounds for pair in _tones(sound, clip)]
        for stream in (words, data):
            if stream is not None:
                packets += [(stream, _text(stream, number)) for number in range(2)]
        if cover is not None:
            packets.append((cover, _still(cover)))
        packets.sort(key=lambda pair: pair[1].dts * pair[1].time_base)
        for stream, packet in packets:
            move = round(clip.shift / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + move, packet.dts + move, stream
            container.mux(packet)


def picture(number: int, size: tuple[int, int]) -> np.ndarray:
    """(height, width, 3) uint8."""
    width, height = size
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    colours = np.stack([across * 3, down * 4, (across + down) * 2 + 3 * number], axis=-1) % 256
    colours[8:16, (4 * number) % width :][:, :8] = (250, 20, 20)
    return colours.astype(np.uint8)


def _video_stream(container: Any, clip: Clip) -> Any:
    options = {"preset": "ultrafast", "bf": "2"} if clip.codec == "libx264" else {}
    if clip.codec == "libx265":
        options = {"preset": "ultrafast", "x265-params": "log-level=error"}
    if clip.codec == "libsvtav1":
        options = {"preset": "12"}
    stream: Any = container.add_stream(clip.codec, rate=25, options={**options, **clip.options})
    stream.width, stream.height = clip.size
    stream.pix_fmt = clip.pixels
    stream.codec_context.time_base = clip.base
    stream.time_base = clip.base
    if clip.colours:
        context = stream.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = clip.colours
    if clip.aspect:
        stream.codec_context.sample_aspect_ratio = clip.aspect
    if clip.turned:
        stream.set_display_rotation(clip.turned)
    return stream


def _pictures(stream: Any, clip: Clip) -> list[Any]:
    stream.container.start_encoding()
    packets = []
    for number, time in enumerate(clip.times):
        frame = Av.VideoFrame.from_ndarray(picture(number, clip.size), "rgb24")
        matrix, range_ = clip.colours[:2] if clip.colours else (5, 1)
        frame = frame.reformat(format=clip.pixels, dst_colorspace={6: 5}.get(matrix, matrix), dst_color_range=range_)
        frame.pts, frame.time_base = time, clip.base
        packets += stream.encode(frame)
    packets += stream.encode(None)
    for packet in packets:
        packet.duration = packet.duration or round(Fraction(1, 25) / clip.base)
    return packets


def _sound_stream(container: Any, codec: str, language: str) -> Any:
    stream = container.add_stream(codec, rate=48000)
    stream.metadata["language"] = language
    return stream


def _tones(stream: Any, clip: Clip) -> list[tuple[Any, Any]]:
    seconds = float(max(clip.times) * clip.base) + 0.04
    count = int(48000 * min(seconds, 1.0))
    wave = np.sin(np.arange(count) * 2 * np.pi * 440 / 48000) * 8000
    resampler = Av.AudioResampler(format=stream.codec_context.format, layout="stereo", rate=48000)
    frame = Av.AudioFrame.from_ndarray(np.repeat(wave.astype(np.int16), 2)[None], "s16", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    packets = []
    fifo = Av.AudioFifo()
    for piece in resampler.resample(frame):
        fifo.write(piece)
    size = stream.codec_context.frame_size or 1024
    while (piece := fifo.read(size, partial=True)) is not None:
        packets += stream.encode(piece)
    packets += stream.encode(None)
    return [(stream, packet) for packet in packets]


def _text(stream: Any, number: int) -> Any:
    words = f"line {number}".encode()
    if stream.type == "subtitle" and stream.container.format.name == "mp4":
        words = len(words).to_bytes(2, "big") + words  # as mov_text has it
    packet = Av.Packet(words)
    packet.time_base, packet.pts, packet.dts, packet.duration = Fraction(1, 1000), 100 * number, 100 * number, 80
    packet.is_keyframe = True
    return packet


def _cover_stream(container: Any) -> Any:
    stream = container.add_stream("png")
    stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
    stream.codec_context.time_base = Fraction(1, 25)
    stream.disposition = Av.stream.Disposition.attached_pic
    return stream


def _still(stream: Any) -> Any:
    frame = Av.VideoFrame.from_ndarray(picture(0, (16, 16)), "rgb24")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    packets = [*stream.encode(frame), *stream.encode(None)]
    assert len(packets) == 1
    return packets[0]


def cut_off(path: Path, clip: Clip) -> None:
    """The second half of the bytes is missing."""
    write(path, clip)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def scratched(path: Path, clip: Clip) -> None:
    """Some bytes in the middle are other ones."""
    write(path, clip)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)


UNEVEN = (0, 512, 700, 1900, 1901, 2500, 4096, 4500, 6000, 6001, 9000, 9512)
AAC = (("aac", "eng"),)
_MS = Fraction(1, 1000)

CLIPS: dict[str, tuple[str, Callable[[Path, Clip], None], Clip]] = {
    "plain": (".mp4", write, Clip(sounds=AAC)),
    "uneven times": (".mp4", write, Clip(times=UNEVEN, sounds=AAC)),
    "uneven times, Matroska": (
        ".mkv",
        write,
        Clip(times=(0, 40, 55, 140, 141, 300), base=_MS, sounds=(("flac", "eng"),)),
    ),
    "late start": (".mp4", write, Clip(times=[6400 + 512 * n for n in range(8)], sounds=AAC)),
    "edit list that hides": (".mp4", write, Clip(sounds=AAC, shift=Fraction(-3, 25))),
    "odd size, VP9": (".webm", write, Clip(size=(63, 47), codec="libvpx-vp9", base=_MS, times=range(0, 400, 40))),
    "odd size, 4:4:4": (".mp4", write, Clip(size=(65, 49), pixels="yuv444p")),
    "10 bits, HEVC": (".mp4", write, Clip(codec="libx265", pixels="yuv420p10le", sounds=AAC)),
    "10 bits, BT.2020 PQ": (".mp4", write, Clip(pixels="yuv420p10le", colours=(9, 1, 9, 16))),
    "BT.601": (".mp4", write, Clip(colours=(6, 1, 6, 6))),
    "BT.709, full range": (".mp4", write, Clip(colours=(1, 2, 1, 1))),
    "pixels not square": (".mp4", write, Clip(aspect=Fraction(16, 15))),
    "turned by 90 degrees": (".mp4", write, Clip(turned=90, sounds=AAC)),
    "turned by 180 degrees": (".mov", write, Clip(turned=180)),
    "two sounds": (".mkv", write, Clip(base=_MS, times=range(0, 480, 40), sounds=(("aac", "eng"), ("libopus", "fra")))),
    "subtitles and a font": (".mkv", write, Clip(base=_MS, times=range(0, 480, 40), subtitles="subrip", font=True)),
    "subtitles, MP4": (".mp4", write, Clip(subtitles="mov_text", sounds=AAC)),
    "chapters and titles": (
        ".mp4",
        write,
        Clip(chapters=True, metadata={"title": "A clip", "artist": "Nobody", "rig": "two tripods"}),
    ),
    "cover picture": (".mp4", write, Clip(cover=True, sounds=AAC)),
    "data and MPEG-2": (
        ".ts",
        write,
        Clip(codec="mpeg2video", base=Fraction(1, 25), times=range(12), sounds=(("mp2", "eng"),), data=True),
    ),
    "time code": (".mov", write, Clip(timecode="01:00:00:00", sounds=AAC)),
    "two videos": (".mkv", write, Clip(base=_MS, times=range(0, 480, 40), second_video=True)),
    "one frame": (".mp4", write, Clip(times=(0,))),
    "grey": (".mkv", write, Clip(codec="ffv1", pixels="gray", base=_MS, times=range(0, 240, 40))),
    "RGB": (".mkv", write, Clip(codec="ffv1", pixels="bgr0", base=_MS, times=range(0, 240, 40))),
    "AV1 and Opus": (
        ".webm",
        write,
        Clip(codec="libsvtav1", base=_MS, times=range(0, 480, 40), sounds=(("libopus", "eng"),)),
    ),
    "cut off": (
        ".mkv",
        cut_off,
        Clip(base=_MS, times=range(0, 960, 40), sounds=(("flac", "eng"),), options={"g": "6"}),
    ),
    "scratched": (".mp4", scratched, Clip(times=tuple(512 * n for n in range(24)), options={"g": "6"})),
}


def make(name: str, folder: Path) -> Path:
    """Write the clip of this name."""
    suffix, how, clip = CLIPS[name]
    path = folder / f"{name.replace(' ', '-').replace(',', '').replace('.', '').replace(':', '')}{suffix}"
    how(path, clip)
    return path
