"""Sampling latency on an NVIDIA GPU: PyTorch eager and compiled, ONNX Runtime, TensorRT-RTX, TensorRT; interleaved.

    python benchmarks/gpu/sampling.py RUN ARTIFACT [--batch 1,16,64] [--out benchmarks/results/gpu.jsonl]

RUN is a training's folder, ARTIFACT what was exported from it. Optimized artifacts are made in a temporary folder; what
cannot be built or opened on this machine is a row that says why. Copies to and from the device are inside every figure.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from gantools.bench.latency import bench
from gantools.bench.report import table_rows
from gantools.bench.target import BenchTarget
from gantools.cli.bench import checkpoint_targets
from gantools.core.artifact import Artifact, load_artifact
from gantools.core.errors import GantoolsError
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import plan_from
from gantools.runtime.session import Where
from gantools.timing.measure import BenchPlan

VARIANTS = (
    ("onnxruntime", "fp32"),
    ("onnxruntime", "fp16"),
    ("tensorrt-rtx", "fp32"),
    ("tensorrt-rtx", "fp16"),
    ("tensorrt", "fp32"),
    ("tensorrt", "fp16"),
)


def variants(parent: Artifact, device: str, folder: Path) -> tuple[list[BenchTarget], dict[str, str]]:
    """What could be made, and why the rest could not."""
    made, failed = [], {}
    for target, precision in VARIANTS:
        name = f"{target} {precision}"
        try:
            plan = plan_from({"target": target, "precision": precision, "device": device})
            made.append(BenchTarget(name, optimize(parent, plan, folder / f"{target}-{precision}")))
        except GantoolsError as err:
            failed[name] = err.message
    return made, failed


def main() -> None:
    """Measure, print a table on stderr, append one JSON line."""
    parser = argparse.ArgumentParser(description="Sampling latency on a GPU.")
    parser.add_argument("run", type=Path)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", default="1,16,64")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu.jsonl"))
    options = parser.parse_args()
    parent = load_artifact(options.artifact)
    with tempfile.TemporaryDirectory() as folder:
        made, failed = variants(parent, options.device, Path(folder))
        torch = [
            BenchTarget(
                one.name,
                parent,
                where=Where(device=options.device, settings=one.where.settings),
                checkpoint=options.run,
            )
            for one in checkpoint_targets(parent, options.run, compiled=True)
        ]
        plan = BenchPlan(batches=tuple(map(int, options.batch.split(","))), max_seconds=options.seconds)
        report = bench([*torch, *made], plan)
    for row in table_rows(report):
        print("  ".join(row.values()), file=sys.stderr)
    for name, reason in failed.items():
        print(f"{name}: {reason}", file=sys.stderr)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("a") as stream:
        stream.write(json.dumps({"failed": failed, "bench": json.loads(report.to_json())}) + "\n")


if __name__ == "__main__":
    main()
