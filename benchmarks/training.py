"""Training throughput: gantools against a plain PyTorch loop, in one process, interleaved.

The plain loop does what the DCGAN example of pytorch/examples does: float32, contiguous tensors, default Adam, the
discriminator's weight gradients computed in the generator's step too, losses read back in every step. It gets its
images ready-made in memory, so no data loader slows it down. gantools draws its own images and noise, averages the
generator and watches its losses, which the plain loop does not. Both train the same networks at the same batch size.

    python benchmarks/training.py [--resolution 32] [--width 32] [--batch 64]

Progress goes to stderr, one JSON document to stdout. Rounds alternate, so that a slower minute of the machine slows
both; the ratio is the median over rounds of each round's own ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from gantools.bench.environment import LoadWatch, environment
from gantools.core.recipe import Recipe, resolve_recipe
from gantools.data import open_images
from gantools.models.build import build_model
from gantools.train import PARTS
from gantools.train.draws import Draws
from gantools.train.fit import LOOK_EVERY
from gantools.train.guard import Terms, means
from gantools.train.learner import Learner
from gantools.train.precision import choose_precision
from gantools.train.processes import start_fabric


def measure(
    *, resolution: int = 32, channels: int = 1, width: int = 32, batch: int = 64, seconds: float = 4.0, rounds: int = 7
) -> dict[str, Any]:
    """Time both loops.

    Args:
        resolution: Edge of the images, in pixels.
        channels: 1 or 3.
        width: Of both networks.
        batch: Images in a step.
        seconds: About how long one loop runs in one round.
        rounds: How often the loops take turns.

    Returns:
        Images per second by loop (median, least, most, all), and the ratio by round.
    """
    precision, _ = choose_precision(torch.device("cpu"))
    recipe = resolve_recipe(
        {
            "model": {"name": "dcgan", "resolution": resolution, "channels": channels, "width": width},
            "data": {"source": "builtin:digits"},
            "discriminator": {"name": "dcgan", "width": width},
            "objective": {"name": "nonsaturating"},
            "train": {"batch": batch, "precision": precision},
        },
        "benchmark",
        PARTS,
    )
    loops = {"plain": _plain(recipe), "gantools": _gantools(recipe)}
    rates: dict[str, list[float]] = {name: [] for name in loops}
    steps = {name: _steps_for(seconds, loop) for name, loop in loops.items()}
    for done in range(rounds):
        order = list(loops) if done % 2 == 0 else list(loops)[::-1]
        for name in order:
            started = time.perf_counter()
            loops[name](steps[name])
            rates[name].append(steps[name] * batch / (time.perf_counter() - started))
        print(
            f"round {done + 1} of {rounds}: " + ", ".join(f"{n} {rates[n][-1]:.0f}/s" for n in loops), file=sys.stderr
        )
    ratios = [ours / plain for ours, plain in zip(rates["gantools"], rates["plain"], strict=True)]
    return {
        "schema": 1,
        "benchmark": "training",
        "what": "images per second of whole training steps, host in to weights updated",
        "model": recipe.model.model_dump(),
        "batch": batch,
        "precision": {"plain": "fp32", "gantools": recipe.train.precision},
        "steps_per_round": steps,
        "images_per_second": {name: _summary(values) for name, values in rates.items()},
        "ratio": _summary(ratios),
        "threads": torch.get_num_threads(),
    }


def _plain(recipe: Recipe) -> Callable[[int], None]:
    """The loop of the example. The names are the example's."""
    torch.manual_seed(0)
    model, config = build_model(recipe), recipe.model.options
    net_g, net_d = model.nets["G"], model.nets["D"]
    criterion = nn.BCEWithLogitsLoss()
    optimizer_d = torch.optim.Adam(net_d.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(net_g.parameters(), lr=2e-4, betas=(0.5, 0.999))
    batch = recipe.train.batch
    images = torch.rand(8, batch, config["channels"], config["resolution"], config["resolution"]) * 2 - 1
    ones, zeros = torch.ones(batch), torch.zeros(batch)

    def run(steps: int) -> None:
        for step in range(steps):
            net_d.zero_grad()
            err_real = criterion(net_d(images[step % len(images)]), ones)
            err_real.backward()
            fake = net_g(torch.randn(batch, config["latent"]))
            err_fake = criterion(net_d(fake.detach()), zeros)
            err_fake.backward()
            optimizer_d.step()
            net_g.zero_grad()
            err_g = criterion(net_d(fake), ones)
            err_g.backward()
            optimizer_g.step()
            _ = (err_real.item(), err_fake.item(), err_g.item())

    return run


def _gantools(recipe: Recipe) -> Callable[[int], None]:
    """The loop of ``gantools.train.fit``, without its run folder."""
    fabric = start_fabric(recipe, devices=1, nodes=1, accelerator="cpu")
    learner = Learner(recipe, fabric)
    output = learner.model.output
    with tempfile.TemporaryDirectory() as cache:
        images = open_images("builtin:digits", resolution=output.height, channels=output.channels, cache=cache)
    draws = Draws(
        images,
        learner.model,
        batch=recipe.train.batch,
        mirror=False,
        seed=0,
        rank=0,
        world=1,
        device=torch.device("cpu"),
    )
    terms, finished = Terms(), 0

    def run(steps: int) -> None:
        nonlocal finished
        for step in range(finished, finished + steps):
            batch = draws.batch(step)
            for phase in learner.objective.phases:
                if step % phase.every == 0:
                    terms.add(step, learner.update(phase, batch, draws.rng(phase.name, step)))
            learner.average((step + 1) * recipe.train.batch)
            if (step + 1) % LOOK_EVERY == 0:
                means(terms.take())
        finished += steps

    return run


def _steps_for(seconds: float, loop: Callable[[int], None]) -> int:
    """How many steps take about this long, after a warm-up."""
    loop(3)
    started = time.perf_counter()
    loop(3)
    return max(1, round(seconds * 3 / (time.perf_counter() - started)))


def _summary(values: list[float]) -> dict[str, Any]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "values": values}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for key, default in (("resolution", 32), ("channels", 1), ("width", 32), ("batch", 64), ("rounds", 7)):
        parser.add_argument(f"--{key}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=4.0)
    watch = LoadWatch()
    figures = measure(**vars(parser.parse_args()))
    about = {"load": watch.stop().model_dump(), "environment": environment().model_dump()}
    print(json.dumps({**figures, **about}, indent=2))
