"""Encoded frames in files of our own, a piece of a video each: exact times in any unit, nothing that a container adds.

A piece appears whole or not at all. What plays is made of them at the end (``join.py``).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gantools.core.errors import ArtifactError
from gantools.media.video.encoder import Packet

_MAGIC = b"gantools piece 1"
_LENGTH = struct.Struct("<I")
_HEAD = struct.Struct("<qqI?")  # pts, duration, bytes, whether it is a keyframe


class PieceWriter:
    """A piece on its way, under a temporary name until ``finish``."""

    def __init__(self, path: Path, headers: bytes) -> None:
        self.path = path
        self._partial = path.with_suffix(".partial")
        self._stream = self._partial.open("wb")
        self._stream.write(_MAGIC + _LENGTH.pack(len(headers)) + headers)

    def add(self, packet: Packet) -> None:
        """Append a packet, in the order in which the encoder gave it."""
        self._stream.write(_HEAD.pack(packet.pts, packet.duration, len(packet.content), packet.keyframe))
        self._stream.write(packet.content)

    def finish(self) -> None:
        """Flush it to disk, and give it its name."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._partial.replace(self.path)

    def drop(self) -> None:
        """Leave nothing of it."""
        self._stream.close()
        self._partial.unlink(missing_ok=True)


def headers_of(path: Path) -> bytes:
    """The encoder's headers that a piece was written with.

    Raises:
        ArtifactError: It is no piece.
    """
    with path.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise ArtifactError(f"'{path}' is no piece of a video.", hint="delete its folder and begin again")
        return stream.read(_LENGTH.unpack(stream.read(_LENGTH.size))[0])


class Head(NamedTuple):
    """What stands before an encoded frame: times in units of the encoder, and its size in bytes."""

    pts: int
    duration: int
    size: int
    keyframe: bool


def heads_of(path: Path) -> Iterator[Head]:
    """The frames of a piece without their content, in the order in which they are stored."""
    with path.open("rb") as stream:
        stream.seek(_begin(path))
        while head := stream.read(_HEAD.size):
            found = Head(*_HEAD.unpack(head))
            stream.seek(found.size, os.SEEK_CUR)
            yield found


def packets_of(path: Path) -> Iterator[Packet]:
    """The packets of a piece, one at a time."""
    with path.open("rb") as stream:
        stream.seek(_begin(path))
        while head := stream.read(_HEAD.size):
            found = Head(*_HEAD.unpack(head))
            yield Packet(stream.read(found.size), found.pts, found.duration, found.keyframe)


def _begin(path: Path) -> int:
    return len(_MAGIC) + _LENGTH.size + len(headers_of(path))
