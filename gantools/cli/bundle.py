"""``gantools bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantools.cli.options import ArtifactPath, Json
from gantools.cli.output import emit_json, say


def command(
    artifact: ArtifactPath,
    target: Annotated[str, typer.Option("--for", metavar="KIND", help="python, node, web, cpp, triton or jetson.")],
    out: Annotated[Path, typer.Option(help="The folder; it appears whole or not at all.")],
    runtime: Annotated[
        Path | None,
        typer.Option(help="For web: the folder of the npm package onnxruntime-web; none: node_modules here or above."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a folder that an application uses without gantools: model, a small program, samples to check it with.

    The same seed gives the same sample in every kind of folder.
    """
    from gantools.bundle import Options, bundle

    bundle(artifact, target, out, Options(runtime))
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    size = sum((out / name).stat().st_size for name in files)
    if json:
        emit_json({"out": str(out), "for": target, "files": files, "bytes": size})
    else:
        say(f"{out}: {len(files)} files, {size / 1e6:.1f} MB; its README.md says how to use and to check it")
