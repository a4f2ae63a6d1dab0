"""Training beside a plain PyTorch loop and two public trainers: throughput, memory, time to KID, and how cost grows.

    python benchmarks/training.py [--peers FOLDER] [--only throughput memory kid cost] [--record FILE]

All train the same networks from the same weights, on the same images in memory, at the same batch; what differs is the
loop. ``training_loops.py`` has the plain loop and ours, ``training_peers.py`` the peers and where to get them. Each is
measured in several settings, so that what precision gives can be told from what the loop gives:

- ``fp32``: as its documentation has it, float32 and PyTorch's default layout and Adam.
- ``bf16``: the same with autocast around a step.
- ``fp32 tuned``, ``bf16 tuned``: with what else a user can do to it from outside: channels_last and fused Adam. Ours is
  always tuned.
- ``fp32 compiled``, ``bf16 compiled`` (only with ``--settings``): with ``torch.compile`` of the networks as well.

Progress goes to stderr, one JSON document to stdout, and with ``--record`` one line to a file. How, and what is not
measured: ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
from training_cost import cost
from training_kid import time_to_kid
from training_loops import CPU, OURS, SETTINGS, Loop, make_recipe
from training_process import Variant, loop_class, run_alone

from gantools.core.atomic import write_atomic
from gantools.core.recipe import Recipe
from gantools.data import open_images
from gantools.timing.environment import LoadWatch, environment
from gantools.train.choices import choose_precision
from gantools.train.quality import Scorer

SECTIONS = ("throughput", "memory", "kid", "cost")
DEFAULT_SETTINGS = ("fp32", "fp32 tuned", "bf16", "bf16 tuned")


def variants_of(trainers: Sequence[str], settings: Sequence[str]) -> list[Variant]:
    """All of them in all settings, but ours in the tuned ones alone."""
    return [
        Variant(trainer, setting)
        for trainer in trainers
        for setting in settings
        if trainer != OURS or SETTINGS[setting].tuned
    ]


def measure(
    variants: Sequence[Variant] = (),
    *,
    resolution: int = 32,
    channels: int = 1,
    width: int = 32,
    batch: int = 64,
    seconds: float = 4.0,
    rounds: int = 7,
) -> dict[str, Any]:
    """Throughput: the loops take turns in one process.

    Args:
        variants: Whom; none: the plain loop as its example has it, and ours in the precision this machine is fast in.
        resolution: Edge of the images, in pixels.
        channels: 1 or 3.
        width: Of both networks.
        batch: Images in a step.
        seconds: About how long one loop runs in one round.
        rounds: How often the loops take turns.

    Returns:
        Images per second by loop (median, least, most, all), and the ratios by round of ours to all others.
    """
    fast = f"{choose_precision(CPU)[0]} tuned"
    chosen = list(variants) or [Variant("plain", "fp32"), Variant(OURS, fast)]
    recipe = make_recipe(resolution=resolution, channels=channels, width=width, batch=batch)
    loops = make_loops(chosen, recipe)
    networks = {name: loop.networks() for name, loop in loops.items()}
    first = next(iter(networks.values()))
    if any(other != first for other in networks.values()):
        raise RuntimeError(f"the loops do not train the same networks: {networks}")
    rates: dict[str, list[float]] = {name: [] for name in loops}
    steps = {name: _steps_for(seconds, loop) for name, loop in loops.items()}
    for done in range(rounds):
        order = list(loops) if done % 2 == 0 else list(loops)[::-1]
        for name in order:
            rates[name].append(steps[name] * batch / loops[name].run(steps[name]))
        told = ", ".join(f"{name} {values[-1]:.0f}/s" for name, values in rates.items())
        print(f"round {done + 1} of {rounds}: {told}", file=sys.stderr)
    ratios = {
        ours.name: {
            other.name: _summary([a / b for a, b in zip(rates[ours.name], rates[other.name], strict=True)])
            for other in chosen
            if other.trainer != OURS
        }
        for ours in chosen
        if ours.trainer == OURS
    }
    return {
        "schema": 2,
        "benchmark": "training",
        "what": "images per second of whole training steps, host in to weights updated",
        "model": recipe.model.model_dump(),
        "discriminator": recipe.discriminator.model_dump() if recipe.discriminator else None,
        "batch": batch,
        "networks": first,
        "steps_per_round": steps,
        "images_per_second": {name: _summary(values) for name, values in rates.items()},
        "ratio": ratios,
        "best_other": _best_others(chosen, rates, ratios),
        "shims": {variant.trainer: loops[variant.name].shims for variant in chosen if loops[variant.name].shims},
        "threads": torch.get_num_threads(),
    }


def make_loops(variants: Sequence[Variant], recipe: Recipe) -> dict[str, Loop]:
    """By name, all with the same images."""
    size = recipe.model.options
    images = open_images(recipe.data.source, resolution=size["resolution"], channels=size["channels"])
    loops = {}
    for variant in variants:
        of = loop_class(variant.trainer)
        loops[variant.name] = of(recipe, SETTINGS[variant.setting], of.load(images))
    return loops


def _best_others(
    variants: Sequence[Variant], rates: dict[str, list[float]], ratios: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """For each of ours: the fastest of the others that computes in the same precision, whatever else its setting is."""
    best = {}
    for ours in variants:
        precision = SETTINGS[ours.setting].precision
        rivals = [each for each in variants if each.trainer != OURS and SETTINGS[each.setting].precision == precision]
        if ours.trainer == OURS and rivals:
            name = max((each.name for each in rivals), key=lambda name: statistics.median(rates[name]))
            best[ours.name] = {"name": name, "ratio": ratios[ours.name][name]["median"]}
    return best


def memory(variants: Sequence[Variant], options: dict[str, Any], *, repeats: int, peers: Path | None) -> dict[str, Any]:
    """Peak memory of each in processes of its own, which alternate."""
    found: dict[str, list[dict[str, Any]]] = {variant.name: [] for variant in variants}
    for _ in range(repeats):
        for variant in variants:
            found[variant.name].append(run_alone(variant, options, seconds=3.0, peers=peers))
            print(f"{variant.name}: {found[variant.name][-1]['peak_bytes'] / 2**20:.0f} MiB", file=sys.stderr)
    return {
        name: {
            "peak_bytes": _summary([each["peak_bytes"] for each in all_of]),
            "image_bytes": all_of[0]["image_bytes"],
        }
        for name, all_of in found.items()
    }


def kid(variants: Sequence[Variant], given: argparse.Namespace) -> dict[str, Any]:
    """Time to KID of one variant for each trainer, on images of the size that networks of 32 pixels want."""
    options = {"width": given.width, "batch": given.batch, "data": given.kid_data}
    images = open_images(given.kid_data, resolution=32, channels=1)
    scorer = Scorer(images, given.kid_samples, given.kid_extractor)
    found = time_to_kid(
        lambda seed: make_loops(variants, make_recipe(**options, seed=seed)),
        scorer,
        seeds=range(given.kid_seeds),
        levels=given.kid_levels,
        every=given.kid_every,
        most_steps=given.kid_steps,
    )
    return {
        "data": given.kid_data,
        "extractor": given.kid_extractor,
        "samples": given.kid_samples,
        "recipe": make_recipe(**options).model_dump(mode="json"),
        "loops": found,
    }


def _fastest(variants: Sequence[Variant], throughput: dict[str, Any] | None) -> list[Variant]:
    """Each trainer in the setting it was fastest in; if none was measured, in the last one."""
    fastest = {}
    for trainer in dict.fromkeys(each.trainer for each in variants):
        own = [each for each in variants if each.trainer == trainer]
        rates = throughput["images_per_second"] if throughput else {}
        fastest[trainer] = max(own, key=lambda each: rates[each.name]["median"]) if rates else own[-1]
    return list(fastest.values())


def _steps_for(seconds: float, loop: Loop) -> int:
    """How many steps take about this long, after a warm-up."""
    loop.run(3)
    return max(1, round(seconds * 3 / loop.run(3)))


def _summary(values: Sequence[float]) -> dict[str, Any]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "values": list(values)}


def _watched(section: Callable[[], Any]) -> dict[str, Any]:
    """Run a section and keep what else the machine did meanwhile."""
    watch, started = LoadWatch(), time.perf_counter()
    figures = section()
    load = watch.stop().model_dump(mode="json")
    for warning in load["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    return {"figures": figures, "took_seconds": time.perf_counter() - started, "load": load}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    folder = os.environ.get("GANTOOLS_PEERS")
    parser.add_argument("--peers", type=Path, default=Path(folder) if folder else None, help="none: without them")
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=list(DEFAULT_SETTINGS))
    for key, default in (("resolution", 32), ("channels", 1), ("width", 32), ("batch", 64), ("rounds", 10)):
        parser.add_argument(f"--{key}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=4.0, help="about how long a loop runs in a round")
    parser.add_argument("--repeats", type=int, default=3, help="processes for a figure of memory")
    parser.add_argument("--kid-data", default="dataset:fashion-mnist")
    parser.add_argument("--kid-extractor", default="efficientnet-lite0-96")
    parser.add_argument("--kid-levels", type=float, nargs="+", default=[1.5, 1.0, 0.7])
    for key, default in (("samples", 1000), ("seeds", 3), ("every", 200), ("steps", 2400)):
        parser.add_argument(f"--kid-{key}", type=int, default=default)
    parser.add_argument("--cost-seconds", type=float, default=3.0)
    parser.add_argument("--cost-repeats", type=int, default=2)
    parser.add_argument("--cost-step", type=float, default=20.0, help="a step that takes longer is left out")
    parser.add_argument("--record", type=Path, help="append the document to this file, as one line")
    return parser.parse_args()


def main() -> None:
    """Measure, print, record."""
    given = parse()
    trainers = ["plain", OURS]
    if given.peers:
        from training_peers import PEERS, use

        use(given.peers)
        trainers[1:1] = PEERS
    variants = variants_of(trainers, given.settings)
    size = {key: getattr(given, key) for key in ("resolution", "channels", "width", "batch")}
    document: dict[str, Any] = {
        "schema": 1,
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment().model_dump(mode="json"),
        "settings": {name: vars(SETTINGS[name]) for name in given.settings},
    }

    def fastest() -> list[Variant]:
        known = document.get("throughput")
        return _fastest(variants, known["figures"] if known else None)

    two = [Variant("plain", "fp32"), *(each for each in variants if each.setting == "bf16 tuned")]
    sections: dict[str, Callable[[], Any]] = {
        "throughput": partial(measure, variants, **size, seconds=given.seconds, rounds=given.rounds),
        "memory": partial(memory, variants, size, repeats=given.repeats, peers=given.peers),
        "kid": lambda: kid(fastest(), given),
        "cost": lambda: cost(
            [each for each in two if each.trainer in ("plain", OURS)],
            seconds=given.cost_seconds,
            repeats=given.cost_repeats,
            most_seconds=given.cost_step,
            peers=given.peers,
        ),
    }
    for name in given.only:
        document[name] = _watched(sections[name])
    print(json.dumps(document, indent=2))
    if given.record:
        before = given.record.read_bytes() if given.record.exists() else b""
        write_atomic(given.record, before + json.dumps(document).encode() + b"\n")


if __name__ == "__main__":
    main()
