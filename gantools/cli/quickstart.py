"""``gantools quickstart``: the whole way once, on real digits that ship inside scikit-learn. The stages do the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gantools.cli.options import Json
from gantools.cli.output import emit_json, same_command, say, show_table, watching

if TYPE_CHECKING:
    from gantools.core.artifact import Artifact
    from gantools.core.events import OnEvent

RECIPE = Path(__file__).with_name("quickstart.toml")
# Name of the artifact, target, precision, device. An engine is compiled everywhere and run where its GPU is.
VARIANTS = (
    ("digits-ov-fp32", "openvino", "fp32", "cpu"),
    ("digits-ov", "openvino", "auto", "cpu"),
    ("digits-cuda", "onnxruntime", "fp16", "cuda"),
    ("digits-trt", "tensorrt-rtx", "fp16", "cuda"),
)


def command(
    out: Annotated[Path, typer.Option(help="The folder for everything it makes.")] = Path("quickstart"),
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override a key of its recipe; repeatable."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="Most seconds of measuring for each variant and batch size.")
    ] = 5.0,
    json: Json = False,
) -> None:
    """Go the whole way once, with handwritten digits.

    Trains, exports, optimizes, verifies, scores and measures a generator, and writes a report. Run it again to go on.
    """
    from gantools.core.optional import require
    from gantools.core.recipe import load_recipe

    for module in ("torch", "onnxscript", "psutil", "onnxruntime"):
        require(module, extra="all-cpu", why="for the quickstart")
    from gantools.cli import quickstart_results as results
    from gantools.export.onnx import export
    from gantools.train import PARTS, train

    recipe = load_recipe(RECIPE, overrides or (), PARTS)
    run, art = out / "run", out / "art"
    with watching() as watch:
        try:
            checkpoint = train(recipe, run, resume=run.exists(), on_event=watch)
        except KeyboardInterrupt:
            say(f"stopped. Go on with: {same_command()}")
            raise typer.Exit(130) from None
        parent = export(checkpoint, art / "digits", on_event=watch)
        made, failed = _variants(parent, art, watch)
        found = results.collect(run, checkpoint, made, failed, recipe.data.source, seconds, watch)
    page = results.write(out, found)
    if json:
        emit_json(found.document)
    else:
        show_table("", results.COLUMNS, found.rows)
        for note in found.notes:
            typer.echo(note)
    say(f"\nreport: {page}\nsamples: {out / 'grid.png'}\n\nnext:")
    for line in found.next_commands:
        say(f"  {line}")


def _variants(parent: Artifact, art: Path, watch: OnEvent) -> tuple[dict[str, Any], dict[str, str]]:
    """Optimize the parent for every target; a target that is not installed or refuses is a line of the table."""
    from gantools.core.errors import GantoolsError
    from gantools.optimize.optimize import optimize
    from gantools.optimize.plan import plan_from
    from gantools.verify.report import unavailable

    made: dict[str, Any] = {"digits": parent}
    failed: dict[str, str] = {}
    for name, target, precision, device in VARIANTS:
        if target == "onnxruntime" and unavailable(target, device):
            continue  # its file would be that of the CPU, and nothing could be said of it here
        try:
            plan = plan_from({"target": target, "precision": precision, "device": device})
            made[name] = optimize(parent, plan, art / name, on_event=watch)
        except GantoolsError as err:
            failed[name] = err.message.splitlines()[0]
    return made, failed
