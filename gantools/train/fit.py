"""The training loop.

What a phase computes is the objective's business, what it changes is in ``learner.py``, what is kept of it in
``record.py``, and whether it goes well in ``watch.py``.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from gantools.core.errors import DataError
from gantools.core.events import Note, OnEvent, ignore
from gantools.core.recipe import Recipe
from gantools.data.pairs.pairs import PairSet
from gantools.data.texts import TextSet
from gantools.train.checkpoint import Checkpoint, load_checkpoint, remove_leftovers
from gantools.train.choices import as_begun, with_compile, with_precision
from gantools.train.course import Course
from gantools.train.draws import Draws
from gantools.train.interrupt import StopRequest
from gantools.train.learner import Learner
from gantools.train.memory import kept_memory
from gantools.train.processes import agreed, noticing_lost_processes, start_fabric
from gantools.train.reals import Pairs, Reals, Sides, open_reals
from gantools.train.record import Recorder
from gantools.train.run import Beginning, check_run, remove_undone, write_recipe
from gantools.train.story import Story
from gantools.train.watch import WINDOW

LOOK_EVERY = WINDOW  # steps between two looks at the losses


def fit(
    recipe: Recipe, out: Path, *, resume: bool, devices: int | str, nodes: int, accelerator: str, on_event: OnEvent
) -> Checkpoint:
    """See ``gantools.train.train``."""
    fabric = start_fabric(recipe, devices=devices, nodes=nodes, accelerator=accelerator)
    on_event = on_event if fabric.is_global_zero else ignore
    recipe = with_precision(as_begun(recipe, out) if resume else recipe, fabric, on_event)
    learner = Learner(recipe, fabric)

    def look() -> tuple[Beginning, Sides]:
        beginning = check_run(out, recipe, resume=resume)
        if not beginning.checkpoint:
            learner.start_from()
        reals = open_reals(recipe, learner.model, on_event)
        _check_reals(beginning, reals.learned, recipe)
        learner.objective.check_frames(reals.learned.wanted if isinstance(reals.learned, PairSet) else 1)
        return beginning, reals

    beginning, reals = agreed(fabric, look, in_turn=True)
    draws = Draws(
        reals.learned,
        learner.model,
        batch=recipe.train.batch,
        mirror=recipe.data.mirror,
        turn=recipe.data.turn,
        seed=recipe.train.seed,
        rank=fabric.global_rank,
        world=fabric.world_size,
        device=fabric.device,
    )
    recipe = with_compile(recipe, learner, draws, fabric, on_event)

    def record() -> Recorder | None:
        if not fabric.is_global_zero:
            return None
        remove_leftovers(out)
        remove_undone(out)
        write_recipe(out, recipe)
        story = Story(out, on_event)
        story.begin(out, fabric, beginning.step, beginning.memory.attempt)
        if learner.origin and not beginning.checkpoint:
            story.start_from(learner.origin)
        if isinstance(reals.held_out, TextSet) and isinstance(reals.learned, TextSet):
            story.hold_out(reals.held_out.lines, len(reals.learned.lines), beginning.step, "texts", "nats")
        if isinstance(reals.held_out, Pairs) and isinstance(reals.learned, Pairs):
            names, learned = reals.held_out.targets.names, reals.learned.targets.names
            figure = "psnr" if isinstance(reals.learned, PairSet) else "kid"
            story.hold_out(names, len(learned), beginning.step, "clips", figure)
        return Recorder(out, recipe, beginning, learner, reals, fabric.device, story, on_event)

    with StopRequest() as stop, noticing_lost_processes(out), kept_memory(), ExitStack() as stack:
        if recorder := agreed(fabric, record):
            stack.enter_context(recorder)
        stack.enter_context(draws)
        course = Course(recipe, fabric, learner, draws, recorder, stop)
        if beginning.checkpoint or beginning.memory.attempt:
            course.begin(beginning)
        _loop(recipe, beginning.step, learner, draws, course)
        fabric.barrier()
    if course.stopped_at:
        where = f"step {course.stopped_at} of {recipe.train.steps}"
        on_event(Note(f"stopped after {where}, which is saved; --resume goes on from there"))
        raise KeyboardInterrupt
    return load_checkpoint(out, "best")


def _loop(recipe: Recipe, step: int, learner: Learner, draws: Draws, course: Course) -> None:
    """Train from ``step`` finished steps to the end."""
    while step < recipe.train.steps and not course.stopped_at:
        # 1. Draw real samples and noise.
        due = learner.due(step)
        learner.pace(step)
        batch = draws.batch(step, tuple(phase.name for phase in due))
        # 2. Update the discriminator on real and generated images.
        # 3. Update the generator through the discriminator. The objective's phases say what exactly, and in which
        # order.
        for phase in due:
            course.terms.add(step, learner.update(phase, batch, draws.rng(phase.name, step)))
        # 4. Let the averaged generator follow, record, and repeat: from here, or from an earlier step if it went wrong.
        learner.average((step + 1) * recipe.train.batch)
        step = course.after(step + 1)


def _check_reals(beginning: Beginning, reals: Reals, recipe: Recipe) -> None:
    if beginning.checkpoint and beginning.checkpoint.state.data_sha256 != reals.digest:
        what = "texts" if isinstance(reals, TextSet) else "images"
        raise DataError(
            f"the {what} of '{recipe.data.source}' have digest {reals.digest[:12]}, the run was begun with "
            f"{beginning.checkpoint.state.data_sha256[:12]}.",
            hint=f"put the old {what} back, or give another --out",
        )
