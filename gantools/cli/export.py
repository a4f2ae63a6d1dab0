"""``gantools export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gantools.cli.output import for_shell, say, watching


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or one of its checkpoints.")],
    out: Annotated[Path, typer.Option(help="The artifact folder to write.")],
    which: Annotated[str, typer.Option("--checkpoint", help="best, last or a step.")] = "best",
    weights: Annotated[str, typer.Option(help="ema: the averaged generator; raw: the last one.")] = "ema",
    axis: Annotated[
        list[str] | None, typer.Option(metavar="NAME=MIN:OPT:MAX[:STEP]", help="Limits of a dynamic axis; repeatable.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the artifact.")] = None,
    discriminator: Annotated[
        bool, typer.Option("--discriminator", help="Also ship the discriminator, which scores pictures.")
    ] = False,
) -> None:
    """Make an artifact of a trained generator.

    Writes pure ONNX graphs and compares them with the network at batch sizes that were not traced.
    """
    from gantools.cli.options import parse_axes
    from gantools.core.optional import require

    require("torch", extra="export", why="to export a checkpoint")
    require("onnxscript", extra="export", why="to export a checkpoint")
    from gantools.export.onnx import ExportOptions, export
    from gantools.train.checkpoint import load_checkpoint

    options = ExportOptions(weights=weights, axes=parse_axes(axis or []), name=name, discriminator=discriminator)
    checkpoint = load_checkpoint(run, _which(which))
    with watching() as watch:
        artifact = export(checkpoint, out, options, on_event=watch)
    rest = ("--target", "openvino", "--precision", "auto", "--out", f"{out}-ov")
    say(f"{out}: digest {artifact.digest[:12]}.\nNext: {for_shell('gantools', 'optimize', out, *rest)}")


def _which(text: str) -> Literal["best", "last"] | int:
    if text == "best":
        return "best"
    if text == "last":
        return "last"
    if text.isdigit():
        return int(text)
    raise typer.BadParameter(f"is best, last or a step, got '{text}'", param_hint="--checkpoint")
