"""The file that plays: encoded frames in the place of the source's, and everything else of the source copied."""

from __future__ import annotations

import errno
import heapq
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

from gantools.core.errors import ArtifactError, BackendError, RecipeError, first_line
from gantools.core.optional import require
from gantools.media.video.encoder import Packet, Settings
from gantools.media.video.mark import BOXED, add_packet, is_of_mark, packet_of
from gantools.media.video.original import TAG
from gantools.media.video.pieces import headers_of, heads_of, packets_of
from gantools.media.video.source import Video, main_stream, open_input

# What a muxer writes by itself, and what no longer holds of a video that was encoded again.
_OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "DURATION"}
_OF_THE_VIDEO = {"encoder", "vendor_id", "DURATION", "BPS", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES"}
# What MP4 has a place for; other keys need one of its extensions.
_MP4_KEYS = {
    *("title", "artist", "album_artist", "album", "comment", "description", "synopsis", "genre", "date", "copyright"),
    *("composer", "grouping", "lyrics", "show", "episode_id", "network", "track", "disc", "make", "model", "location"),
    *("creation_time", "compilation", "keywords", "media_type", "hd_video", "gapless_playback", "encoded_by", "rating"),
}
# Between two texts of MP4. The muxer writes it by itself.
_GAP = bytes(2)
_FINEST = 1_000_000  # parts of a second in which an MP4 file counts when a track begins


DROPPABLE = ("audio", "subtitle", "data", "attachment")
# What no other container would mend.
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}


@dataclass(frozen=True)
class Joined:
    """What came of joining.

    Attributes:
        frames: In the file.
        seconds: From the first frame to the end of the last.
        copied: Streams that were copied, in words: ``"audio aac (eng)"``.
        later_s: By how much all times are later than in the source, because the container holds none below 0.
        rounded_s: By how much the times of frames differ from that, at most, because the container counts in a unit of
            its own.
        copy_ended: Why the source could not be read to its end; empty: it was.
    """

    frames: int
    seconds: float
    copied: tuple[str, ...]
    later_s: float
    rounded_s: float
    copy_ended: str


def wants_headers_apart(out: Path) -> bool:
    """Whether the container of this name keeps an encoder's headers by themselves.

    Raises:
        RecipeError: No container has this suffix.
    """
    av: Any = require("av.format", extra="video", why="to write videos")
    with _container(out, out) as container:
        return bool(container.format.flags & av.Flags.global_header.value)


@dataclass(frozen=True)
class Joiner:
    """How the file that plays is to be made.

    Attributes:
        video: The source.
        settings: That its frames are encoded with.
        out: The name that the file will have; its suffix chooses the container.
        dropped: Kinds of streams that are not wanted: ``audio``, ``subtitle``, ``data``, ``attachment``.
        tags: Of the file, beside those of the source.
        xmp: The packet of XMP of a file that has a box for it; none: the source's.
    """

    video: Video
    settings: Settings
    out: Path
    dropped: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    xmp: bytes | None = None

    def rehearse(self, at: Path) -> None:
        """Begin a file as ``join`` will, so that what its container cannot hold is known before the work.

        Args:
            at: A file that may be written and is removed again.

        Raises:
            RecipeError: The container cannot hold the video or one of the other streams, or no streams are of a kind
                that is to be dropped.
            OSError: The disk refused.
        """
        av: Any = require("av", extra="video", why="to write videos")
        if unknown := [kind for kind in self.dropped if kind not in DROPPABLE]:
            raise RecipeError(f"no kind of streams is called '{unknown[0]}'.", hint=f"known: {', '.join(DROPPABLE)}")
        names = ""
        try:
            with open_input(self.video.path) as source, _container(self.out, at, source, self.tags) as container:
                _, copies = self._begun(source, container)
                names = ", ".join(_described(one) for one in copies)
                container.start_encoding()
        except av.FFmpegError as err:
            if err.errno in _OF_DISKS:
                raise
            raise RecipeError(
                f"'{self.out.name}' cannot hold the streams of '{self.video.path.name}' ({names}): {first_line(err)}",
                hint="give OUT another suffix, or leave streams out, such as --drop data",
            ) from err
        finally:
            at.unlink(missing_ok=True)

    def join(self, pieces: Sequence[Path], at: Path) -> Joined:
        """Write the whole file.

        Args:
            pieces: In order.
            at: Where it is written.

        Raises:
            ArtifactError: The pieces are of another encoder.
            BackendError: The file does not hold what went in.
        """
        av: Any = require("av", extra="video", why="to write videos")
        frames, delay, span = _survey(pieces)
        unit = self.settings.time_base
        with open_input(self.video.path) as source, _container(self.out, at, source, self.tags) as container:
            stream, copies = self._begun(source, container)
            container.start_encoding()
            copied = tuple(_described(one) for one in copies)  # now: a closed file's streams are gone
            headers = bytes(stream.codec_context.extradata or b"")
            if any(headers_of(piece) != headers for piece in pieces):
                raise ArtifactError("the finished pieces are of another version of the encoder.", hint="begin again")
            copier = _Copier(source, copies)
            ours = _video_packets(pieces, delay, stream, unit)
            try:
                for _, _, packet in heapq.merge(ours, copier.packets(), key=lambda one: one[:2]):
                    container.mux(packet)
            except av.FFmpegError as err:
                raise BackendError(f"'{self.out.name}' cannot be written: {first_line(err)}") from err
        if self.out.suffix in BOXED and (xmp := self.xmp or packet_of(self.video.path)):
            add_packet(at, xmp)
        low, high = _check(at, frames, pieces, unit)
        return Joined(frames, float(span * unit), copied, float(low), float(high - low), copier.ended)

    def _begun(self, source: Any, container: Any) -> tuple[Any, dict[Any, Any]]:
        """The streams of a new file in the order of the source, with its metadata and chapters.

        Returns:
            The stream of the video, and those that are copied: of the source -> of the file.
        """
        stream, copies = None, {}
        for one in source.streams:
            is_video = one.index == self.video.stream
            if not is_video and (one.type in self.dropped or _comes_by_itself(one)):
                continue
            try:
                if is_video:
                    made = stream = self._video_stream(container)
                    kept = {key: text for key, text in one.metadata.items() if key not in _OF_THE_VIDEO}
                else:
                    made = copies[one] = container.add_stream_from_template(one, opaque=True)
                    kept = dict(one.metadata)
            except ValueError as err:
                raise RecipeError(
                    f"'{self.out.name}' cannot hold stream {one.index} of '{self.video.path.name}', {_described(one)}.",
                    hint=f"give OUT a suffix like the source's or .mkv, or leave it out with --drop {one.type}",
                ) from err
            made.metadata.update(kept)
            made.disposition = one.disposition
        kept = _kept(source)
        if self.xmp is not None:  # which says what its tags said
            kept = {key: text for key, text in kept.items() if not is_of_mark(key.lower())}
        container.metadata.update({**kept, **self.tags})
        if chapters := source.chapters():
            container.set_chapters(chapters)
        return stream, copies

    def _video_stream(self, container: Any) -> Any:
        settings = self.settings
        stream = container.add_stream(settings.codec, rate=settings.rate, options=dict(settings.options))
        settings.apply(stream.codec_context)
        stream.time_base = settings.time_base
        if stream.codec_context.codec.canonical_name == "hevc" and self.out.suffix in BOXED:
            stream.codec_context.codec_tag = "hvc1"  # the one of two names that all players know
        if self.video.matrix is not None:
            stream.set_display_matrix(self.video.matrix)
        return stream


def _comes_by_itself(stream: Any) -> bool:
    """Whether it is a track of MP4 that the muxer writes anew, of chapter titles or of time codes."""
    av: Any = require("av", extra="video", why="to read videos")
    return stream.type == "data" and (stream.discard == av.stream.Discard.all or "timecode" in stream.metadata)


def _kept(source: Any) -> dict[str, str]:
    """Tags of a file that hold of the new one as well."""
    return {key: text for key, text in source.metadata.items() if key not in _OF_THE_FILE and key.lower() != TAG}


def _container(out: Path, at: Path, source: Any = None, tags: Mapping[str, str] | None = None) -> Any:
    av: Any = require("av", extra="video", why="to write videos")
    options = {}
    if source is not None and out.suffix in BOXED:
        if {*_kept(source), *(tags or {})} - _MP4_KEYS:
            options["movflags"] = "use_metadata_tags"
        unit = lcm(1000, *(one.time_base.denominator for one in source.streams if one.time_base))
        if unit <= _FINEST:
            options["movie_timescale"] = str(unit)
    names = {".mkv": "matroska", ".m4v": "mp4", ".ts": "mpegts", ".mpg": "mpeg", ".wmv": "asf"}
    try:
        name = names.get(out.suffix, out.suffix[1:] or "none")
        return av.open(str(at), "w", format=name, container_options=options)
    except ValueError as err:
        raise RecipeError(
            f"no video file is called '{out.name}': its suffix names no container.", hint="for example .mkv or .mp4"
        ) from err


def _described(stream: Any) -> str:
    codec = stream.codec_context.name if stream.codec_context is not None else stream.name
    language = f" ({stream.language})" if stream.language else ""
    return f"{stream.type} {codec or 'of no known kind'}{language}"


def _survey(pieces: Sequence[Path]) -> tuple[int, int, int]:
    """How many frames there are, by how many places at most one is stored after its turn, and how long they last."""
    count, delay, first, end = 0, 0, 0, 0
    for piece in pieces:
        heads = list(heads_of(piece))
        shown = sorted(head.pts for head in heads)
        rank = {pts: place for place, pts in enumerate(shown)}
        delay = max([delay, *(place - rank[head.pts] for place, head in enumerate(heads))])
        first = shown[0] if not count else first
        end = max(head.pts + head.duration for head in heads)
        count += len(heads)
    return count, delay, end - first


def _video_packets(
    pieces: Sequence[Path], delay: int, stream: Any, time_base: Fraction
) -> Iterator[tuple[float, int, Any]]:
    """Packets in order, each with its time of decoding in seconds.

    A piece knows nothing of the one before, so the times of decoding are counted anew over all of them: packet n is
    decoded when frame n - ``delay`` is shown. Before the first frame they go on downwards by the first frame's step.
    """
    due: deque[int] = deque()
    for piece in pieces:
        shown = sorted(head.pts for head in heads_of(piece))
        if not due and delay and piece is pieces[0]:
            step = shown[1] - shown[0] if len(shown) > 1 else 1
            if shown[0] >= delay:  # not below 0, which some containers cannot hold and shift everything for
                step = min(step, shown[0] // delay)
            due.extend(shown[0] - step * before for before in range(delay, 0, -1))
        due.extend(shown)
        for packet in packets_of(piece):
            dts = due.popleft()
            yield float(dts * time_base), 0, _packet(packet, dts, stream, time_base)


def _packet(packet: Packet, dts: int, stream: Any, time_base: Fraction) -> Any:
    av: Any = require("av", extra="video", why="to write videos")
    made = av.Packet(packet.content)
    made.stream, made.time_base = stream, time_base
    made.pts, made.dts, made.duration, made.is_keyframe = packet.pts, dts, packet.duration, packet.keyframe
    return made


class _Copier:
    """The packets of the other streams, as they are. ``ended`` says why the source broke off, if it did."""

    def __init__(self, source: Any, copies: dict[Any, Any]) -> None:
        self._source, self._copies = source, copies
        self.ended = ""

    def packets(self) -> Iterator[tuple[float, int, Any]]:
        av: Any = require("av", extra="video", why="to read videos")
        wanted = [one for one in self._copies if one.type != "attachment"]
        if not wanted:
            return
        at = 0.0
        packets = self._source.demux(wanted)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as err:
                self.ended = first_line(err)
                return
            if packet is None:
                return
            if packet.dts is None and packet.pts is None and not packet.size:
                continue  # the demuxer's sign that a stream has ended
            if bytes(packet) == _GAP and packet.stream.codec_context.name == "mov_text":
                continue
            time = packet.dts if packet.dts is not None else packet.pts
            at = max(at, float(time * packet.time_base)) if time is not None else at
            packet.stream = self._copies[packet.stream]
            yield at, 1, packet


def _check(path: Path, frames: int, pieces: Sequence[Path], unit: Fraction) -> tuple[Fraction, Fraction]:
    """Read the file again: all frames must be there.

    Returns:
        By how many seconds a frame is later than it was written, at least and at most.
    """
    found = 0
    low = high = None
    expected = (head.pts * unit for piece in pieces for head in heads_of(piece))
    with open_input(path) as container:
        for packet in container.demux(main_stream(container)):
            if not packet.size:
                continue
            found += 1
            wanted = next(expected, None)
            if wanted is not None and packet.pts is not None:
                later = packet.pts * packet.time_base - wanted
                low = later if low is None else min(later, low)
                high = later if high is None else max(later, high)
    if found != frames:
        raise BackendError(
            f"the joined file holds {found} frames, and {frames} were written.", hint="give OUT another suffix"
        )
    return low or Fraction(0), high or Fraction(0)
