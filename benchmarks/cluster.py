"""What a local Ray cluster does for an evaluation and for a server, and what becomes of requests when replicas die.

    python benchmarks/cluster.py ART --data SOURCE [--samples 1000] [--requests 5000] [--record FILE]

ART makes images, and is called by its seeds alone. One thread computes for each worker, and for the process beside it.

- "evaluate": milliseconds for each sample in this process, drawn and looked at; then ``gantools evaluate`` alone and
  with ``--ray local`` in turns, as whole commands, and whether cards are equal. Real images were looked at before.
- "serve": 32 callers that each send the next request when the last is answered, to ``gantools serve``, to ``--ray
  local`` with one replica and with two, and to two of which one is killed every two seconds: answers a second, and how
  many answers were not the bytes of their seed, broke off, or had another status. Nobody asks a second time.

The callers share the machine's CPUs with all the others. What else the machine does is looked at before it begins, for
Ray's own processes cannot be told from others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from serving import NAME, Caller, wait_for

from gantools.core.artifact import load_artifact
from gantools.core.atomic import write_atomic
from gantools.metrics.features import load_extractor
from gantools.runtime.session import Where
from gantools.samplers import open_artifact
from gantools.timing.environment import LoadWatch, environment

CALLERS = 32
KILL_S = 2.0
QUIET_S = 5.0
COMMAND = [sys.executable, "-m", "gantools.cli.app"]
ONE = ["--threads", "1"]
RAY = ["--ray", "local"]


def ms_per_sample(art: Path, extractor: str, count: int = 256) -> dict[str, float]:
    """Of the two parts of an evaluation, in this process."""
    looks = load_extractor(extractor, Where(threads=1))
    with open_artifact(art, threads=1) as generator:
        looks.rows(generator.sample(range(32)))
        began = time.perf_counter()
        samples = generator.sample(range(count))
        drawn = time.perf_counter()
        looks.rows(samples)
        seen = time.perf_counter()
    return {"draw_ms": round(1e3 * (drawn - began) / count, 3), "look_ms": round(1e3 * (seen - drawn) / count, 3)}


def evaluations(art: Path, data: str, extractor: str, samples: int, rounds: int = 2) -> dict[str, Any]:
    """Seconds of whole commands, in turns."""
    line = [*COMMAND, "evaluate", str(art), "--data", data, "--extractor", extractor, "--samples", str(samples)]
    ways: dict[str, list[str]] = {"one_process": [], "ray_local": RAY}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    documents = []
    subprocess.run([*line, *ONE, "--json"], check=True, capture_output=True)  # real images are looked at, and kept
    for _ in range(rounds):
        for name, more in ways.items():
            began = time.perf_counter()
            done = subprocess.run([*line, *ONE, *more, "--json"], check=True, capture_output=True)
            seconds[name].append(round(time.perf_counter() - began, 2))
            documents.append(json.loads(done.stdout))
    found = {f"{name}_s": values for name, values in seconds.items()}
    return found | {"samples": samples, "cards_equal": all(one == documents[0] for one in documents)}


async def requests(
    port: int, wanted: list[bytes], count: int, process: subprocess.Popen[bytes] | None
) -> dict[str, Any]:
    """Ask ``count`` times, and kill a replica of ``process`` every now and then."""
    left, outcomes, killed = iter(range(count)), Counter[str](), 0

    async def call() -> None:
        caller = Caller(f"127.0.0.1:{port}")
        for number in left:
            seed = number % len(wanted)
            try:
                status, body = await caller.answer(seed)
            except (OSError, asyncio.IncompleteReadError):
                outcomes["broke off"] += 1
                caller.close()
                caller = Caller(caller.address)
                continue
            outcomes[("right" if body.endswith(wanted[seed]) else "wrong") if status == 200 else str(status)] += 1
        caller.close()

    async def kill(children: psutil.Process) -> None:
        nonlocal killed
        while True:
            await asyncio.sleep(KILL_S)
            living = [one for one in children.children(recursive=True) if one.name().startswith("ray::ServeReplica")]
            if living:
                living[killed % len(living)].kill()
                killed += 1

    killer = asyncio.create_task(kill(psutil.Process(process.pid))) if process else None
    began = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(CALLERS)))
    took = time.perf_counter() - began
    if killer is not None:
        killer.cancel()
    return {"requests": count, **outcomes, "killed": killed, "per_s": round(count / took, 1)}


def served(art: Path, wanted: list[bytes], count: int, more: list[str], *, kill: bool = False) -> dict[str, Any]:
    """The same requests to a server of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [*COMMAND, "serve", f"{NAME}={art}", "--port", str(port), *ONE, *more]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(port, "/v2/health/ready")
        asyncio.run(requests(port, wanted, 200, None))  # the first runs allocate
        found = asyncio.run(requests(port, wanted, count, process if kill else None))
        process.send_signal(signal.SIGTERM)
        process.wait(90)
    return {"options": " ".join(more), **found}


def main() -> None:
    """Measure, print, and on request append a line to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("art", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--extractor", default="efficientnet-lite0")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--record", type=Path, help="append a line to this file")
    chosen = parser.parse_args()
    watch, artifact = LoadWatch(), load_artifact(chosen.art)
    time.sleep(QUIET_S)
    load = watch.stop()
    with open_artifact(chosen.art, threads=1) as generator:
        wanted = [generator.sample([seed])[0].tobytes() for seed in range(100)]
    found: dict[str, Any] = {"parts": ms_per_sample(chosen.art, chosen.extractor)}
    found["evaluate"] = evaluations(chosen.art, chosen.data, chosen.extractor, chosen.samples)
    two = [*RAY, "--replicas", "2"]
    found["serve"] = [served(chosen.art, wanted, chosen.requests, more) for more in ([], RAY, two)]
    found["serve"].append(served(chosen.art, wanted, chosen.requests, two, kill=True))
    print(json.dumps(found, indent=2), *load.warnings, sep="\n")
    if chosen.record:
        head = {"schema": 1, "benchmark": "cluster", "recorded_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"}
        told = {"artifact": artifact.digest, "model": artifact.manifest.name, "extractor": chosen.extractor}
        about = {"environment": environment().model_dump(mode="json"), "load": load.model_dump(mode="json")}
        before = chosen.record.read_bytes() if chosen.record.exists() else b""
        write_atomic(chosen.record, before + json.dumps(head | told | found | about).encode() + b"\n")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
