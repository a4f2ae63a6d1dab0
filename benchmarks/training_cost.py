"""How the cost of a training grows with resolution and batch: images per second and memory, ours and the plain loop's.

Every cell is a process of its own, and the variants of a cell alternate. Cells whose step would take too long are left
out, and say so: nobody trains them on a CPU.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training_process import Variant, run_alone

# Model, resolution -> width. SNGAN at a quarter of its published width, which is what a CPU can train.
CELLS = {("dcgan", 32): 64, ("dcgan", 64): 64, ("sngan", 32): 64, ("sngan", 64): 256, ("sngan", 128): 256}
BATCHES = (16, 64, 256)


def cost(
    variants: Sequence[Variant], *, seconds: float, repeats: int, most_seconds: float, peers: Path | None
) -> list[dict[str, Any]]:
    """Fill the table, in colour (3 channels).

    Args:
        variants: Whom to measure.
        seconds: About how long one process trains.
        repeats: Processes for each cell and variant.
        most_seconds: A step that takes longer is not waited for.
        peers: Folder of the peers.

    Returns:
        A row for each cell and variant: medians over processes, or the reason why there is none.
    """
    rows: list[dict[str, Any]] = []
    for (model, resolution), width in CELLS.items():
        step_seconds = dict.fromkeys(variants, 0.0)
        for before, batch in zip((BATCHES[0], *BATCHES[:-1]), BATCHES, strict=True):
            options = {"model": model, "resolution": resolution, "channels": 3, "width": width, "batch": batch}
            expected = {variant: known * batch / before for variant, known in step_seconds.items()}
            chosen = [variant for variant in variants if expected[variant] <= most_seconds]
            found: dict[Variant, list[dict[str, Any]]] = {variant: [] for variant in chosen}
            for _ in range(repeats):
                for variant in chosen:
                    found[variant].append(run_alone(variant, options, seconds=seconds, peers=peers))
            for variant in variants:
                row = {"name": variant.name, **options}
                if variant in found:
                    figures = {
                        key: statistics.median(each[key] for each in found[variant])
                        for key in ("images_per_second", "step_seconds", "peak_bytes")
                    }
                    step_seconds[variant] = figures["step_seconds"]
                    row |= figures
                    told = f"{figures['images_per_second']:.1f}/s, {figures['peak_bytes'] / 2**20:.0f} MiB"
                else:
                    step_seconds[variant] = expected[variant]
                    told = row["left_out"] = f"a step would take about {expected[variant]:.0f} s"
                rows.append(row)
                print(f"{model} {resolution}, batch {batch}: {variant.name}: {told}", file=sys.stderr)
    return rows
