"""Recipe to checkpoint. This file is free of torch; the loop is in ``fit.py``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantools.core.events import OnEvent, ignore
from gantools.core.optional import require
from gantools.core.recipe import Recipe
from gantools.core.registry import Table
from gantools.data.degradations import DEGRADATIONS
from gantools.losses import OBJECTIVES
from gantools.models import DISCRIMINATORS, MODELS

PARTS: Mapping[str, Table[Any]] = {
    "model": MODELS,
    "discriminator": DISCRIMINATORS,
    "objective": OBJECTIVES,
    "data.degrade": DEGRADATIONS,
}
"""The sections of a recipe that name a row of a table."""

if TYPE_CHECKING:
    from gantools.train.checkpoint import Checkpoint


def train(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    devices: int | str = 1,
    nodes: int = 1,
    accelerator: str = "auto",
    on_event: OnEvent = ignore,
) -> Checkpoint:
    """Train a generator.

    The run folder holds ``recipe.json``, ``checkpoints/``, ``best.json``, ``samples/``, ``log.jsonl``, ``tensorboard/``
    and what tells its story: ``report.html``, ``curves/``, ``events.jsonl``, ``environment.json``. On a CPU, and with
    equal library versions and thread counts, a training is a function of its recipe and its data, and a resumed one is
    equal to an uninterrupted one bit for bit.

    Args:
        recipe: What to do.
        out: The run folder.
        resume: Go on from the newest checkpoint in ``out``. The recipe must be the one of the run; only ``train.steps``
            may have grown.
        devices: Devices on each node, or ``"auto"``: all. With more than one, this program is started again for each.
        nodes: Machines.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        on_event: Who watches.

    Returns:
        The best checkpoint by KID, or the last one where the recipe turns evaluation off.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM arrived; the step was finished and saved before this was raised.
        RecipeError: The recipe does not fit the run that is to be resumed, or the devices.
        DataError: The images cannot be used.
        TrainingError: It fails, and going back has not helped.
        ArtifactError: ``out`` holds something else, or the disk refused.
        MissingDependencyError: The extra ``train`` is not installed.
    """
    for module in ("torch", "lightning_fabric", "safetensors", "tensorboard"):
        require(module, extra="train", why="to train")
    from gantools.train.fit import fit

    return fit(recipe, out, resume=resume, devices=devices, nodes=nodes, accelerator=accelerator, on_event=on_event)


def speaks() -> bool:
    """Whether this process is the one of a training's processes that tells people of results and errors."""
    from torch import distributed

    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0


__all__ = ["PARTS", "speaks", "train"]
