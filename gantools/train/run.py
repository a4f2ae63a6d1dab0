"""The run folder: may it be used, may the training in it go on with this recipe, and from where?"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gantools.core.atomic import write_atomic
from gantools.core.errors import ArtifactError, RecipeError
from gantools.core.recipe import Recipe, dump_recipe
from gantools.core.spec import Frozen
from gantools.train.checkpoint import Checkpoint, checkpoint_steps, load_checkpoint, step_folder
from gantools.train.watch import Memory

RECIPE, ROLLBACK = "recipe.json", "rollback.json"


@dataclass(frozen=True)
class Beginning:
    """Where a training goes on.

    Attributes:
        checkpoint: What to become; none: begin with what is built.
        memory: Of what came before.
    """

    checkpoint: Checkpoint | None = None
    memory: Memory = field(default_factory=Memory)

    @property
    def step(self) -> int:
        """Finished steps."""
        return self.checkpoint.step if self.checkpoint else 0


class Rollback(Frozen):
    """The last going back of a run, as ``rollback.json`` has it. Checkpoints themselves never change.

    Attributes:
        step: Finished steps of the checkpoint that the training went back to; 0: to the beginning.
        memory: The memory it went on with.
    """

    step: int
    memory: Memory


def check_run(run: Path, recipe: Recipe, *, resume: bool) -> Beginning:
    """Look at a run folder without changing it.

    Returns:
        Where to go on.

    Raises:
        ArtifactError: The folder holds a training and ``resume`` is off, or none and it is on, or something else.
        RecipeError: The recipe is not the one of the run; all keys that differ are named.
    """
    if not resume:
        if run.is_file() or (run.is_dir() and any(run.iterdir())):
            if (run / RECIPE).is_file():
                raise ArtifactError(
                    f"'{run}' holds a training.", hint="give --resume to go on with it, or another --out"
                )
            raise ArtifactError(f"'{run}' holds something else.", hint="give another --out")
        return Beginning()
    if not (run / RECIPE).is_file():
        raise ArtifactError(f"'{run}' holds no training to resume.", hint="leave out --resume to begin one")
    rollback = _read_rollback(run)
    steps = [step for step in checkpoint_steps(run) if not _undone(run, step, rollback)]
    if not steps:  # killed before its first checkpoint: beginning anew gives the same bits
        return Beginning(memory=rollback.memory if rollback else Memory())
    checkpoint = load_checkpoint(run, steps[-1])
    _check_recipe(checkpoint, recipe)
    return Beginning(
        checkpoint, rollback.memory if rollback and rollback.step == steps[-1] else checkpoint.state.memory
    )


def go_back(run: Path, rollback: Rollback) -> Beginning:
    """Write a going back down, and remove the checkpoints that it undoes."""
    write_atomic(run / ROLLBACK, (rollback.model_dump_json(indent=2) + "\n").encode())
    remove_undone(run)
    return Beginning(load_checkpoint(run, rollback.step) if rollback.step else None, rollback.memory)


def remove_undone(run: Path) -> None:
    """Remove the checkpoints that the last going back undid, were it interrupted."""
    rollback = _read_rollback(run)
    for step in checkpoint_steps(run):
        if _undone(run, step, rollback):
            shutil.rmtree(step_folder(run, step))


def _undone(run: Path, step: int, rollback: Rollback | None) -> bool:
    if rollback is None or step <= rollback.step:
        return False
    return load_checkpoint(run, step).state.memory.attempt < rollback.memory.attempt


def _read_rollback(run: Path) -> Rollback | None:
    path = run / ROLLBACK
    try:
        return Rollback.model_validate_json(path.read_bytes()) if path.exists() else None
    except ValidationError as err:
        raise ArtifactError(
            f"'{path}' is damaged.", hint="remove it: the training then goes on from its newest checkpoint"
        ) from err


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
