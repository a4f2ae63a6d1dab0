"""What each image model reaches on Fashion-MNIST within a fixed budget of CPU time: FID and KID, three seeds.

    python benchmarks/image_quality.py --out /tmp/quality [--cpu-seconds 400] [--seeds 0,1,2] [--rows dcgan,vae]

Every training is a process of its own with one thread, so two of them use two cores, and is asked to stop when that
process has used its CPU seconds, scoring during the training included. What ships is its best checkpoint by KID, as
always. Of that, 10,000 samples are scored against the 10,000 test images, which no training saw; the time for this does
not count. A row that is there already is not made again, so the benchmark can be stopped and goes on.

One line for each training goes to ``--record``, a picture of all models to ``OUT/models.png``, a table to stdout.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import signal
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from alone import train_alone

from gantools.core.events import Event, Progress
from gantools.core.recipe import resolve_recipe
from gantools.data import open_images
from gantools.metrics.features import load_extractor
from gantools.metrics.reference import chosen, reference_rows
from gantools.train.choices import choose_precision
from gantools.verify.evaluate import evaluate

DATA, TEST, RESOLUTION = "dataset:fashion-mnist", "dataset:fashion-mnist:test", 32
EXTRACTOR, SAMPLES = "efficientnet-lite0-96", 10_000
FLOOR = "floor.json"
EARLY = 64_000  # images, after which models of unlike cost are compared as well
FRESH = range(1_000_000, 1_000_000 + SAMPLES)  # seeds that no score during a training used
METRICS = ("fid", "kid", "precision", "recall")
_DCGAN = {"name": "dcgan", "resolution": RESOLUTION, "channels": 1, "latent": 64, "width": 32}

ROWS: dict[str, dict[str, Any]] = {
    "dcgan": {
        "model": _DCGAN,
        "discriminator": {"name": "dcgan", "width": 32},
        "objective": {"name": "nonsaturating"},
        "train": {"learning_rate": 2e-4, "betas": [0.5, 0.999]},
    },
    "lsgan": {
        "model": _DCGAN,
        "discriminator": {"name": "dcgan", "width": 32},
        "objective": {"name": "lsgan"},
        "train": {"learning_rate": 2e-4, "betas": [0.5, 0.999]},
    },
    "wgan-gp": {
        "model": _DCGAN,
        "discriminator": {"name": "dcgan", "width": 32, "norm": "none"},
        "objective": {"name": "wasserstein", "gp_weight": 10.0, "n_critic": 5},
        "train": {"learning_rate": 5e-4, "betas": [0.0, 0.9]},
    },
    "sngan": {
        "model": {"name": "sngan", "resolution": RESOLUTION, "channels": 1, "latent": 64, "width": 16},
        "discriminator": {"name": "resnet", "width": 16},
        "objective": {"name": "hinge"},
        "train": {"learning_rate": 1e-3, "betas": [0.0, 0.9]},
    },
    "vae": {
        "model": {"name": "vae", "resolution": RESOLUTION, "channels": 1, "latent": 16, "width": 32},
        "objective": {"name": "elbo", "beta": 4.0},
        "train": {"learning_rate": 1e-3, "betas": [0.9, 0.999]},
    },
    "nmg": {  # one pass over the images is all there is to learn
        "model": {"name": "nmg", "resolution": RESOLUTION, "channels": 1, "rank": 128, "steps": 1},
        "objective": {"name": "gaussian"},
        "train": {"steps": 235, "batch": 256, "score_every": 235},
    },
}


def recipe_of(row: str, seed: int, precision: str) -> dict[str, Any]:
    """The recipe of a training, as data."""
    parts = {key: dict(value) for key, value in ROWS[row].items()}
    every = parts["train"].pop("score_every", 500)
    loop: dict[str, Any] = {
        "steps": 10**6,
        "batch": 64,
        "ema_half_life_images": 10_000,
        "keep": 1,
        "seed": seed,
        "sample_every": 0,
    }
    loop |= {"precision": precision, "compile": "off"}
    return {
        "name": row,
        **parts,
        "data": {"source": DATA, "fit": "pad"},
        "train": {**loop, "checkpoint_every": every, **parts["train"]},
        "evaluate": {"every": every, "samples": 1000, "extractor": EXTRACTOR},
    }


def train_one(row: str, seed: int, out: Path, cpu_seconds: float, precision: str) -> dict[str, Any]:
    """Train until the CPU time of this process is spent, then score the best checkpoint. To be run in a new process."""
    from gantools.train import PARTS, train
    from gantools.train.checkpoint import load_checkpoint
    from gantools.train.quality import sample

    torch.set_num_threads(1)
    recipe = resolve_recipe(recipe_of(row, seed, precision), row, PARTS)
    extractor = load_extractor(EXTRACTOR)
    # Decoding images and looking at the real ones is done once for all trainings, and is in no budget.
    seen = open_images(DATA, resolution=RESOLUTION, channels=1, fit="pad")
    reference_rows(seen, extractor)
    spent_before, done = _cpu_seconds(), 0

    def watch(event: Event) -> None:
        nonlocal done
        if isinstance(event, Progress) and event.stage == "train":
            done = event.done
            if _cpu_seconds() - spent_before > cpu_seconds:
                os.kill(os.getpid(), signal.SIGINT)

    started = time.perf_counter()
    with contextlib.suppress(KeyboardInterrupt):
        train(recipe, out / "run", accelerator="cpu", on_event=watch)
    wall, spent = time.perf_counter() - started, _cpu_seconds() - spent_before
    best, last = (load_checkpoint(out / "run", which) for which in ("best", "last"))
    images = sample(best.build_model(), FRESH, torch.device("cpu"))
    np.save(out / "samples.npy", images[:64])
    real = open_images(TEST, resolution=RESOLUTION, channels=1, fit="pad")
    cards = evaluate(images, real, seeds=f"{FRESH.start}-{FRESH.stop - 1}", extractor=extractor, metrics=METRICS)
    return {
        "schema": 1,
        "benchmark": "image_quality",
        "row": row,
        "seed": seed,
        "budget_cpu_s": cpu_seconds,
        "cpu_s": spent,
        "wall_s": wall,
        "steps": done,
        "images_seen": last.images_seen,
        "precision": last.recipe.train.precision,
        "best_step": best.step,
        "early_kid": _early_kid(out / "run", last.recipe.train.batch),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "attempts": last.state.memory.attempt,
        "variety": {key: (best.quality or {}).get(key) for key in ("variance", "rank")},
        "parameters": {name: sum(p.numel() for p in net.parameters()) for name, net in best.build_model().nets.items()},
        "cards": [card.model_dump() for card in cards],
        "recipe": last.recipe.model_dump(mode="json"),
    }


def _early_kid(run: Path, batch: int) -> float:
    """KID, of 1000 samples, at the last score within ``EARLY`` images."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    scores = [line["kid"] for line in lines if "kid" in line and line["step"] * batch <= EARLY]
    return float(scores[-1])


def floor() -> list[dict[str, Any]]:
    """What as many real images, of those that are trained on, score against the test images."""
    seen, real = (open_images(source, resolution=RESOLUTION, channels=1, fit="pad") for source in (DATA, TEST))
    images = seen.images[chosen(len(seen.images), SAMPLES)]
    name = f"images {seen.digest[:12]}"
    return [card.model_dump() for card in evaluate(images, real, seeds=name, extractor=EXTRACTOR, metrics=METRICS)]


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run_all(
    rows: list[str], seeds: list[int], out: Path, cpu_seconds: float, jobs: int, record: Path, precision: str
) -> None:
    """Train whatever is missing, ``jobs`` at a time, seed by seed so that a stop leaves whole rows."""

    def one(job: tuple[int, str]) -> None:
        seed, row = job
        folder = out / f"{row}-{seed}-{cpu_seconds:g}"
        if (folder / "result.json").exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "run").exists():
            (folder / "run").rename(folder / f"stopped-{time.time_ns()}")  # its CPU time cannot be told any more
        words = ["--one", row, "--seeds", str(seed), "--out", str(folder)]
        result = train_alone([*words, "--cpu-seconds", str(cpu_seconds), "--precision", precision], folder, jobs)
        if result is None:
            return
        line = {**result, "floor": json.loads((out / FLOOR).read_text())}
        (folder / "result.json").write_text(json.dumps(line))
        with record.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{row} {seed}: {_figures(result)}", file=sys.stderr)

    out.mkdir(parents=True, exist_ok=True)
    if not (out / FLOOR).exists():
        (out / FLOOR).write_text(json.dumps(floor()))
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, [(seed, row) for seed in seeds for row in rows]))


def _figures(result: dict[str, Any]) -> str:
    found = "  ".join(f"{card['name'].split('-')[0]} {card['value']:.4g}" for card in result["cards"])
    return f"{found}  after {result['steps']} steps, best {result['best_step']}, {result['cpu_s']:.0f} CPU s"


def show(out: Path, cpu_seconds: float) -> None:
    """The table of all results in a folder, and the picture."""
    from gantools.media.grid import save_grid

    found: dict[str, list[dict[str, Any]]] = {}
    pictures = []
    for row in ROWS:
        for path in sorted(out.glob(f"{row}-[0-9]*-{cpu_seconds:g}/result.json")):
            found.setdefault(row, []).append(json.loads(path.read_text()))
        if row in found:
            pictures.append(np.load(out / f"{row}-{found[row][0]['seed']}-{cpu_seconds:g}" / "samples.npy")[:16])
    early = f"kid after {EARLY:,} images"
    print("| model | seeds | " + " | ".join(METRICS) + f" | {early} | steps | parameters G | peak MiB |")
    print("|---|---|" + "---|" * (len(METRICS) + 4))
    for row, results in found.items():
        cells = [_spread([result["cards"][k]["value"] for result in results]) for k in range(len(METRICS))]
        steps = statistics.median(result["steps"] for result in results)
        memory = max(result["peak_memory_bytes"] for result in results) / 2**20
        size = results[0]["parameters"].get("G", 0)
        cells.append(_spread([result["early_kid"] for result in results]))
        print(f"| {row} | {len(results)} | {' | '.join(cells)} | {steps:.0f} | {size:,} | {memory:.0f} |")
    if found:
        real = json.loads((out / FLOOR).read_text())
        print("| real images | | " + " | ".join(f"{card['value']:.4g}" for card in real) + " | | | | |")
        save_grid(out / "models.png", np.concatenate(pictures), columns=16)
        print(f"{out / 'models.png'}: a row of 16 samples for each of {', '.join(found)}", file=sys.stderr)


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.4g} ({min(values):.4g} to {max(values):.4g})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cpu-seconds", type=float, default=400.0)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--precision", choices=("fp32", "bf16"), help="of all trainings; none: what is faster here")
    parser.add_argument("--record", type=Path, default=Path(__file__).parent / "results" / "image_quality.jsonl")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    numbers = [int(seed) for seed in given.seeds.split(",")]
    if given.one:
        print(json.dumps(train_one(given.one, numbers[0], given.out, given.cpu_seconds, given.precision)))
    else:
        fast = given.precision or choose_precision(torch.device("cpu"))[0]
        run_all(given.rows.split(","), numbers, given.out, given.cpu_seconds, given.jobs, given.record, fast)
        show(given.out, given.cpu_seconds)
