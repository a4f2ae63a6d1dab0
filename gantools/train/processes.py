"""Which processes and devices a training runs on: one, several that this program starts, or those of ``torchrun``.

Processes wait for each other. So what stops one of them must stop all, and one of them says why.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException

from gantools.core.errors import BackendError, GantoolsError, RecipeError, TrainingError
from gantools.core.recipe import Recipe

# How gloo says that another process is no more; NCCL raises an exception of its own.
_CLOSED = ("Connection closed by peer", "Connection reset by peer", "Broken pipe")

T = TypeVar("T")


def start_fabric(recipe: Recipe, *, devices: int | str, nodes: int, accelerator: str) -> Fabric:
    """Start all processes. Under ``torchrun``, which has started them already, its numbers count.

    Raises:
        BackendError: This machine does not have what is asked for.
        RecipeError: The batch cannot be shared by so many processes.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces precision and processes
    if torch.distributed.is_torchelastic_launched():
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    try:
        fabric = Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, precision="32-true")
    except (MisconfigurationException, ValueError, RuntimeError) as err:
        reason = str(err).splitlines()[0]
        raise BackendError(
            f"accelerator '{accelerator}' with {devices} devices on {nodes} nodes cannot be had: {reason}",
            hint="'gantools doctor' shows what this machine has",
        ) from err
    if recipe.train.batch % fabric.world_size:
        raise RecipeError(
            f"train.batch is {recipe.train.batch}, which {fabric.world_size} processes cannot share equally.",
            hint=f"make train.batch a multiple of {fabric.world_size}",
        )
    fabric.launch()
    return fabric


def agreed(fabric: Fabric, work: Callable[[], T], *, in_turn: bool = False) -> T:
    """Do something on all processes. What cannot be done on one is an error on each.

    Args:
        fabric: Launched.
        work: What to do.
        in_turn: First on one process of each machine, then on its others, which find its caches filled.

    Raises:
        GantoolsError: That of ``work`` here, or else that of the first process that has one.
    """
    result: list[T] = []
    error: GantoolsError | None = None
    with fabric.rank_zero_first(local=True) if in_turn else nullcontext():
        try:
            result.append(work())
        except GantoolsError as err:
            error = err
    if fabric.world_size > 1:
        errors: list[GantoolsError | None] = [None] * fabric.world_size
        torch.distributed.all_gather_object(errors, error)
        error = error or next((other for other in errors if other is not None), None)
    if error is not None:
        raise error
    return result[0]


@contextmanager
def noticing_lost_processes(run: Path) -> Iterator[None]:
    """Within, the end of another process is an error with a sentence. That process has told its own reason.

    Args:
        run: The run folder, for the sentence.

    Raises:
        TrainingError: Another process has ended.
    """
    try:
        yield
    except RuntimeError as err:
        if isinstance(err, torch.distributed.DistError) or any(words in str(err) for words in _CLOSED):
            raise TrainingError(
                "another process of this training has ended, and the others cannot go on without it.",
                hint=f"mend what it reported; --resume then goes on from the newest checkpoint in '{run}'",
            ) from err
        raise
