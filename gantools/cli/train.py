"""``gantools train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantools.cli.output import emit_json, for_shell, same_command, say, watching


def command(
    recipe: Annotated[Path | None, typer.Argument(metavar="RECIPE", help="A recipe in TOML.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder to write.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override a key of the recipe; repeatable."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's newest checkpoint.")] = False,
    devices: Annotated[int, typer.Option(min=1, help="Devices on each node.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe and stop.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the recipe's JSON Schema and stop.")] = False,
) -> None:
    """Train a generator from a recipe."""
    from gantools.core.optional import require
    from gantools.core.recipe import load_recipe, recipe_schema

    if schema:
        emit_json(recipe_schema())
        return
    if recipe is None:
        raise typer.BadParameter("give a recipe, such as examples/01_image_gan/recipe.toml", param_hint="RECIPE")
    require("torch", extra="train", why="to train")
    from gantools.train import PARTS

    resolved = load_recipe(recipe, overrides or (), PARTS)
    if dry_run:
        emit_json(resolved.model_dump(mode="json"))
        return
    if out is None:
        raise typer.BadParameter("say where the run shall go", param_hint="--out")
    from gantools.core.errors import GantoolsError
    from gantools.train import speaks, train

    with watching() as watch:
        try:
            checkpoint = train(
                resolved, out, resume=resume, devices=devices, nodes=nodes, accelerator=accelerator, on_event=watch
            )
        except KeyboardInterrupt:
            if speaks():
                say(f"stopped. Go on with: {same_command('--resume')}")
            raise typer.Exit(130) from None
        except GantoolsError as err:
            if speaks():
                raise
            raise typer.Exit(err.exit_code) from None
    if speaks():
        after = for_shell("gantools", "export", out, "--out", f"art/{resolved.name}")
        say(f"best checkpoint: step {checkpoint.step}. Next: {after}")
