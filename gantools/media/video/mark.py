"""Where a video comes from: a box of XMP in MP4 and QuickTime files, tags in Matroska and WebM.

Other containers have no place that survives; files of them carry no mark.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from gantools.media.provenance import EDITED, GENERATED, PREFIX, TOOL, Mark, amended, in_order, mark_of_packet, packet
from gantools.media.video.original import TAG
from gantools.media.video.source import open_input

BOXED = (".mp4", ".m4v", ".mov")
_TAGGED = (".mkv", ".webm")
_OWN = "gantools_"
_TYPE_TAG = "digital_source_type"
# Of a box that holds XMP, at the top of a file: ISO 16684-1, part 3 of Adobe's own edition.
_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_HEAD, _LARGE = struct.Struct(">I4s"), struct.Struct(">Q")
_MOST_BYTES = 2**24


def marks_for(source: Path, out: Path, origin: Mapping[str, str]) -> tuple[dict[str, str], bytes | None]:
    """The mark of a video that a network makes of another one.

    Args:
        source: The video, whose own mark and XMP are gone on with.
        out: The file to come; its suffix says what it can carry.
        origin: As ``Generator.origin``.

    Returns:
        Tags, and a packet of XMP.
    """
    before = mark_of_video(source)
    if out.suffix in BOXED:
        old = {f"{PREFIX}{key}": text for key, text in before.facts.items()}
        return {}, amended(packet_of(source) or (packet(old, before.source_type) if before else None), origin)
    if out.suffix not in _TAGGED:
        return {}, None
    kind = GENERATED if before.source_type == GENERATED else EDITED
    facts = {key[len(PREFIX) :]: text for key, text in origin.items()}
    if before.facts:
        facts["made_of"] = str(before)
    return {_TYPE_TAG: kind, **{f"{_OWN}{key}": text for key, text in {"tool": TOOL, **facts}.items()}}, None


def mark_of_video(path: Path) -> Mark:
    """Where a video says it comes from.

    Raises:
        DataError: It cannot be read.
    """
    with open_input(path) as container:
        tags = {key.lower(): text for key, text in container.metadata.items()}
    if (found := packet_of(path)) is not None:
        return mark_of_packet(found)
    facts = {key[len(_OWN) :]: text for key, text in tags.items() if key.startswith(_OWN) and is_of_mark(key)}
    return Mark(tags.get(_TYPE_TAG, ""), facts.pop("tool", ""), in_order(facts))


def is_of_mark(key: str) -> bool:
    """Whether a tag, in lower case, is part of a mark."""
    return key == _TYPE_TAG or (key.startswith(_OWN) and key != TAG)


def add_packet(path: Path, content: bytes) -> None:
    """Append a box with a packet of XMP to a file of MP4 or QuickTime that has none."""
    with path.open("ab") as stream:
        stream.write(_HEAD.pack(_HEAD.size + len(_UUID) + len(content), b"uuid") + _UUID + content)


def packet_of(path: Path) -> bytes | None:
    """The packet of XMP in such a file; none: there is none, or the file is of another kind."""
    with path.open("rb") as stream:
        first = True
        while (found := _next_box(stream)) is not None:
            kind, size = found
            if first and kind not in (b"ftyp", b"wide", b"mdat", b"moov", b"free", b"skip"):
                return None
            first = False
            begin = stream.tell()
            if kind == b"uuid" and len(_UUID) <= size < _MOST_BYTES and stream.read(len(_UUID)) == _UUID:
                return stream.read(size - len(_UUID))
            stream.seek(begin + size)
    return None


def _next_box(stream: IO[bytes]) -> tuple[bytes, int] | None:
    """Its kind and the bytes behind its head; none: there is no further one whose size is known."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    size, kind = _HEAD.unpack(head)
    taken = _HEAD.size
    if size == 1:
        long = stream.read(_LARGE.size)
        if len(long) < _LARGE.size:
            return None
        size, taken = _LARGE.unpack(long)[0], _HEAD.size + _LARGE.size
    return (kind, size - taken) if size >= taken else None
