"""The run folder: may it be used, and may the training in it go on with this recipe?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gantools.core.atomic import write_atomic
from gantools.core.errors import ArtifactError, RecipeError
from gantools.core.recipe import Recipe, dump_recipe
from gantools.train.checkpoint import Checkpoint, checkpoint_steps, load_checkpoint

RECIPE = "recipe.json"


def check_run(run: Path, recipe: Recipe, *, resume: bool) -> Checkpoint | None:
    """Look at a run folder without changing it.

    Returns:
        The checkpoint to go on from; none to begin at the beginning.

    Raises:
        ArtifactError: The folder holds a training and ``resume`` is off, or none and it is on, or something else.
        RecipeError: The recipe is not the one of the run; all keys that differ are named.
    """
    if not resume:
        if run.is_file() or (run.is_dir() and any(run.iterdir())):
            holds = "a training" if (run / RECIPE).is_file() else "something else"
            raise ArtifactError(
                f"'{run}' holds {holds}.", hint="give --resume to go on with a training, or another --out"
            )
        return None
    if not (run / RECIPE).is_file():
        raise ArtifactError(f"'{run}' holds no training to resume.", hint="leave out --resume to begin one")
    if not checkpoint_steps(run):
        return None  # killed before its first checkpoint: beginning anew gives the same bits
    checkpoint = load_checkpoint(run, "last")
    _check_recipe(checkpoint, recipe)
    return checkpoint


def write_recipe(run: Path, recipe: Recipe) -> None:
    """Store the resolved recipe in the run."""
    write_atomic(run / RECIPE, (dump_recipe(recipe) + "\n").encode())


def _check_recipe(checkpoint: Checkpoint, recipe: Recipe) -> None:
    trained, wanted = _flat(checkpoint.recipe.model_dump(mode="json")), _flat(recipe.model_dump(mode="json"))
    steps = wanted.pop("train.steps")
    del trained["train.steps"]
    problems = [
        f"{key}: the run has {trained.get(key)!r}, the recipe {wanted.get(key)!r}"
        for key in sorted(trained.keys() | wanted.keys())
        if trained.get(key) != wanted.get(key)
    ]
    if steps < checkpoint.step:
        problems.append(f"train.steps: the run has done {checkpoint.step}, the recipe wants {steps}")
    if problems:
        raise RecipeError(
            "the recipe is not the one of this run:\n  " + "\n  ".join(problems),
            hint="only train.steps may grow on --resume; for anything else give another --out",
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
