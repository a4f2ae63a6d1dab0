"""What a video file holds, as values that can be compared: the same of a source and of what was made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from gantools.media.video.mark import is_of_mark

Av: Any = av
_LIMITED = 1  # which players take for granted where nothing is said
# Tags that muxers write by themselves.
_OWN = {"major_brand", "minor_version", "compatible_brands", "encoder", "DURATION", "vendor_id", "handler_name"}


@dataclass(frozen=True)
class Facts:
    """Everything that is to stay, and the size, which is to grow.

    Attributes:
        frames: Decoded.
        times: Of the frames, in seconds.
        size: Of a frame.
        bits: Of a component.
        packets: Stream -> digest, time and duration in seconds, of every packet of all other streams.
        samples: Stream -> number of decoded sound samples and their digest.
        streams: Kind, codec, language and disposition of each stream; the video has no codec.
        chapters: Begin and end in seconds, and title.
        tags: Of the file.
        colours: Matrix, range, primaries, transfer.
        aspect: Of a pixel.
        turned: Display matrix.
    """

    frames: int
    times: tuple[Fraction, ...]
    size: tuple[int, int]
    bits: int
    packets: dict[int, list[tuple[str, Any, Any]]]
    samples: dict[int, tuple[int, str]]
    streams: tuple[tuple[str, str, str, int], ...]
    chapters: tuple[tuple[Fraction, Fraction, str], ...]
    tags: dict[str, str]
    colours: tuple[int, ...]
    aspect: Fraction | None
    turned: bytes


def facts_of(path: Path) -> Facts:
    """Decode a file from end to end."""
    with Av.open(str(path)) as container:
        video = next(one for one in container.streams.video if not one.disposition & Av.stream.Disposition.attached_pic)
        streams = tuple(
            (one.type, "" if one is video else _codec(one), one.language or "", int(one.disposition))
            for one in container.streams
        )
        chapters = tuple(
            (one["start"] * one["time_base"], one["end"] * one["time_base"], one["metadata"].get("title", ""))
            for one in container.chapters()
        )
        tags = {key.lower(): text for key, text in container.metadata.items() if key not in _OWN}
        tags = {
            key: text for key, text in tags.items() if not is_of_mark(key)
        }  # which tests/media/test_mark.py is about
        packets: dict[int, list[tuple[str, Any, Any]]] = {}
        sounds: dict[int, list[np.ndarray]] = {}
        shown = []
        for packet in _packets(container):
            if packet.stream is video:
                shown += _decoded(packet)
                continue
            if packet.size:
                at = None if packet.pts is None else packet.pts * packet.time_base
                digest = hashlib.sha256(bytes(packet)).hexdigest()[:12]
                packets.setdefault(packet.stream.index, []).append((digest, at, packet.duration))
            if packet.stream.type == "audio":
                sounds.setdefault(packet.stream.index, []).extend(one.to_ndarray() for one in _decoded(packet))
        first = shown[0]
        turned = next((bytes(one) for one in first.side_data if one.type.name == "DISPLAYMATRIX"), b"")
        return Facts(
            frames=len(shown),
            times=tuple(one.pts * one.time_base for one in shown),
            size=(first.width, first.height),
            bits=max(part.bits for part in first.format.components),
            packets=packets,
            samples={
                index: (sum(part.shape[-1] for part in parts), hashlib.sha256(b"".join(map(_bytes, parts))).hexdigest())
                for index, parts in sounds.items()
            },
            streams=streams,
            chapters=chapters,
            tags=tags,
            colours=(first.colorspace, first.color_range or _LIMITED, first.color_primaries, first.color_trc),
            aspect=video.sample_aspect_ratio or None,
            turned=turned,
        )


def differences(one: Facts, other: Facts, scale: int = 2) -> dict[str, tuple[Any, Any]]:
    """Field -> both values, where they differ; a size that grew by ``scale`` is equal."""
    grown = (one.size[0] * scale, one.size[1] * scale)
    pairs = {field.name: (getattr(one, field.name), getattr(other, field.name)) for field in fields(Facts)}
    pairs["size"] = (grown, other.size)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _codec(stream: Any) -> str:
    return str(stream.codec_context.name if stream.codec_context is not None else stream.name)


def _packets(container: Any) -> Iterator[Any]:
    try:
        yield from container.demux([one for one in container.streams if one.type != "attachment"])
    except Av.FFmpegError:
        return


def _decoded(packet: Any) -> list[Any]:
    try:
        return list(packet.stream.decode(packet))
    except Av.FFmpegError:
        return []


def _bytes(part: np.ndarray) -> bytes:
    return np.ascontiguousarray(part).tobytes()
