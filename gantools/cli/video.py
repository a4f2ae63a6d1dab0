"""``gantools video compress`` and ``gantools video restore``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gantools.cli.options import ArtifactPath, Backend, Device, Json, SelfEnsemble, Threads
from gantools.cli.output import emit_json, say, watching

app = typer.Typer(
    help="Send a video small and restore it with a network: a file that plays anywhere, and its size back at the end.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Source = Annotated[Path, typer.Argument(metavar="IN", help="A video, which is only read.")]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="A video, of the suffix's kind.")]
Crf = Annotated[int | None, typer.Option(min=0, help="Quality of the encoder; less is better and larger.")]
Preset = Annotated[str | None, typer.Option(help="Speed of the encoder, by its own names, such as slow.")]
Drop = Annotated[
    list[str] | None,
    typer.Option(metavar="KIND", help="Leave out audio, subtitle, data or attachment streams; repeatable."),
]


@app.command("compress")
def compress_video(
    source: Source,
    out: Target,
    scale: Annotated[int, typer.Option(min=1, help="Make width and height smaller by this; 1: only encode.")] = 2,
    codec: Annotated[str, typer.Option(help="av1, hevc, h264, vp9, or FFmpeg's name of an encoder.")] = "av1",
    crf: Crf = None,
    preset: Preset = None,
    drop: Drop = None,
    json: Json = False,
) -> None:
    """Make a video smaller and encode it with a standard codec.

    Frame times, sound, subtitles, chapters, tags and colours stay. The size that it had is written into the file.
    """
    from gantools.enhance import compress

    with watching() as watch:
        done = compress(
            source, out, scale=scale, codec=codec, crf=crf, preset=preset, dropped=tuple(drop or ()), on_event=watch
        )
    if json:
        emit_json(asdict(done))
        return
    original = f"{done.original.width}x{done.original.height}"
    size = f"{_size(done.out_bytes)} of {_size(done.source_bytes)}"
    copied = f"; copied: {', '.join(done.copied)}" if done.copied else ""
    say(f"{out}: {done.frames} frames of {done.width}x{done.height} for {original}; {size}; {done.encoder}{copied}")


@app.command("restore")
def restore_video(
    artifact: ArtifactPath,
    source: Source,
    out: Target,
    codec: Annotated[
        str | None,
        typer.Option(help="h264, hevc, av1, vp9, or FFmpeg's name of an encoder; none: h264, or vp9 for .webm."),
    ] = None,
    crf: Crf = None,
    preset: Preset = None,
    hardware: Annotated[bool, typer.Option("--hardware", help="Encode in hardware; an error where none is.")] = False,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Frames or tiles in one run; none: measured if it pays.")
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(min=0, help="Height and width of tiles in pixels; 0: whole frames; none: measured if it pays."),
    ] = None,
    drop: Drop = None,
    piece: Annotated[int, typer.Option(min=1, help="Frames that are finished together.")] = 120,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run was cut off.")] = False,
    self_ensemble: SelfEnsemble = False,
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Run a video that 'compress' wrote through an artifact, and give it the size that it had."""
    from gantools.cli.enhance import run
    from gantools.enhance import Options, restore

    options = Options(
        batch=batch,
        tile=tile,
        codec=codec,
        crf=crf,
        preset=preset,
        hardware=hardware,
        dropped=tuple(drop or ()),
        piece=piece,
        resume=resume,
        self_ensemble=self_ensemble,
    )
    run(
        lambda watch: restore(
            artifact, source, out, options, backend=backend, device=device, threads=threads, on_event=watch
        ),
        json=json,
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.3g} MB" if count >= 1e6 else f"{count / 1e3:.3g} kB"
