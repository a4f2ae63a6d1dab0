"""``gantools inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.cli.inspect_media import inspect_media, is_media
from gantools.cli.options import Json
from gantools.cli.output import emit_json, show_pairs, show_table

if TYPE_CHECKING:
    from gantools.core.artifact import ImageOutput, TextOutput


def command(
    artifact: Annotated[
        Path, typer.Argument(metavar="ART", help="An artifact folder, a lone .onnx, or a picture or video file.")
    ],
    layers: Annotated[
        bool, typer.Option("--layers", help="Also open the main graph and list its layers as compiled.")
    ] = False,
    made_by: Annotated[
        Path | None, typer.Option("--artifact", metavar="ART", help="Of a picture or video: whether this one made it.")
    ] = None,
    trusted: Annotated[
        Path | None, typer.Option("--trust", metavar="CERTS", help="Of a signed file: authorities to trust, as PEM.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what an artifact is and what was proved, or where a picture or video says it comes from.

    Graphs, inputs and outputs, precision, what made it, and how far each step was from the one before. Of pictures and
    videos: tool, artifact, seeds, IPTC's source type, and whether a signature (C2PA) holds: exit code 4 where not.
    """
    from gantools.core.errors import RecipeError

    if is_media(artifact):
        inspect_media(artifact, made_by, trusted, as_json=json)
        return
    if made_by is not None or trusted is not None:
        raise RecipeError(
            f"'{artifact}' is no picture or video, which --artifact and --trust are for.", hint="leave them out"
        )
    from gantools.core.artifact import load_artifact
    from gantools.runtime.session import Session

    opened = load_artifact(artifact)
    manifest = opened.manifest
    compiled = []
    if layers:
        with Session.of(opened) as session:
            compiled = session.layers()
    if json:
        document = {
            "path": str(artifact),
            "digest": opened.digest,
            "manifest": manifest.model_dump(mode="json", by_alias=True),
        }
        emit_json(document | ({"layers": [vars(layer) for layer in compiled]} if layers else {}))
        return
    show_pairs(
        f"{manifest.name} ({manifest.modality})",
        {
            "digest": opened.digest,
            "parent": manifest.parent or "none",
            "output": _described(manifest.output),
            "sampler": f"{manifest.sampler.kind}, runs '{manifest.sampler.graph}'",
            "goldens": f"seeds {', '.join(map(str, manifest.goldens.seeds))}" if manifest.goldens else "none",
        },
    )
    rows = []
    for name, graph in manifest.graphs.items():
        axes = ", ".join(f"{axis} {limits.min}..{limits.max}" for axis, limits in graph.spec.axes.items())
        needs = graph.requires
        fits = f"{needs.library} {needs.version} {'/'.join(needs.compute_capabilities)}".strip() if needs else "any"
        rows.append(
            [name, graph.format, graph.precision, f"{graph.backend} on {graph.device}", axes, fits, graph.sha256[:12]]
        )
    show_table("Graphs", ["graph", "format", "precision", "runs with", "axes", "requires", "sha256"], rows)
    tensors = [
        [name, way, tensor.name, tensor.dtype, "x".join(map(str, tensor.shape)), tensor.doc]
        for name, graph in manifest.graphs.items()
        for way, group in (("in", graph.spec.inputs), ("out", graph.spec.outputs))
        for tensor in group
    ]
    show_table("Inputs and outputs", ["graph", "", "tensor", "type", "shape", "meaning"], tensors)
    proofs = [
        [step.stage, parity.graph, parity.source, f"{parity.max_abs:.3g} of {parity.limit:.3g}", _psnr(parity.psnr_db)]
        for step in manifest.steps
        for parity in step.parity
    ]
    show_table("Proofs", ["stage", "graph", "compared with", "max difference", "PSNR"], proofs)
    for loss in (loss for step in manifest.steps for loss in step.losses):
        typer.echo(f"quality: {loss}")
    for name, graph in manifest.graphs.items():
        if graph.islands:
            typer.echo(f"islands of '{name}', not in {graph.precision}: {', '.join(graph.islands)}")
        tuned = ([f"threads={graph.threads}"] if graph.threads else []) + [
            f"{key}={value}" for key, value in graph.settings.items()
        ]
        if tuned:
            typer.echo(f"settings of '{name}': {', '.join(tuned)}")
    for note in (note for step in manifest.steps for note in step.notes):
        typer.echo(f"note: {note}")
    if layers:
        show_table(
            "Layers as compiled",
            ["layer", "kind", "precision", "arithmetic"],
            [[layer.name, layer.kind, layer.precision, "yes" if layer.is_arithmetic else ""] for layer in compiled],
        )


def _psnr(value: float | None) -> str:
    return "equal" if value is None else f"{value:.1f} dB"


def _described(output: ImageOutput | TextOutput) -> str:
    if output.kind == "text":
        return f"text of at most {output.steps} tokens, {output.vocabulary} different ones, int32"
    return f"{output.width}x{output.height}, {'grey' if output.channels == 1 else 'RGB'}, uint8, NHWC"
