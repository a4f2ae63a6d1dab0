"""Does ``gantools bench`` say what others say of the same file? OpenVINO's ``benchmark_app``, and a loop by hand.

    python benchmarks/agreement.py [--models light-64,vae-64,dcgan-64] [--batch 8] [--record FILE]

Ours and the other take turns, each in a process of its own that is started anew for every turn, with the same file,
the same threads and the same precision. Each turn gives a median of its calls after warming up; the ratio is the median
over turns of ours by the other's, with the interval of the sign test. Networks have the sizes of their papers and are
trained for two steps. ``benchmark_app`` measures an inference request whose input lies in its tensor; ours also checks
inputs and copies outputs, so that the caller owns them.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "gpu"))
from families import made

from gantools.bench.isolation import Worker, WorkerRunner
from gantools.bench.target import BenchTarget
from gantools.core.artifact import Artifact
from gantools.core.atomic import write_atomic
from gantools.core.spec import AxisRange
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.timing.environment import LoadWatch, default_threads, environment
from gantools.timing.measure import BenchPlan
from gantools.timing.paired import ratio_over_launches

SECONDS = 1.5
LOOP = """
import json, sys, time
import numpy as np, onnxruntime
path, threads, seconds, shapes = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), json.loads(sys.argv[4])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
given = {name: np.random.default_rng(0).standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
until, times = time.perf_counter() + seconds, []
while time.perf_counter() < until:
    session.run(None, given)
until = time.perf_counter() + seconds
while time.perf_counter() < until:
    started = time.perf_counter()
    session.run(None, given)
    times.append((time.perf_counter() - started) * 1000)
print(float(np.median(times)))
"""


def ours_ms(artifact: Artifact, batch: int) -> float:
    """The median of a turn."""
    with Worker(BenchTarget("ours", artifact), default_threads()) as worker:
        runner = WorkerRunner(worker, batch)
        runner.warm_up(BenchPlan(max_seconds=SECONDS, max_warmup_seconds=SECONDS))
        return float(np.median(runner.block(20, 1, SECONDS * 1000, 0.0) + _fill(runner)))


def _fill(runner: WorkerRunner) -> list[float]:
    """Calls for as long as the others measure."""
    values: list[float] = []
    while sum(values) < SECONDS * 1000:
        values += runner.block(20, 0, 0.0, 0.0)
    return values


def benchmark_app_ms(path: Path, shapes: dict[str, list[int]]) -> float:
    """The median that OpenVINO's tool prints: synchronous, one request."""
    told = ",".join(f"{name}[{','.join(map(str, shape))}]" for name, shape in shapes.items())
    command = [str(Path(sys.executable).parent / "benchmark_app"), "-m", str(path), "-d", "CPU", "-api", "sync"]
    command += ["-nthreads", str(default_threads()), "-infer_precision", "f32", "-t", str(round(2 * SECONDS))]
    command += ["-shape", told, "-hint", "none", "-nstreams", "1"]  # what the hint latency comes to
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Median:\s+([\d.]+) ms", said)
    if found is None:
        raise RuntimeError(f"benchmark_app printed no median: {said[-500:]}")
    return float(found[1])


def loop_ms(path: Path, shapes: dict[str, list[int]]) -> float:
    """The median of a loop around ``InferenceSession.run`` as anybody would write it."""
    command = [sys.executable, "-c", LOOP, str(path), str(default_threads()), str(SECONDS), json.dumps(shapes)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def compared(name: str, ours: Callable[[], float], other: Callable[[], float], turns: int) -> dict[str, Any]:
    """Both, in turns."""
    values: dict[str, list[float]] = {"ours": [], "other": []}
    order = [("ours", ours), ("other", other)]
    for _ in range(turns):
        random.Random(len(values["ours"])).shuffle(order)
        for label, call in order:
            values[label].append(call())
    ratio = ratio_over_launches(*(np.reshape(values[label], (-1, 1, 1)) for label in ("ours", "other")))
    row = {"name": name, "ours_by_other": ratio.model_dump(mode="json"), **{f"{k}_ms": v for k, v in values.items()}}
    interval = " to ".join(f"{end:.4f}" for end in ratio.interval or ())
    print(f"{name}: ours by the other's {ratio.value:.4f} ({interval})", file=sys.stderr)
    return row


def main() -> None:
    """Measure, print a line, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="light-64,vae-64,dcgan-64")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    watch, rows = LoadWatch(), []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.models.split(","):
            source, _ = made(name, Path(folder) / name)
            limits = AxisRange(min=given.batch, opt=given.batch, max=given.batch)
            for target in ("openvino", "onnxruntime"):
                plan = Plan(target=target, rewrite="off", axes={"batch": limits})
                artifact = optimize(source, plan, Path(folder) / f"{name}-{target}")
                path, entry = artifact.graph()
                shapes = {one.name: list(one.concrete({"batch": given.batch})) for one in entry.spec.inputs}
                other = benchmark_app_ms if target == "openvino" else loop_ms
                label = f"{name}, {'benchmark_app' if target == 'openvino' else 'a loop around ONNX Runtime'}"
                rows.append(
                    compared(
                        label,
                        lambda artifact=artifact: ours_ms(artifact, given.batch),  # type: ignore[misc]
                        lambda path=path, shapes=shapes, other=other: other(path, shapes),  # type: ignore[misc]
                        given.turns,
                    )
                )
    line = json.dumps(
        {
            "schema": 1,
            "benchmark": "agreement",
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment().model_dump(mode="json"),
            "load": watch.stop().model_dump(mode="json"),
            "batch": given.batch,
            "threads": default_threads(),
            "rows": rows,
        }
    )
    if given.record:
        before = given.record.read_bytes() if given.record.exists() else b""
        write_atomic(given.record, before + line.encode() + b"\n")
    print(line)


if __name__ == "__main__":
    main()
