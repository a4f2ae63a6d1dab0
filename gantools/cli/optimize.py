"""``gantools optimize``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantools.cli.options import ArtifactPath
from gantools.cli.output import say, watching


def command(
    artifact: ArtifactPath,
    target: Annotated[str, typer.Option(help="onnxruntime, openvino, tensorrt-rtx or tensorrt.")],
    out: Annotated[Path, typer.Option(help="The artifact folder to write.")],
    precision: Annotated[
        str, typer.Option(help="fp32, fp16, bf16, or auto: the least bits the device multiplies in.")
    ] = "fp32",
    rewrite: Annotated[
        bool, typer.Option(help="Put exact rewrites in place, each layer in the form that is fastest by measurement.")
    ] = True,
    device: Annotated[str | None, typer.Option(help="Where it shall run: cpu, cuda or cuda:N.")] = None,
    axis: Annotated[
        list[str] | None, typer.Option(metavar="NAME=MIN:OPT:MAX", help="Limits of a dynamic axis; repeatable.")
    ] = None,
    compute_capability: Annotated[
        list[str] | None, typer.Option(help="NVIDIA compute capability to compile for, such as 8.9; repeatable.")
    ] = None,
) -> None:
    """Make an artifact for one runtime and precision.

    It is verified against its parent before it appears.
    """
    from gantools.cli.options import parse_axes
    from gantools.core.artifact import load_artifact
    from gantools.optimize.optimize import optimize
    from gantools.optimize.plan import plan_from

    rewriting = "measured" if rewrite else "off"
    options = {
        "target": target,
        "precision": precision,
        "rewrite": rewriting,
        "device": device,
        "axes": parse_axes(axis or []),
    }
    plan = plan_from(options | {"compute_capabilities": tuple(compute_capability or ())})
    with watching() as watch:
        made = optimize(load_artifact(artifact), plan, out, on_event=watch)
    say(f"{out}: digest {made.digest[:12]}. Next: gantools verify {out} --against {artifact}")
