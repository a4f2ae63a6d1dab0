"""Which processes and devices a training runs on: one, several that this program starts, or those of ``torchrun``."""

from __future__ import annotations

import logging
import os

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException

from gantools.core.errors import BackendError, RecipeError
from gantools.core.recipe import Recipe


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
