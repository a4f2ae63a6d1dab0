"""The training loop. What a phase computes is the objective's business; what it changes is in ``learner.py``."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException

from gantools.core.errors import BackendError, DataError, RecipeError
from gantools.core.events import Note, OnEvent, ignore
from gantools.core.recipe import Recipe
from gantools.data import ImageSet, note_duplicates, open_images
from gantools.train.checkpoint import Checkpoint, checkpoint_steps, load_checkpoint, remove_leftovers
from gantools.train.draws import Draws
from gantools.train.guard import Terms
from gantools.train.interrupt import StopRequest
from gantools.train.learner import Learner
from gantools.train.precision import with_precision
from gantools.train.record import Recorder, is_due
from gantools.train.run import check_run, write_recipe

LOOK_EVERY = 20  # steps between two looks at the losses


def fit(
    recipe: Recipe, out: Path, *, resume: bool, devices: int | str, nodes: int, accelerator: str, on_event: OnEvent
) -> Checkpoint:
    """See ``gantools.train.train``."""
    fabric = start_fabric(recipe, devices=devices, nodes=nodes, accelerator=accelerator)
    on_event = on_event if fabric.is_global_zero else ignore
    recipe = with_precision(recipe, out, resume=resume, fabric=fabric, on_event=on_event)
    learner = Learner(recipe, fabric)
    output, data = learner.model.output, recipe.data
    with fabric.rank_zero_first(local=True):
        begun = check_run(out, recipe, resume=resume)
        images = open_images(
            data.source,
            resolution=output.height,
            channels=output.channels,
            max_broken=data.max_broken,
            cache=data.cache,
            on_event=on_event,
            labels=learner.model.classes > 0,
            fit=data.fit,
        )
        note_duplicates(images, on_event=on_event)
        _check_classes(learner.model.classes, images)
    if begun:
        if begun.state.data_sha256 != images.digest:
            raise DataError(
                f"the images of '{data.source}' have digest {images.digest[:12]}, the run was begun with "
                f"{begun.state.data_sha256[:12]}.",
                hint="put the old images back, or give another --out",
            )
        learner.restore(begun)
    draws = Draws(
        images,
        learner.model,
        batch=recipe.train.batch,
        mirror=data.mirror,
        seed=recipe.train.seed,
        rank=fabric.global_rank,
        world=fabric.world_size,
        device=fabric.device,
    )
    start = begun.step if begun else 0
    with StopRequest() as stop, ExitStack() as stack:
        recorder = None
        if fabric.is_global_zero:
            remove_leftovers(out)
            write_recipe(out, recipe)
            recorder = Recorder(out, recipe, start, learner, images, fabric.device, on_event)
            stack.enter_context(recorder)
        stopped_at = _loop(recipe, start, fabric, learner, draws, recorder, stop, out)
    fabric.barrier()
    if stopped_at:
        on_event(
            Note(
                f"stopped after step {stopped_at} of {recipe.train.steps}, which is saved; --resume goes on from there"
            )
        )
        raise KeyboardInterrupt
    return load_checkpoint(out, "best")


def _loop(
    recipe: Recipe,
    start: int,
    fabric: Fabric,
    learner: Learner,
    draws: Draws,
    recorder: Recorder | None,
    stop: StopRequest,
    out: Path,
) -> int | None:
    """Train from ``start`` finished steps to the end; returns the step at which it was asked to stop, if it was."""
    terms = Terms()
    for step in range(start, recipe.train.steps):
        # 1. Draw real images and noise.
        due = [phase for phase in learner.objective.phases if step % phase.every == 0]
        batch = draws.batch(step, tuple(phase.name for phase in due))
        # 2. Update the discriminator on real and generated images.
        # 3. Update the generator through the discriminator. The objective's phases say what exactly, and in which
        # order.
        for phase in due:
            terms.add(step, learner.update(phase, batch, draws.rng(phase.name, step)))
        # 4. Let the averaged generator follow, and record.
        done = step + 1
        learner.average(done * recipe.train.batch)
        look = done % LOOK_EVERY == 0 or is_due(done, recipe)
        stopping = _asked_to_stop(fabric, stop, look) and done < recipe.train.steps
        if look or stopping:
            means = terms.means(_advice(out))
            if recorder:
                recorder.after(done, means, stopping=stopping)
        if stopping:
            return done
    return None


def _check_classes(wanted: int, images: ImageSet) -> None:
    if wanted and len(images.classes) != wanted:
        raise DataError(
            f"'{images.name}' has {len(images.classes)} classes, the model is built for {wanted}.",
            hint=f"set model.classes={len(images.classes)}",
        )


def start_fabric(recipe: Recipe, *, devices: int | str, nodes: int, accelerator: str) -> Fabric:
    """Processes and devices.

    Raises:
        BackendError: This machine does not have what is asked for.
        RecipeError: The batch cannot be shared by so many processes.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces precision and processes
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


def _asked_to_stop(fabric: Fabric, stop: StopRequest, look: bool) -> bool:
    """Whether to stop now. Several processes agree on it when they look at the losses: all must stop together."""
    if fabric.world_size == 1:
        return stop.requested
    if not look:
        return False
    votes: Any = fabric.all_reduce(torch.tensor(float(stop.requested), device=fabric.device), reduce_op="sum")
    return bool(votes > 0)


def _advice(out: Path) -> str:
    steps = checkpoint_steps(out)
    kept = f"; the checkpoint of step {steps[-1]} is kept in '{out}'" if steps else ""
    return f"start again with a lower train.learning_rate{kept}"
