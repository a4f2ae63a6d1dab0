"""Encoders: which one, with which quality, in which pixels; and frames to packets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from gantools.core.errors import BackendError, RecipeError, UnknownNameError, first_line
from gantools.core.optional import require
from gantools.core.registry import unknown_name
from gantools.core.threads import without_urgent_threads
from gantools.media.video.colour import colours_of
from gantools.media.video.source import Colours, Video

SOFTWARE = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "vp9": "libvpx-vp9"}
HARDWARE = {
    "h264": ("h264_nvenc", "h264_qsv", "h264_amf", "h264_videotoolbox"),
    "hevc": ("hevc_nvenc", "hevc_qsv", "hevc_amf", "hevc_videotoolbox"),
    "av1": ("av1_nvenc", "av1_qsv", "av1_amf"),
    "vp9": ("vp9_qsv",),
}
# The option that means constant quality, its largest value, which encoders do not all refuse to go beyond, what is good
# enough to hide the encoder, and what else it takes to be heard. What x264 writes with AVX-512 differs from time to
# time, by how it spreads bits over time (mbtree), unless it is told to depend on no CPU.
_QUALITY: dict[str, tuple[str, int, int, dict[str, str]]] = {
    "libx264": ("crf", 51, 17, {"x264-params": "cpu-independent=1"}),
    "libx265": ("crf", 51, 18, {"x265-params": "log-level=error"}),
    "libsvtav1": ("crf", 63, 22, {}),
    "libvpx-vp9": ("crf", 63, 20, {"b": "0", "row-mt": "1"}),
    "nvenc": ("cq", 51, 19, {"rc": "vbr"}),
    "qsv": ("global_quality", 51, 19, {}),
    "amf": ("qvbr_quality_level", 51, 19, {"rc": "qvbr"}),
    "videotoolbox": ("q", 100, 65, {}),
}
_WATCHED = 16  # frames after whose encoding no thread is new any more
_PLAIN = {"yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuvj444p": "yuv444p", "nv12": "yuv420p"}


@dataclass(frozen=True)
class Settings:
    """All that an encoder is told, so that two of them write the same.

    Attributes:
        codec: FFmpeg's name of the encoder.
        options: Its own options.
        width: Of a frame.
        height: Of a frame.
        pixels: Pixel format.
        time_base: Unit of times, in seconds.
        rate: Frames a second, for its control of bits.
        aspect: Of a pixel.
        colours: Tags.
        headers_apart: Whether the container wants the stream's headers by themselves.
        reordered: Whether frames may be stored in another order than they are shown, as containers with times allow.
    """

    codec: str
    options: tuple[tuple[str, str], ...]
    width: int
    height: int
    pixels: str
    time_base: Fraction
    rate: Fraction
    aspect: Fraction | None
    colours: Colours
    headers_apart: bool
    reordered: bool = True

    def described(self) -> str:
        """For people: encoder, pixels, and the options that can be chosen."""
        options = [f"{key} {value}" for key, value in self.options if not key.endswith("-params")]
        return f"{self.codec} {self.pixels}, {', '.join(options)}"

    def apply(self, context: Any) -> None:
        """Set up an encoder's context that is not open yet."""
        av: Any = require("av", extra="video", why="to write videos")
        context.width, context.height, context.pix_fmt = self.width, self.height, self.pixels
        context.time_base, context.framerate = self.time_base, self.rate
        if self.aspect is not None:
            context.sample_aspect_ratio = self.aspect
        context.colorspace, context.color_range = self.colours.matrix, self.colours.range
        context.color_primaries, context.color_trc = self.colours.primaries, self.colours.transfer
        context.options = dict(self.options)
        if not self.reordered:
            context.max_b_frames = 0
        header = av.codec.context.Flags.global_header
        context.flags = context.flags | header if self.headers_apart else context.flags & ~header


@dataclass(frozen=True)
class Packet:
    """An encoded frame; times in units of ``Settings.time_base``."""

    content: bytes
    pts: int
    duration: int
    keyframe: bool


class Encoder:
    """One encoder from its first frame to its last.

    Raises:
        BackendError: It does not open with these settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._context = opened(settings)
        self._durations: dict[int, int] = {}
        self._watched = _WATCHED
        self.headers = bytes(self._context.extradata or b"")

    def packets(self, frame: Any, duration: int) -> Iterator[Packet]:
        """What comes out when a frame goes in, which is often nothing yet."""
        self._durations[frame.pts] = duration
        if self._watched:  # threads become urgent by themselves, some of them after the encoder is open
            self._watched -= 1
            without_urgent_threads()
        return self._packed(frame)

    def rest(self) -> Iterator[Packet]:
        """What is still inside. Nothing goes in afterwards."""
        return self._packed(None)

    def _packed(self, frame: Any) -> Iterator[Packet]:
        av: Any = require("av", extra="video", why="to write videos")
        try:
            made = self._context.encode(frame)
        except av.EOFError:
            return
        except av.FFmpegError as err:
            raise BackendError(f"the encoder gave up: {first_line(err)}") from err
        for packet in made:
            yield Packet(bytes(packet), packet.pts, self._durations.pop(packet.pts, 0), packet.is_keyframe)


def opened(settings: Settings) -> Any:
    """An open context of PyAV.

    Raises:
        BackendError: The encoder refused.
    """
    av: Any = require("av", extra="video", why="to write videos")
    os.environ.setdefault("SVT_LOG", "1")  # or SVT-AV1 writes to stderr what it is and does; 1: errors
    context = av.codec.CodecContext.create(settings.codec, "w")
    settings.apply(context)
    try:
        context.open()
    except av.FFmpegError as err:
        size = f"{settings.width}x{settings.height} {settings.pixels}"
        raise BackendError(
            f"the encoder {settings.codec} does not open for {size}: {first_line(err)}",
            hint="it may want even sizes, another preset or hardware that is not here; --codec ffv1 in .mkv takes all",
        ) from err
    without_urgent_threads()
    return context


def settings_of(
    video: Video,
    size: tuple[int, int],
    out: Path,
    *,
    codec: str | None,
    crf: int | None,
    preset: str | None,
    hardware: bool,
    headers_apart: bool,
    usual_crf: Mapping[str, int] | None = None,
) -> Settings:
    """What the video in its new size is encoded with.

    Args:
        video: The source.
        size: Width and height to come.
        out: The file to come: its suffix chooses the codec where nobody does.
        codec: ``h264``, ``hevc``, ``av1``, ``vp9``, or FFmpeg's name of an encoder.
        crf: Constant quality, less is better.
        preset: By the encoder's own names.
        hardware: Whether a hardware encoder of this codec is wanted.
        headers_apart: See ``Settings``.
        usual_crf: By the encoder's name, where nobody gives a ``crf``; none: what hides the encoder.

    Raises:
        UnknownNameError: There is no such encoder.
        RecipeError: The encoder does not take an option, or cannot keep the depth of the pixels.
        BackendError: No hardware encoder opens, or the encoder refused.
    """
    av: Any = require("av", extra="video", why="to write videos")
    codec = codec or ("vp9" if out.suffix == ".webm" else "h264")
    names = HARDWARE.get(codec, ()) if hardware else (SOFTWARE.get(codec, codec),)
    if hardware and not names:
        raise RecipeError(f"--hardware goes with --codec {', '.join(HARDWARE)}, not with '{codec}'.")
    reasons = []
    for name in names:
        encoder = _encoder(name, quiet=hardware)
        if encoder is None:
            continue
        try:
            pixels = _pixels(encoder, video)
        except RecipeError:
            if hardware:  # the next one may keep them
                continue
            raise
        settings = Settings(
            codec=name,
            options=_options(name, encoder, (usual_crf or {}).get(name) if crf is None else crf, preset),
            width=size[0],
            height=size[1],
            pixels=pixels,
            time_base=video.time_base,
            rate=video.rate,
            aspect=video.aspect,
            colours=colours_of(video, size, rgb=av.VideoFormat(pixels).is_rgb),
            headers_apart=headers_apart,
            reordered=out.suffix != ".avi",
        )
        try:
            opened(settings)
        except BackendError as err:
            reasons.append(err)
            continue
        return settings
    if hardware or not reasons:
        raise BackendError(
            f"no hardware encoder of {codec} opens here; {', '.join(names)} were tried.", hint="leave --hardware out"
        )
    raise reasons[0]


def _encoder(name: str, *, quiet: bool) -> Any:
    av: Any = require("av.codec", extra="video", why="to write videos")
    try:
        encoder = av.Codec(name, "w")
        if encoder.type == "video":
            return encoder
    except (av.codec.UnknownCodecError, ValueError):
        pass
    if quiet:
        return None
    raise _no_encoder(name)


def _no_encoder(name: str) -> UnknownNameError:
    return unknown_name("video encoder", name, [*SOFTWARE, *SOFTWARE.values(), "ffv1", "prores_ks"])


def _options(name: str, encoder: Any, crf: int | None, preset: str | None) -> tuple[tuple[str, str], ...]:
    kind = next((key for key in _QUALITY if key in name), None)
    option, most, usual, others = _QUALITY[kind] if kind else ("crf", 0, 0, {})
    options = dict(others)
    if crf is not None and kind is None:
        raise RecipeError(
            f"the encoder {name} has no constant quality, so --crf says nothing to it.", hint="leave it out"
        )
    if kind is not None:
        if crf is not None and not 0 <= crf <= most:
            raise RecipeError(f"the encoder {name} takes --crf from 0 to {most}, got {crf}.", hint=f"{usual} is usual")
        options[option] = str(usual if crf is None else crf)
    if preset is not None:
        known = {one.name for one in encoder.create("video").supported_options.private}
        if "preset" not in known:
            raise RecipeError(f"the encoder {name} has no presets, got --preset {preset}.", hint="leave it out")
        options["preset"] = preset
    return tuple(sorted(options.items()))


def _pixels(encoder: Any, video: Video) -> str:
    """The pixel format that loses nothing of the source's, or the one nearest to it with as many bits."""
    av: Any = require("av.codec.codec", extra="video", why="to write videos")
    wanted = _PLAIN.get(video.pixels, video.pixels)
    formats = [one.name for one in encoder.video_formats or ()]
    if not formats or wanted in formats:
        return wanted
    best, loss = av.find_best_pix_fmt_of_list([one for one in formats if not one.startswith("yuvj")], wanted, False)
    if best is None or loss & (av.PixFmtLoss.DEPTH | av.PixFmtLoss.CHROMA):
        raise RecipeError(
            f"the encoder {encoder.name} cannot keep {wanted}, which has {video.bits} bits.",
            hint="--codec ffv1 keeps any pixels, in .mkv",
        )
    return str(best.name)
