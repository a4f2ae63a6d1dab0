"""Time to KID: how many seconds of training until generated images are as close to the real ones as a stated level.

All loops begin with the same weights and take turns, a few steps each, so that a slower minute of the machine slows
all. Between turns the generator is scored as ``gantools train`` scores it: KID of the same seeds against the real
images, by the same extractor. Only seconds of training count. A level is reached at the first score that is not above
it.

None of the other loops averages its generator, so theirs is scored as it is, with the running statistics of batch norm.
gantools ships a moving average; what it would be without one is told beside it.
"""

from __future__ import annotations

import copy
import statistics
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from training_loops import CPU, Loop

from gantools.models.model import Model
from gantools.train.quality import Scorer


def time_to_kid(
    make: Callable[[int], dict[str, Loop]],
    scorer: Scorer,
    *,
    seeds: Sequence[int],
    levels: Sequence[float],
    every: int,
    most_steps: int,
) -> dict[str, Any]:
    """Train all loops until they have reached all levels.

    Args:
        make: Seed of a training -> all loops by name.
        scorer: Who scores.
        seeds: One training of every loop for each.
        levels: Of KID.
        every: Steps between two scores.
        most_steps: Where to give up.

    Returns:
        By loop and kind of weights: seconds and steps to every level for every seed (None: not reached), their medians
        (None unless all seeds reached it), and the curves.
    """
    curves: dict[str, list[list[dict[str, float]]]] = {}
    for seed in seeds:
        torch.manual_seed(seed)
        loops = make(seed)
        seconds = dict.fromkeys(loops, 0.0)
        going = list(loops)
        for step in range(every, most_steps + 1, every):
            for name in going:
                seconds[name] += loops[name].run(every)
                for weights, model in loops[name].generators.items():
                    kid = _kid(scorer, model)
                    of_seeds = curves.setdefault(f"{name}, {weights}", [])
                    if step == every:
                        of_seeds.append([])
                    of_seeds[-1].append({"step": step, "seconds": seconds[name], "kid": kid})
                    print(
                        f"seed {seed} step {step}: {name}, {weights}: {seconds[name]:.1f} s, {kid:.4f}", file=sys.stderr
                    )
            going = [
                name
                for name in going
                if any(
                    min(point["kid"] for point in curves[f"{name}, {weights}"][-1]) > min(levels)
                    for weights in loops[name].generators
                )
            ]
            if not going:
                break
    return {
        name: {"levels": {str(level): _reached(of_seeds, level) for level in levels}, "curves": of_seeds}
        for name, of_seeds in curves.items()
    }


def _kid(scorer: Scorer, model: Model) -> float:
    # A copy, because a model that is put in inference mode does not learn on.
    return float(scorer.score(copy.deepcopy(model).eval(), CPU)["kid"])


def _reached(curves: Sequence[Sequence[dict[str, float]]], level: float) -> dict[str, Any]:
    first = [next((point for point in curve if point["kid"] <= level), None) for curve in curves]
    found: dict[str, Any] = {}
    for key in ("seconds", "step"):
        values = [point[key] if point else None for point in first]
        known = [value for value in values if value is not None]
        found[key] = {"median": statistics.median(known) if len(known) == len(values) else None, "values": values}
    return found
