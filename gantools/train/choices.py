"""What a recipe leaves to the machine, settled by measuring when a training begins: ``precision`` and ``compile``.

bfloat16 halves memory traffic and doubles or quadruples the arithmetic where the processor has instructions for it, and
costs tenfold where it must be imitated. ``torch.compile`` fuses what lies between convolutions, which is much of the
time of some networks and hardly any of others. No list of processors or networks stays true, so both are timed: for the
precision a small convolution, for compiling the training's own steps.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from statistics import median
from typing import Literal

import torch
from lightning_fabric import Fabric

from gantools.core.errors import BackendError
from gantools.core.events import Note, OnEvent
from gantools.core.recipe import Recipe, TrainPrecision
from gantools.train.checkpoint import checkpoint_steps, load_checkpoint
from gantools.train.draws import Draws
from gantools.train.learner import Learner

_ROUNDS = 15
# Below this a training would not notice, and fp32 is the safer choice.
_WORTH = 1.2
# The same for kernels that a compiler made, which change no more than the order of sums.
_WORTH_COMPILED = 1.05
# About what compiling takes, and the largest share of a training that finding out may take.
_COMPILE_S, _SHARE = 60.0, 0.02
_TIMED_STEPS, _TIMED_ROUNDS = 5, 3

_Compile = Literal["on", "off"]


def as_begun(recipe: Recipe, out: Path) -> Recipe:
    """The recipe with what the run in ``out`` settled when it began, where the recipe leaves it open."""
    if not checkpoint_steps(out):
        return recipe
    before = load_checkpoint(out, "last").recipe.train
    open_choices = {key: getattr(before, key) for key in ("precision", "compile") if _is_open(recipe, key)}
    return _with(recipe, **open_choices)


def with_precision(recipe: Recipe, fabric: Fabric, on_event: OnEvent) -> Recipe:
    """The recipe with its precision settled as the first process measures for all.

    Args:
        recipe: Resolved but for this.
        fabric: Launched.
        on_event: Told what was chosen, and why.
    """
    if not _is_open(recipe, "precision"):
        return recipe
    chosen, why = fabric.broadcast(choose_precision(fabric.device))
    on_event(Note(f"train.precision auto: {chosen}, because {why}"))
    return _with(recipe, precision=chosen)


def with_compile(recipe: Recipe, learner: Learner, draws: Draws, fabric: Fabric, on_event: OnEvent) -> Recipe:
    """The recipe with ``compile`` settled likewise, and the learner compiled where it is on.

    Args:
        recipe: Resolved but for this.
        learner: As it was built, which it is again afterwards.
        draws: What it learns from.
        fabric: Launched.
        on_event: Told what was chosen, and why.

    Raises:
        BackendError: The recipe wants kernels, and there is no compiler.
    """
    chosen = recipe.train.compile
    if chosen == "auto":
        chosen, why = choose_compile(recipe, learner, draws, fabric)
        on_event(Note(f"train.compile auto: {chosen}, because {why}"))
    elif chosen == "on" and (missing := missing_compiler(fabric.device)):
        raise BackendError(f"train.compile is on, and {missing}.", hint="install it, or set train.compile=off")
    learner.compile(enabled=chosen == "on")
    return _with(recipe, compile=chosen)


def choose_precision(device: torch.device) -> tuple[TrainPrecision, str]:
    """The faster precision on a device, and the reason in words.

    Args:
        device: Where the training runs.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "this GPU computes it") if native else ("fp32", "this GPU has no bf16")
    # In turns, because what else the machine does comes and goes; and the least times, because it only ever adds.
    turns = [[_convolution_s(device, dtype) for dtype in (torch.float32, torch.bfloat16)] for _ in range(_ROUNDS)]
    ratio = min(single for single, _ in turns) / min(half for _, half in turns)
    chosen: TrainPrecision = "bf16" if ratio >= _WORTH else "fp32"
    return chosen, f"a convolution in bf16 is {ratio:.2g} times as fast as in fp32 here"


def choose_compile(recipe: Recipe, learner: Learner, draws: Draws, fabric: Fabric) -> tuple[_Compile, str]:
    """Whether compiled networks train faster, and the reason in words. All processes take part and agree.

    Compiling is tried only in a training so long that trying is lost in it.
    """
    if missing := missing_compiler(fabric.device):
        return "off", missing
    if recipe.train.steps < 2 * _TIMED_STEPS / _SHARE:
        return "off", f"{recipe.train.steps} steps are too few to try it"
    steps_s(learner, draws, _TIMED_STEPS)  # the first steps of a process choose kernels and find memory
    eager_s = fabric.broadcast(steps_s(learner, draws, _TIMED_STEPS)) / _TIMED_STEPS
    whole_s, least_s = eager_s * recipe.train.steps, _COMPILE_S / _SHARE
    if whole_s < least_s:
        learner.begin_again()
        return "off", f"the training takes about {_duration(whole_s)}, and trying pays above {_duration(least_s)}"
    started = time.perf_counter()
    learner.compile(enabled=True)
    try:
        steps_s(learner, draws, _TIMED_STEPS)
    except RuntimeError as err:
        if fabric.world_size > 1:  # the others are waiting within a step
            raise
        learner.begin_again()
        return "off", f"compiling failed: {str(err).splitlines()[0]}"
    compiling_s = time.perf_counter() - started - eager_s * _TIMED_STEPS
    ratios = []
    for _ in range(_TIMED_ROUNDS):
        times = []
        for enabled in (False, True):
            learner.compile(enabled=enabled)
            times.append(steps_s(learner, draws, _TIMED_STEPS))
        ratios.append(times[0] / times[1])
    learner.begin_again()
    ratio = fabric.broadcast(median(ratios))
    chosen: _Compile = "on" if ratio >= _WORTH_COMPILED else "off"
    return chosen, f"compiled steps are {ratio:.2f} times as fast here; compiling took {_duration(compiling_s)}"


def steps_s(learner: Learner, draws: Draws, steps: int) -> float:
    """Seconds that some steps take. From the second step of a training on, because the first has every lazy phase."""
    started = time.perf_counter()
    for step in range(1, steps + 1):
        due = learner.due(step)
        batch = draws.batch(step, tuple(phase.name for phase in due))
        for phase in due:
            terms = learner.update(phase, batch, draws.rng(phase.name, step))
    for value in terms.values():
        value.item()  # waits for the device
    return time.perf_counter() - started


def missing_compiler(device: torch.device) -> str | None:
    """Which compiler for a device's kernels is not there, in words; none: nothing is missing."""
    if device.type != "cpu":
        return None if torch.utils._triton.has_triton() else "Triton, which makes kernels for this device, is not there"
    name = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    return None if shutil.which(name) else f"the C++ compiler '{name}', which makes kernels for a CPU, is not there"


def _convolution_s(device: torch.device, dtype: torch.dtype) -> float:
    """Time of a convolution of the size that generators are made of, forward and backward, after one to warm up."""
    image = torch.ones(16, 64, 16, 16, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    layer = torch.nn.Conv2d(64, 64, kernel_size=4, stride=2, padding=1, device=device, dtype=dtype)
    layer(image).sum().backward()
    started = time.perf_counter()
    layer(image).sum().backward()
    return time.perf_counter() - started


def _is_open(recipe: Recipe, key: str) -> bool:
    return bool(getattr(recipe.train, key) == "auto")


def _with(recipe: Recipe, **choices: str) -> Recipe:
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=choices)})


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
