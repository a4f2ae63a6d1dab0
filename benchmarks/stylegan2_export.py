"""What becomes of a StyleGAN2 when it ships: parity with the network, size, and whether TensorRT compiles it.

    python benchmarks/stylegan2_export.py [--resolutions 64,128,256]

The networks have the official sizes (512 channels at most, 16384 or, at 256 pixels, 32768 over the edge; 8 mapping
layers), each trained for two steps, which moves every parameter. Noise and truncation are graph inputs. One line for
each resolution goes to ``--record``; nothing here is a figure of speed but the time the compiler took.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import onnx

from gantools.core.artifact import Artifact
from gantools.core.errors import GantoolsError
from gantools.core.recipe import resolve_recipe
from gantools.export.onnx import export
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.timing.environment import environment
from gantools.train import PARTS, train

BASE = {64: 16384, 128: 16384, 256: 32768}
_PLAIN = ("", "ai.onnx")


def measure(resolution: int, out: Path) -> dict[str, Any]:
    """Train, export and compile one size."""
    widths = {"channel_base": BASE[resolution], "channel_max": 512}
    recipe = resolve_recipe(
        {
            "model": {
                "name": "stylegan2",
                "resolution": resolution,
                "latent": 512,
                "style": 512,
                "mapping_layers": 8,
                **widths,
            },
            "discriminator": {"name": "stylegan2", **widths},
            "data": {"source": "builtin:digits"},
            "objective": {"name": "stylegan2", "path_every": 1, "r1_every": 1},
            "train": {"steps": 2, "batch": 2, "precision": "fp32", "sample_every": 0, "ema_half_life_images": 2},
            "evaluate": {"every": 0},
        },
        "stylegan2",
        PARTS,
    )
    checkpoint = train(recipe, out / "run", accelerator="cpu")
    artifact = export(checkpoint, out / "art")
    path, entry = artifact.graph("generator_float")
    nodes = onnx.load(path).graph.node
    engines = {}
    for precision in ("fp32", "fp16"):
        engines[precision] = _compiled(artifact, precision, out / precision)
    return {
        "schema": 1,
        "benchmark": "stylegan2_export",
        "resolution": resolution,
        "parameters": sum(weight.numel() for weight in checkpoint.build_model().nets["G"].parameters()),
        "inputs": [{"name": one.name, "shape": one.shape} for one in entry.spec.inputs],
        "onnx_bytes": path.stat().st_size,
        "operators": dict(Counter(node.op_type for node in nodes)),
        "custom_operators": sorted({node.op_type for node in nodes if node.domain not in _PLAIN}),
        "parity": [one.model_dump() for one in artifact.manifest.steps[-1].parity],
        "tensorrt_rtx": engines,
        "environment": environment().model_dump(),
    }


def _compiled(artifact: Artifact, precision: str, out: Path) -> dict[str, Any]:
    """What the compiler made, or why there is nothing."""
    started = time.perf_counter()
    try:
        built = optimize(artifact, Plan.model_validate({"target": "tensorrt-rtx", "precision": precision}), out)
    except GantoolsError as err:
        return {"refused": err.message}
    graphs = built.manifest.graphs
    return {
        "seconds": time.perf_counter() - started,
        "bytes": {name: (built.folder / graph.file).stat().st_size for name, graph in graphs.items()},
        "layers": {name: graph.arithmetic_layers for name, graph in graphs.items()},
        "notes": built.manifest.steps[-1].notes,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolutions", default="64,128,256")
    parser.add_argument("--record", type=Path, default=Path(__file__).parent / "results" / "stylegan2_export.jsonl")
    given = parser.parse_args()
    for size in map(int, given.resolutions.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            found = measure(size, Path(folder))
        with given.record.open("a") as file:
            file.write(json.dumps(found) + "\n")
        worst = {one["graph"]: one["max_abs"] for one in found["parity"]}
        engines = {name: one.get("refused", "compiled") for name, one in found["tensorrt_rtx"].items()}
        print(f"{size}: {found['parameters']:,} parameters, largest difference {worst}, {engines}")
