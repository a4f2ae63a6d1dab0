"""What a second process gives: a training's step on one process and on two, beside what the cost model says.

    python benchmarks/processes.py [RECIPE] [--steps 30] [--rounds 3]

Each process computes with one thread. One process has the whole batch; two have half of it each (strong scaling) or all
of it each (weak scaling), and average their gradients through gloo. Seconds are of the clock and, beside them, of the
processor, which other programs on the machine do not change. The model is that of examples/05_many_processes: the
compute of a step is shared, and each phase waits once for

    2 (p - 1) / p * bytes / bandwidth + latency

whose two constants are measured with tensors of 4 bytes and of 16 MB. Progress goes to stderr, one JSON document to
stdout.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import distributed

from gantools.core.recipe import Recipe, load_recipe
from gantools.data import open_images
from gantools.timing.environment import LoadWatch, environment
from gantools.train import PARTS
from gantools.train.choices import steps_s
from gantools.train.draws import Draws
from gantools.train.learner import Learner

ROOT = Path(__file__).parent.parent
LARGE = 4 * 2**20  # float32 values in the large tensor
REPEATS = 20


def work(recipe: Recipe, processes: int, batch: int, steps: int) -> None:
    """Be one process of a measurement; the first one prints seconds."""
    torch.set_num_threads(1)
    changed = {"batch": batch, "precision": "fp32", "compile": "off"}
    recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update=changed)})
    fabric = Fabric(accelerator="cpu", devices=processes, precision="32-true")
    fabric.launch()
    learner = Learner(recipe, fabric)
    output = learner.model.image
    images = open_images(recipe.data.source, resolution=output.height, channels=output.channels, max_broken=0.0)
    draws = Draws(
        images,
        learner.model,
        batch=batch,
        mirror=False,
        seed=0,
        rank=fabric.global_rank,
        world=processes,
        device=fabric.device,
    )
    with draws:
        steps_s(learner, draws, 5)
        before = time.process_time()
        step_s = steps_s(learner, draws, steps) / steps
        cpu_s = (time.process_time() - before) / steps
    found = {"step_s": step_s, "cpu_s": cpu_s}
    if processes > 1:
        found |= {"latency_s": _all_reduce_s(1), "large_s": _all_reduce_s(LARGE)}
        distributed.barrier()
        distributed.destroy_process_group()  # gloo's threads would end the process with an error
    if fabric.is_global_zero:
        print(json.dumps(found))
        with contextlib.suppress(ChildProcessError):  # waited for, the others count as ours and not as other load
            while True:
                os.wait()


def measure(recipe_path: Path, *, steps: int, rounds: int) -> dict[str, Any]:
    """Run every measurement in turn, several times.

    Returns:
        Medians in seconds by case, the constants of the model, and what it predicts.
    """
    recipe = load_recipe(recipe_path, (), PARTS)
    batch = recipe.train.batch
    cases = {"one": (1, batch), "two": (2, batch), "two, twice the batch": (2, 2 * batch)}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    watch = LoadWatch()
    for done in range(rounds):
        for name, (processes, size) in cases.items():
            found[name].append(_run(recipe_path, processes, size, steps))
        print(f"round {done + 1} of {rounds}", file=sys.stderr)
    medians = {
        name: {key: statistics.median(each[key] for each in runs) for key in runs[0]} for name, runs in found.items()
    }
    latency = medians["two"]["latency_s"]
    bandwidth = 4 * LARGE / (medians["two"]["large_s"] - latency)  # for p = 2 the factor 2 (p - 1) / p is 1
    phases = phase_bytes(recipe)
    waiting = sum((size / bandwidth + latency) / every for size, every in phases.values())
    one = medians["one"]["step_s"]
    return {
        "schema": 1,
        "benchmark": "processes",
        "recipe": str(
            recipe_path.resolve().relative_to(ROOT) if recipe_path.resolve().is_relative_to(ROOT) else recipe_path
        ),
        "batch": batch,
        "bytes_by_phase": {name: size for name, (size, _) in phases.items()},
        "seconds": medians,
        "bandwidth_bytes_per_s": bandwidth,
        "latency_s": latency,
        "predicted_step_s": {"two": one / 2 + waiting, "two, twice the batch": one + waiting},
        "load": watch.stop().model_dump(),
        "environment": environment().model_dump(mode="json"),
    }


def phase_bytes(recipe: Recipe) -> dict[str, tuple[int, int]]:
    """By phase: the bytes of gradients that processes average, and every how many steps."""
    from gantools.losses import OBJECTIVES
    from gantools.models.build import build_model

    with torch.device("meta"):  # sizes without values
        nets = build_model(recipe).nets
    row = OBJECTIVES.load(recipe.objective.name)
    return {
        phase.name: (
            sum(4 * weight.numel() for name in phase.updates for weight in nets[name].parameters()),
            phase.every,
        )
        for phase in row.build(row.Config(**recipe.objective.options)).phases
    }


def _run(recipe: Path, processes: int, batch: int, steps: int) -> dict[str, float]:
    line = [sys.executable, str(Path(__file__)), str(recipe), "--as", f"{processes},{batch}", "--steps", str(steps)]
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=said, text=True, check=False, env=settings)
        said.seek(0)
        if done.returncode:
            raise RuntimeError(said.read())
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _all_reduce_s(values: int) -> float:
    tensor, times = torch.ones(values), []
    for _ in range(REPEATS):
        distributed.barrier()
        started = time.perf_counter()
        distributed.all_reduce(tensor)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe", type=Path, nargs="?", default=ROOT / "examples/05_many_processes/recipe.toml")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--as", dest="role", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.role:
        count, size = map(int, chosen.role.split(","))
        work(load_recipe(chosen.recipe, (), PARTS), count, size, chosen.steps)
    else:
        print(json.dumps(measure(chosen.recipe, steps=chosen.steps, rounds=chosen.rounds)))
