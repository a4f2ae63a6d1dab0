"""Does ``gantools bench`` say what others say of the same file? OpenVINO's ``benchmark_app``, and a loop by hand.

    python benchmarks/agreement.py [--models light-64,vae-64,dcgan-64] [--batch 8] [--record FILE]

Ours and the other have the same file, the same threads and the same precision, each in a process of its own. They take
turns of a quarter of a second, in which the other's process is stopped (SIGSTOP), so that whatever the machine does
happens to both. Each launch gives the medians of both over all turns; the ratio is the median over launches of ours by
the other's, with the interval of the sign test. Networks have the sizes of their papers and are trained for two steps.
``benchmark_app`` tells an inference request's own time, by its own clock, with the input in its tensor; a caller waits
longer for it (1 to 2 %), and ours is what a caller waits, checks and copies included. A loop by hand is too.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
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

TURN_MS = 250.0
TURNS = 8  # of a launch
OPENED = {
    "onnxruntime": """
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
run = lambda: session.run(None, given)
own = None
""",
    "openvino": """
import openvino
core = openvino.Core()
model = core.read_model(path)
model.reshape({name: list(shape) for name, shape in shapes.items()})
settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
request = core.compile_model(model, "CPU", settings).create_infer_request()
run = lambda: request.infer(given)
own = lambda: request.latency
""",
}
LOOP = """
import json, sys, time
import numpy as np
path, threads, calls, shapes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
given = {{name: np.random.default_rng(0).standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}}
{opened}
times, owned = [], []
print("Measuring", flush=True)
for _ in range(calls):
    started = time.perf_counter()
    run()
    times.append((time.perf_counter() - started) * 1000)
    if own:
        owned.append(own())
print(f"Median: {{np.median(times)}} ms")
if own:
    print(f"By its own clock: {{np.median(owned)}} ms")
"""
Command = Callable[[int], list[str]]
"""What to start for so many calls."""


def benchmark_app(path: Path, shapes: dict[str, list[int]]) -> Command:
    """OpenVINO's tool: synchronous, one request."""
    told = ",".join(f"{name}[{','.join(map(str, shape))}]" for name, shape in shapes.items())
    command = [str(Path(sys.executable).parent / "benchmark_app"), "-m", str(path), "-d", "CPU", "-api", "sync"]
    command += ["-nthreads", str(default_threads()), "-infer_precision", "f32"]
    command += ["-shape", told, "-hint", "none", "-nstreams", "1"]  # what the hint latency comes to
    return lambda calls: [*command, "-niter", str(calls)]


def loop(library: str, path: Path, shapes: dict[str, list[int]]) -> Command:
    """A loop around a library's own call as anybody would write it."""
    command = [sys.executable, "-u", "-c", LOOP.format(opened=OPENED[library]), str(path), str(default_threads())]
    return lambda calls: [*command, str(calls), json.dumps(shapes)]


def launched(artifact: Artifact, batch: int, other: Command, turns: int) -> dict[str, float]:
    """Medians of ours and of the other's, and of the request's own clock where the other told it; in ms."""
    plan = BenchPlan(max_seconds=1, max_warmup_seconds=1)
    with Worker(BenchTarget("ours", artifact), default_threads()) as worker:
        runner = WorkerRunner(worker, batch)
        calls = max(10, round(TURN_MS / runner.warm_up(plan).estimate_ms))
        worker.stop()
        with subprocess.Popen(other(turns * calls), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = ""
            while "Measuring" not in said and (line := process.stdout.readline()):
                said += line
            values: list[float] = []
            while process.poll() is None:
                process.send_signal(signal.SIGSTOP)
                worker.go_on()
                values += runner.block(calls, 1, 0.0, 0.0)
                worker.stop()
                process.send_signal(signal.SIGCONT)
                time.sleep(TURN_MS / 1000)
            said += process.stdout.read()
            worker.go_on()
    found = {"ours": float(np.median(values))}
    for name, words in (("other", "Median"), ("own_clock", "By its own clock")):
        if told := re.search(rf"{words}:\s+([\d.]+) ms", said):
            found[name] = float(told[1])
    if "other" not in found:
        raise RuntimeError(f"no median was printed: {said[-500:]}")
    return found


def compared(name: str, artifact: Artifact, batch: int, other: Command, launches: int) -> dict[str, Any]:
    """Both, launch by launch."""
    found = [launched(artifact, batch, other, TURNS) for _ in range(launches)]
    values = {key: [one[key] for one in found] for key in found[0]}
    row: dict[str, Any] = {"name": name, **{f"{key}_ms": some for key, some in values.items()}}
    for key in list(values)[1:]:
        ratio = ratio_over_launches(*(np.reshape(values[one], (-1, 1, 1)) for one in ("ours", key)))
        row[f"ours_by_{key}"] = ratio.model_dump(mode="json")
        interval = " to ".join(f"{end:.4f}" for end in ratio.interval or ())
        print(f"{name}, ours by {key}: {ratio.value:.4f} ({interval})", file=sys.stderr)
    return row


def main() -> None:
    """Measure, print a line, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="light-64,vae-64,dcgan-64")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--launches", type=int, default=9)
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
                others = {f"a loop around {target}": loop(target, path, shapes)}
                if target == "openvino":
                    others["benchmark_app"] = benchmark_app(path, shapes)
                for other, command in others.items():
                    rows.append(compared(f"{name}, {other}", artifact, given.batch, command, given.launches))
    line = json.dumps(
        {
            "schema": 2,
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
