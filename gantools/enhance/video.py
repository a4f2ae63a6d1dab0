"""A video through a network: decoding, the network and encoding overlap, and what is finished survives a crash.

Frames go into pieces of fixed length, each with an encoder of its own, beside OUT. When all are there they are joined
with everything else that the source holds, and OUT appears.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gantools.core.artifact import Artifact
from gantools.core.errors import ArtifactError, DataError, RecipeError, first_line
from gantools.core.events import Note, OnEvent, Progress
from gantools.core.optional import installed_versions
from gantools.enhance.ahead import ahead
from gantools.enhance.between import TIMES, Group, Made, doubled, with_middles
from gantools.enhance.options import Options, Report
from gantools.enhance.plan import Plan, chosen
from gantools.enhance.steady import Steady, steady_of
from gantools.enhance.work import Work
from gantools.media.video.colour import Converter
from gantools.media.video.encoder import Encoder, Settings, settings_of
from gantools.media.video.join import Joined, Joiner, wants_headers_apart
from gantools.media.video.mark import marks_for
from gantools.media.video.original import Original
from gantools.media.video.pieces import PieceWriter
from gantools.media.video.source import Losses, Video, frames
from gantools.optimize.reach import Reach
from gantools.samplers.image_to_image import ImageToImage

_SHORTER_S = 0.25  # sound may go on for a little after the last picture
_GROUPS_AHEAD = 2  # that wait between two stages


def enhance_video(
    artifact: Artifact,
    net: ImageToImage,
    reach: Reach | str,
    video: Video,
    out: Path,
    options: Options,
    on_event: OnEvent,
    original: Original | None = None,
) -> Report:
    """Make OUT of a video.

    Args:
        artifact: Whose network it is.
        net: The network.
        reach: Of the network.
        video: The source, which is only read.
        out: The file to come; its suffix chooses the container.
        options: Choices.
        on_event: Who watches.
        original: The size that OUT is to have, and by how much the video is smaller; none: all that the network makes.

    Raises:
        DataError: The video cannot be read, or is of a kind that is not kept.
        RecipeError: An option does not fit, or the container cannot hold what the source does.
        BackendError: The encoder or the network refused.
        ArtifactError: The disk refused.
    """
    begun_at = time.perf_counter()
    if original is not None and original.scale != net.scale:
        raise RecipeError(
            f"'{video.path.name}' was made smaller {original.scale} times, and '{artifact.manifest.name}' enlarges "
            f"{net.scale} times.",
            hint=f"give an artifact that enlarges {original.scale} times",
        )
    steady = steady_of(net, options.smooth)
    check_kept(video, on_event)
    _say_what_net_sees(video, net, on_event)
    shown = doubled(video) if net.between else video
    size = (original.width, original.height) if original else (net.scale * video.width, net.scale * video.height)
    settings = settings_of(
        shown,
        size,
        out,
        codec=options.codec,
        crf=options.crf,
        preset=options.preset,
        hardware=options.hardware,
        headers_apart=wants_headers_apart(out),
    )
    work = Work(out, resume=options.resume)
    try:
        work.folder.mkdir(parents=True, exist_ok=True)
        joiner = Joiner(video, settings, out, options.dropped, *marks_for(video.path, out, net.generator.origin))
        joiner.rehearse(work.folder / "rehearsal.partial")
        converter = Converter(shown, settings.colours, settings.pixels, net.channels, net.scale, size)
        plan = _plan(work, net, reach, converter, options, on_event)
        unit = plan.batch * (TIMES if net.between else 1)
        length = -(-options.piece // unit) * unit
        plan = Plan(**work.begin(_facts(artifact, video, settings, length, options), asdict(plan)))
        run = _Run(net, steady, plan, converter, settings, work, length, on_event)
        pieces = run.all_pieces()
        if not run.count:
            raise DataError(f"not one frame of '{video.path}' can be decoded.", hint="copy or download it again")
        joined = joiner.join(pieces, work.folder / "joined.partial")
        work.appear(work.folder / "joined.partial")
    except OSError as err:
        raise ArtifactError(f"cannot write beside '{out}': {first_line(err)}", hint="is the disk full?") from err
    finally:
        work.drop_if_empty()
    of_source = (joined.frames + 1) // TIMES if net.between else joined.frames
    for note in what_was_lost(video, run.losses, replace(joined, frames=of_source), out):
        on_event(Note(note, "warning"))
    return Report(
        out=out,
        kind="video",
        count=joined.frames,
        seconds=time.perf_counter() - begun_at,
        computed=run.computed,
        plan=str(plan),
        encoder=f"{settings.codec} {settings.pixels} {settings.width}x{settings.height}",
        copied=joined.copied,
    )


class _Run:
    """One pass over the source. ``count`` frames are in pieces at the end, of which ``computed`` were made now.

    What ``carries`` something from frame to frame, if anything does, is kept between pieces.
    """

    def __init__(
        self,
        net: ImageToImage,
        steady: Steady | None,
        plan: Plan,
        converter: Converter,
        settings: Settings,
        work: Work,
        length: int,
        on_event: OnEvent,
    ) -> None:
        self.net, self.steady, self.plan, self.converter, self.settings = net, steady, plan, converter, settings
        self.carries = net if net.recurrent else steady
        self.work, self.length, self.on_event = work, length, on_event
        self.losses = Losses()
        self.count = self.computed = 0

    def all_pieces(self) -> list[Path]:
        """Make the pieces that are not there yet."""
        done = 0
        while self._piece(done).is_file():
            done += 1
        if self.carries:
            done = self.work.last_state(done)
            self.carries.state = self.work.state(done)
        skipped = done * self.length // self._times
        made = ahead(self._made(ahead(self._groups(skipped), _GROUPS_AHEAD, "decode"), skipped), _GROUPS_AHEAD, "net")
        begun_at = time.perf_counter()
        writer: PieceWriter | None = None
        encoder: Encoder | None = None
        number = done
        try:
            for group in made:
                for frame, pixels in group:
                    if encoder is None or writer is None:
                        encoder = Encoder(self.settings)
                        writer = PieceWriter(self._piece(number), encoder.headers)
                    for packet in encoder.packets(self.converter.frame(pixels, frame), frame.duration):
                        writer.add(packet)
                    self.count += 1
                    self.computed += 1
                    if self.count % self.length == 0:
                        _finish(encoder, writer)
                        encoder = writer = None
                        number += 1
                self._tell(time.perf_counter() - begun_at)
            if encoder is not None and writer is not None:
                _finish(encoder, writer)
                number += 1
        except BaseException:
            if writer is not None:
                writer.drop()
            raise
        finally:
            made.close()
        return [self._piece(one) for one in range(number)]

    def _piece(self, number: int) -> Path:
        return self.work.folder / f"{number:06d}.piece"

    def _groups(self, skipped: int) -> Generator[Group]:
        """Frames as arrays, a batch at a time. Those that are in pieces already are decoded only."""
        group: Group = []
        for place, frame in enumerate(frames(self.converter.video, self.losses)):
            if place < skipped:
                self.count = self._times * (place + 1)
                continue
            group.append((frame, self.converter.array(frame)))
            if len(group) == self._images_at_once:
                yield group
                group = []
        if group:
            yield group

    @property
    def _times(self) -> int:
        """Frames for each of the source."""
        return TIMES if self.net.between else 1

    @property
    def _images_at_once(self) -> int:
        return 1 if self.plan.tile else self.plan.batch

    def _made(self, groups: Iterator[Group], place: int) -> Generator[Made]:
        """What comes of frames from ``place`` on."""
        try:
            if self.net.between:
                yield from with_middles(self.net, self.plan, groups)
                return
            for group in groups:
                images = np.stack([pixels for _, pixels in group])
                made = self.net.run(images, batch=self.plan.batch, tiling=self.plan.tiling)
                if self.steady:
                    made = self.steady.run(images, made)
                place += len(group)
                if self.carries and place % self.length == 0:
                    self.work.keep_state(place // self.length, self.carries.state)
                yield [(frame, pixels) for (frame, _), pixels in zip(group, made, strict=True)]
        finally:
            groups.close()  # type: ignore[attr-defined]

    def _tell(self, elapsed_s: float) -> None:
        expected = max(self.count, self.converter.video.frames)
        values = {"fps": self.computed / elapsed_s}
        self.on_event(Progress("enhance", self.count, expected, "frames", values))


def _finish(encoder: Encoder, writer: PieceWriter) -> None:
    for packet in encoder.rest():
        writer.add(packet)
    writer.finish()


def _plan(
    work: Work, net: ImageToImage, reach: Reach | str, converter: Converter, options: Options, on_event: OnEvent
) -> Plan:
    """That of the earlier run, or one for the first frame."""
    if earlier := work.earlier_plan():
        return Plan(**earlier)
    first = next(islice(frames(converter.video, Losses()), 1))
    example = converter.array(first)
    return chosen(
        net,
        reach,
        np.concatenate([example, example], axis=-1) if net.between else example,
        batch=options.batch,
        tile=options.tile,
        coming=converter.video.frames or sys.maxsize,
        on_event=on_event,
    )


def _facts(artifact: Artifact, video: Video, settings: Settings, length: int, options: Options) -> dict[str, Any]:
    """What has to be the same for pieces of two runs to be of one video."""
    stat = video.path.stat()
    return {
        "input": [str(video.path.resolve()), stat.st_size, stat.st_mtime_ns],
        "artifact": artifact.digest,
        "encoding": {key: str(value) for key, value in asdict(settings).items()},
        "piece length": length,
        "batch": options.batch,
        "tile": options.tile,
        "dropped streams": options.dropped,
        "smoothing": options.smooth or None,
        "self-ensemble": options.self_ensemble or None,
        "version": installed_versions(["av", "gantools"]),
    }


def check_kept(video: Video, on_event: OnEvent) -> None:
    """Refuse what would be lost without a trace, and warn of what is.

    Raises:
        DataError: Pixels are transparent.
    """
    if video.transparent:
        raise DataError(
            f"'{video.path}' has transparent pixels ({video.pixels}), which are kept in pictures only.",
            hint="extract its frames as PNG and give their folder",
        )
    if video.interlaced:
        on_event(Note(f"'{video.path.name}' is interlaced: two fields are treated as one picture", "warning"))
    if video.left_behind:
        on_event(Note(f"not kept, for PyAV cannot hand them on: {', '.join(video.left_behind)}", "warning"))


def _say_what_net_sees(video: Video, net: ImageToImage, on_event: OnEvent) -> None:
    if video.bits > 8:
        net_sees = f"the network sees 8 bits of the {video.bits} of '{video.path.name}'"
        gives = "gives floats, so that the result is finer" if net.levels > 255 else "gives 8 bits"
        on_event(Note(f"{net_sees}, and {gives}; the file keeps {video.bits} bits", "warning"))


def what_was_lost(video: Video, losses: Losses, joined: Joined, out: Path) -> Iterator[str]:
    """What the new file does not have of the source, or has at other times, in sentences."""
    name = video.path.name
    if video.counted and joined.frames + losses.hidden < video.frames:
        yield f"'{name}' says it has {video.frames} frames, and {joined.frames} could be decoded, which are all there"
    elif not video.counted and joined.seconds < video.seconds - _SHORTER_S:
        yield (
            f"'{name}' says it lasts {video.seconds:.2f} seconds, and its pictures end after {joined.seconds:.2f}: "
            f"{joined.frames} frames could be decoded, which are all there"
        )
    if losses.undecodable:
        yield f"{losses.undecodable} packets of '{name}' could not be decoded"
    if losses.damaged:
        yield f"{losses.damaged} frames of '{name}' are damaged, and are as the decoder mended them"
    if losses.ended_early or joined.copy_ended:
        yield f"'{name}' breaks off: {losses.ended_early or joined.copy_ended}"
    if losses.moved:
        yield f"{losses.moved} frames of '{name}' had no time of their own, or not a later one than those before"
    if joined.later_s > joined.rounded_s:
        yield f"everything is {joined.later_s:.3f} seconds later than in '{name}', for {out.suffix} files begin at 0"
    if joined.rounded_s:
        yield f"times of frames differ by up to {1000 * joined.rounded_s:.3g} ms, for {out.suffix} files round them"
