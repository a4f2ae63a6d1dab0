"""A training that gets worse, and what ships of it: the drift of a DCGAN, in small.

    python benchmarks/drift.py --out /tmp/drift [--steps 3000] [--seeds 0,1,2]

Published logs of DCGAN have its FID go from 49 after 42,000 steps to 137 after 200,000 (StudioGAN's). Here the same
happens in minutes: a DCGAN with large steps, whose discriminator has no norm and no penalty, on 1,797 digits. Each seed
is trained twice, with ``safety`` off and on. Three generators are scored on seeds that no score during the training
saw: the last one of the first training, which is what a trainer ships that keeps the newest; its best by KID; and what
the second training ships. Steps that were undone count as work in ``steps_taken``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import torch

from gantools.core.errors import TrainingError
from gantools.core.recipe import resolve_recipe
from gantools.data import open_images
from gantools.metrics.features import load_extractor
from gantools.timing.environment import environment
from gantools.train import PARTS, train
from gantools.train.checkpoint import Checkpoint, load_checkpoint
from gantools.train.log import LOG, read_lines
from gantools.train.quality import sample
from gantools.train.story import EVENTS
from gantools.verify.evaluate import evaluate

DATA, EXTRACTOR = "builtin:digits", "digits-cnn"
FRESH = range(100_000, 101_797)  # seeds that the scores during a training do not use


def recipe_of(seed: int, steps: int, safety: bool) -> dict[str, Any]:
    """The recipe, as data."""
    return {
        "name": "drift",
        "model": {"name": "dcgan", "resolution": 32, "channels": 1, "latent": 64, "width": 32},
        "discriminator": {"name": "dcgan", "width": 32, "norm": "none"},
        "data": {"source": DATA},
        "objective": {"name": "nonsaturating"},
        "train": {
            "steps": steps,
            "batch": 64,
            "learning_rate": 2e-3,
            "betas": [0.5, 0.999],
            "ema_half_life_images": 2000,
            "seed": seed,
            "sample_every": 0,
            "checkpoint_every": 250,
        },
        "evaluate": {"every": 250, "samples": 1000, "extractor": EXTRACTOR},
        "safety": {"enabled": safety},
    }


def measure(seed: int, steps: int, out: Path) -> dict[str, Any]:
    """Both trainings of a seed."""
    runs = {}
    for name, safety in (("off", False), ("on", True)):
        run = out / f"{seed}-{name}"
        if not (run / "done").exists():
            recipe = resolve_recipe(recipe_of(seed, steps, safety), "drift", PARTS)
            try:
                train(recipe, run, resume=run.exists(), accelerator="cpu")
            except TrainingError:
                # Where going back does not help, safety ends the training as it should. Any other failure is one.
                if not safety or not any(event["kind"] == "stop" for event in _events(run)):
                    raise
            (run / "done").touch()
        runs[name] = run
    shipped = {
        "last, without safety": load_checkpoint(runs["off"], "last"),
        "best, without safety": load_checkpoint(runs["off"], "best"),
        "best, with safety": load_checkpoint(runs["on"], "best"),
    }
    return {
        "seed": seed,
        "curves": {name: _curve(run) for name, run in runs.items()},
        "events": {name: _events(run) for name, run in runs.items()},
        "steps_taken": {
            name: len([line for line in read_lines(run / LOG) if "samples/s" in line]) * 20
            for name, run in runs.items()
        },
        "shipped": {name: _scored(checkpoint) for name, checkpoint in shipped.items()},
    }


def _curve(run: Path) -> list[list[float]]:
    """[attempt, step, KID] in the order in which they were made."""
    return [[line.get("attempt", 0), line["step"], line["kid"]] for line in read_lines(run / LOG) if "kid" in line]


def _events(run: Path) -> list[dict[str, Any]]:
    told = [line for line in read_lines(run / EVENTS) if line["kind"] in ("warning", "roll-back", "stop")]
    return [{key: line[key] for key in ("step", "attempt", "kind", "text")} for line in told]


def _scored(checkpoint: Checkpoint) -> dict[str, Any]:
    images = sample(checkpoint.build_model(), FRESH, torch.device("cpu"))
    real = open_images(DATA, resolution=32, channels=1)
    seeds = f"{FRESH.start}-{FRESH.stop - 1}"
    cards = evaluate(images, real, seeds=seeds, extractor=load_extractor(EXTRACTOR), metrics=("kid", "fid"))
    return {"step": checkpoint.step, **{card.name: [card.value, *card.interval] for card in cards}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--record", type=Path, default=Path(__file__).parent / "results" / "drift.jsonl")
    given = parser.parse_args()
    found = []
    for number in map(int, given.seeds.split(",")):
        found.append(measure(number, given.steps, given.out))
        print(f"seed {number}: {found[-1]['shipped']}", file=sys.stderr)
    line = {"schema": 1, "benchmark": "drift", "recipe": recipe_of(0, given.steps, True), "seeds": found}
    with given.record.open("a") as file:
        file.write(json.dumps({**line, "environment": environment().model_dump()}) + "\n")
    print("| what ships | step | KID | FID |\n|---|---|---|---|")
    for name in found[0]["shipped"]:
        scores = [one["shipped"][name] for one in found]
        cells = [
            f"{statistics.median(values):.4g} ({min(values):.4g} to {max(values):.4g})"
            for values in (
                [score["step"] for score in scores],
                [score[f"kid-{EXTRACTOR}"][0] for score in scores],
                [score[f"fid-{EXTRACTOR}"][0] for score in scores],
            )
        ]
        print(f"| {name} | {' | '.join(cells)} |")
