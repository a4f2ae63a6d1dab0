"""Videos made smaller and encoded, in a file that plays anywhere; and back to their size by a network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from gantools.core.errors import ArtifactError, RecipeError, first_line
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.enhance.files import enhance
from gantools.enhance.options import Options, Report
from gantools.enhance.video import check_kept, what_was_lost
from gantools.enhance.work import Work
from gantools.media.video.encoder import Encoder, settings_of
from gantools.media.video.join import Joiner, wants_headers_apart
from gantools.media.video.original import Original, original_of
from gantools.media.video.pieces import PieceWriter, heads_of
from gantools.media.video.shrink import Shrinker, smaller
from gantools.media.video.source import Losses, describe, frames

# What these encoders use where nobody chooses, for files that are sent rather than edited.
_USUAL_CRF = {"libx264": 23, "libx265": 28, "libsvtav1": 35, "libvpx-vp9": 32}


@dataclass(frozen=True)
class Compressed:
    """What was done.

    Attributes:
        out: The file that appeared.
        frames: In it.
        seconds: Of this run.
        width: Of a frame in it.
        height: Of a frame in it.
        original: Size of the source, and by how much it was made smaller.
        encoder: In words.
        copied: Streams that were copied, in words.
        source_bytes: Size of the source's file.
        out_bytes: Size of the new file.
        video_bytes: Of the encoded frames alone.
        duration_s: From the first frame to the end of the last.
    """

    out: Path
    frames: int
    seconds: float
    width: int
    height: int
    original: Original
    encoder: str
    copied: tuple[str, ...]
    source_bytes: int
    out_bytes: int
    video_bytes: int
    duration_s: float


def compress(
    source: str | Path,
    out: str | Path,
    *,
    scale: int = 2,
    codec: str = "av1",
    crf: int | None = None,
    preset: str | None = None,
    dropped: tuple[str, ...] = (),
    on_event: OnEvent = ignore,
) -> Compressed:
    """Make a video smaller and encode it; everything else of the file is copied, and its size is written down.

    The source is only read. OUT appears when it is whole.

    Args:
        source: A video.
        out: The file to come, .mp4, .m4v, .mov, .mkv or .webm. One that is there is replaced.
        scale: By how much width and height become smaller; 1: not at all.
        codec: ``h264``, ``hevc``, ``av1``, ``vp9``, or FFmpeg's name of an encoder.
        crf: Constant quality, less is better and larger; none: the encoder's usual one.
        preset: By the encoder's own names.
        dropped: Kinds of streams that are left out: ``audio``, ``subtitle``, ``data``, ``attachment``.
        on_event: Who watches.

    Raises:
        DataError: The source cannot be read, or is of a kind that is not kept.
        RecipeError: An option does not fit, or OUT cannot hold what the source does.
        UnknownNameError: There is no such encoder.
        BackendError: The encoder refused.
        ArtifactError: The disk refused.
        MissingDependencyError: PyAV is not installed.
    """
    begun_at = time.perf_counter()
    source, out = Path(source), Path(out)
    if scale < 1:
        raise RecipeError(f"--scale takes 1 or more, got {scale}.")
    if source.is_file() and out.exists() and out.samefile(source):
        raise RecipeError(f"'{out}' is the source itself, which is never changed.", hint="give OUT another name")
    video = describe(source)
    check_kept(video, on_event)
    original = Original(video.width, video.height, scale)
    tags = original.tags(out)
    settings = settings_of(
        video,
        (smaller(video.width, scale), smaller(video.height, scale)),
        out,
        codec=codec,
        crf=crf,
        preset=preset,
        hardware=False,
        headers_apart=wants_headers_apart(out),
        usual_crf=_USUAL_CRF,
    )
    shrinker = Shrinker(video, settings.colours, settings.pixels, scale)
    work, losses, count = Work(out, resume=False), Losses(), 0
    try:
        work.folder.mkdir(parents=True, exist_ok=True)
        joiner = Joiner(video, settings, out, dropped, tags)
        joiner.rehearse(work.folder / "rehearsal.partial")
        encoder = Encoder(settings)
        # One piece, because a piece begins with a whole picture, which costs bits.
        writer = PieceWriter(work.folder / "whole.piece", encoder.headers)
        try:
            for frame in frames(video, losses):
                for packet in encoder.packets(shrinker.frame(frame), frame.duration):
                    writer.add(packet)
                count += 1
                values = {"fps": count / (time.perf_counter() - begun_at)}
                on_event(Progress("compress", count, max(count, video.frames), "frames", values))
            for packet in encoder.rest():
                writer.add(packet)
            writer.finish()
        except BaseException:
            writer.drop()
            raise
        joined = joiner.join([writer.path], work.folder / "joined.partial")
        video_bytes = sum(head.size for head in heads_of(writer.path))
        work.appear(work.folder / "joined.partial")
    except OSError as err:
        raise ArtifactError(f"cannot write beside '{out}': {first_line(err)}", hint="is the disk full?") from err
    finally:
        work.drop_if_empty()
    for note in what_was_lost(video, losses, joined, out):
        on_event(Note(note, "warning"))
    return Compressed(
        out=out,
        frames=joined.frames,
        seconds=time.perf_counter() - begun_at,
        width=settings.width,
        height=settings.height,
        original=original,
        encoder=settings.described(),
        copied=joined.copied,
        source_bytes=source.stat().st_size,
        out_bytes=out.stat().st_size,
        video_bytes=video_bytes,
        duration_s=joined.seconds,
    )


def restore(
    artifact: str | Path,
    source: str | Path,
    out: str | Path,
    options: Options | None = None,
    *,
    backend: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    on_event: OnEvent = ignore,
) -> Report:
    """Enlarge a video that ``compress`` wrote to the size that its original had, odd sizes too.

    Args:
        artifact: One that makes images of images, and enlarges by as much as the video was made smaller.
        source: The video, which is only read.
        out: The file to come. One that is there is replaced.
        options: As for ``enhance``.
        backend: As for ``enhance``.
        device: As for ``enhance``.
        threads: As for ``enhance``.
        on_event: Who watches.

    Raises:
        DataError: The video cannot be read, or does not say which size it had.
        RecipeError: The artifact enlarges by another number, an option does not fit, or OUT cannot hold what there is.
        ArtifactError: The artifact cannot be used for this, or the disk refused.
        InputMismatchError: Pictures are larger than the network takes, and cannot be cut.
        BackendError: The runtime or the encoder refused.
        MissingDependencyError: PyAV, Pillow or a runtime is not installed.
    """
    original = original_of(Path(source))
    how = {"backend": backend, "device": device}
    return enhance(artifact, source, out, options, **how, threads=threads, on_event=on_event, original=original)
