"""``gantools enhance``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.cli.cluster import refuse_idle, refuse_numbered
from gantools.cli.options import ArtifactPath, Backend, Device, Json, Ray, SelfEnsemble, Threads
from gantools.cli.output import emit_json, nothing_on_stdout, same_command, say, watching

if TYPE_CHECKING:
    from gantools.core.events import OnEvent
    from gantools.enhance import Options, Report
    from gantools.runtime.session import Where


def command(
    artifact: ArtifactPath,
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video, a picture, or a folder of pictures.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A video, a picture or a folder, of the suffix's kind.")],
    codec: Annotated[
        str | None,
        typer.Option(help="h264, hevc, av1, vp9, or FFmpeg's name of an encoder; none: h264, or vp9 for .webm."),
    ] = None,
    crf: Annotated[int | None, typer.Option(min=0, help="Quality of the encoder; less is better and larger.")] = None,
    preset: Annotated[str | None, typer.Option(help="Speed of the encoder, by its own names, such as slow.")] = None,
    hardware: Annotated[bool, typer.Option("--hardware", help="Encode in hardware; an error where none is.")] = False,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Frames or tiles in one run; none: measured if it pays.")
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(min=0, help="Height and width of tiles in pixels; 0: whole frames; none: measured if it pays."),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="Leave out audio, subtitle, data or attachment streams; repeatable."),
    ] = None,
    piece: Annotated[int, typer.Option(min=1, help="Frames that are finished together.")] = 120,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run was cut off.")] = False,
    smooth: Annotated[
        float,
        typer.Option(
            help="Of videos: how much of what was shown is kept where nothing moves, 0 to below 1: less flicker."
        ),
    ] = 0.0,
    self_ensemble: SelfEnsemble = False,
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    ray: Ray = None,
    json: Json = False,
) -> None:
    """Run a video, a picture or a folder of pictures through an artifact that makes images of images.

    Frame times, sound, subtitles, chapters, tags and colours stay; the source is only read, and OUT appears when it is
    whole. With --ray a folder may also hold videos; each file is a task, and the same command goes on where it stopped.
    """
    from gantools.enhance import Options, enhance
    from gantools.media.pictures import SUFFIXES

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
        smooth=smooth,
        self_ensemble=self_ensemble,
    )
    if ray is not None:
        from gantools.runtime.session import Where

        refuse_numbered("--device", device)
        _run_on_cluster(artifact, source, out, options, ray, Where(backend, device, threads), json=json)
        return
    if source.is_dir() or source.suffix.lower() in SUFFIXES:
        of_videos = {"--codec": codec, "--crf": crf, "--preset": preset, "--hardware": hardware or None, "--drop": drop}
        refuse_idle(of_videos, "a video")
    run(
        lambda watch: enhance(
            artifact, source, out, options, backend=backend, device=device, threads=threads, on_event=watch
        ),
        json=json,
    )


def _run_on_cluster(
    artifact: Path, source: Path, out: Path, options: Options, address: str, where: Where, *, json: bool
) -> None:
    from gantools.core.artifact import load_artifact
    from gantools.scale.films import enhance_all

    with watching() as watch, nothing_on_stdout():
        try:
            report = enhance_all(load_artifact(artifact), source, out, options, address, where=where, on_event=watch)
        except KeyboardInterrupt:
            say("stopped. What is finished is kept: the same command goes on from there.")
            raise typer.Exit(130) from None
    if json:
        emit_json(asdict(report))
    else:
        say(f"{report.out}: {report.files} files, {report.made} made now, in {report.seconds:.1f} s")


def run(work: Callable[[OnEvent], Report], *, json: bool) -> None:
    """Do the work, and say what came of it; where it is stopped by Ctrl-C, the command that goes on is named."""
    with watching() as watch:
        try:
            report = work(watch)
        except KeyboardInterrupt:
            say(f"stopped. Go on with: {same_command('--resume')}")
            raise typer.Exit(130) from None
    if json:
        emit_json({**asdict(report), "fps": report.fps})
        return
    what = "frames" if report.kind == "video" else "pictures"
    copied = f"; copied: {', '.join(report.copied)}" if report.copied else ""
    encoder = f"; {report.encoder}" if report.encoder else ""
    say(f"{report.out}: {report.count} {what}, {report.fps:.3g} a second; {report.plan}{encoder}{copied}")
