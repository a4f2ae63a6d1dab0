"""Which precision a training computes its matrix products in, where the recipe leaves it to the machine.

bfloat16 halves memory traffic and doubles or quadruples the arithmetic where the processor has instructions for it, and
costs tenfold where it must be imitated. No list of processors stays true, so a small convolution is timed instead.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import torch
from lightning_fabric import Fabric

from gantools.core.events import Note, OnEvent
from gantools.core.recipe import Recipe, TrainPrecision
from gantools.train.checkpoint import checkpoint_steps, load_checkpoint

_ROUNDS = 5
# Below this a training would not notice, and fp32 is the safer choice.
_WORTH = 1.2


def with_precision(recipe: Recipe, out: Path, *, resume: bool, fabric: Fabric, on_event: OnEvent) -> Recipe:
    """The recipe with ``auto`` settled: as the run in ``out`` has it, or as the first process measures for all.

    Args:
        recipe: Resolved but for this.
        out: The run folder.
        resume: Whether a training in it goes on.
        fabric: Launched.
        on_event: Told what was chosen, and why.
    """
    if recipe.train.precision != "auto":
        return recipe
    if resume and checkpoint_steps(out):
        chosen = load_checkpoint(out, "last").recipe.train.precision
    else:
        chosen, why = fabric.broadcast(choose_precision(fabric.device))
        on_event(Note(f"train.precision auto: {chosen}, because {why}"))
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"precision": chosen})})


def choose_precision(device: torch.device) -> tuple[TrainPrecision, str]:
    """The faster precision on a device, and the reason in words.

    Args:
        device: Where the training runs.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "this GPU computes it") if native else ("fp32", "this GPU has no bf16")
    times = {dtype: _convolution_s(device, dtype) for dtype in (torch.float32, torch.bfloat16)}
    ratio = times[torch.float32] / times[torch.bfloat16]
    chosen: TrainPrecision = "bf16" if ratio >= _WORTH else "fp32"
    return chosen, f"a convolution in bf16 is {ratio:.2g} times as fast as in fp32 here"


def _convolution_s(device: torch.device, dtype: torch.dtype) -> float:
    """Median time of a convolution of the size that generators are made of, forward and backward."""
    image = torch.ones(16, 64, 16, 16, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    layer = torch.nn.Conv2d(64, 64, kernel_size=4, stride=2, padding=1, device=device, dtype=dtype)
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        layer(image).sum().backward()
        times.append(time.perf_counter() - started)
    return median(times[1:])
