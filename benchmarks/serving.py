"""A server under open load, beside the session that it runs: what goes through, and how long callers wait.

    python benchmarks/serving.py ART [--threads N] [--seconds 10] [--delays 0 2] [--peer PYTHON] [--record FILE]

Three processes on one machine: this one, ``gantools serve``, and one that makes the load. First, with no server there,
the session alone: samples a second of ``Generator.sample`` in runs of one and in the largest runs, noise included, and
the latency of one. Then the server, for each ``--max-delay-ms``:

- "closed": 64 callers that each send the next request when the last is answered. What goes through then is saturation.
- "open": requests for one sample each, as bytes, that come at random (exponential gaps, a fixed seed) at a share of
  saturation, whether earlier ones are answered or not. A latency begins when the request was due, not when a slow
  loader got to send it (else what waits would not be seen: "coordinated omission"). Above 1 the queue fills, and 429 is
  counted.

``--peer`` is a Python that has LitServe, the runtime of the session and gantools: then the same loads go to LitServe
in front of the same session (``serving_peer.py``), with batches as large.

After each load ``memory_mib`` is what the server's processes hold for themselves.

The load takes CPU time from the server, as callers on other machines would not: ``loader_cpu`` says how much.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil

from gantools.core.artifact import load_artifact
from gantools.core.atomic import write_atomic
from gantools.samplers import open_artifact
from gantools.timing.environment import LoadWatch, environment
from gantools.timing.stats import percentile
from gantools.timing.throughput import runs_per_second

CALLERS = 64
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.5)
NAME = "model"


def session_alone(art: Path, threads: int | None, seconds: float) -> dict[str, Any]:
    """The same work without a server."""
    with open_artifact(art, threads=threads) as generator:
        largest = generator.session.spec.largest_batch
        rates = {n: n * runs_per_second([partial(generator.sample, range(n))], seconds) for n in (1, largest)}
        times = []
        for seed in range(1000):
            began = time.perf_counter()
            generator.sample([seed])
            times.append(1e3 * (time.perf_counter() - began))
    values = np.array(times)
    return {
        "samples_per_s": {str(n): round(rate, 1) for n, rate in rates.items()},
        "p50_ms": percentile(values, 50),
        "p99_ms": percentile(values, 99),
    }


class Caller:
    """A connection that is kept, and one request on it at a time. An address with a path is the peer's."""

    def __init__(self, address: str) -> None:
        self.address, _, self._path = address.partition("/")
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, seed: int) -> int:
        """The status of the answer to a request for one sample."""
        return (await self.answer(seed))[0]

    async def answer(self, seed: int) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        head, body = (self._simple if self._path else self._binary)(seed)
        if self._streams is None:
            host, _, port = self.address.rpartition(":")
            self._streams = await asyncio.open_connection(host, int(port))
        reader, writer = self._streams
        writer.write("\r\n".join((*head, f"Content-Length: {len(body)}", "", "")).encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"^content-length: (\d+)", answer, re.MULTILINE | re.IGNORECASE)
        content = await reader.readexactly(int(length[1]) if length else 0)
        if re.search(r"^connection: close", answer, re.MULTILINE | re.IGNORECASE):
            self.close()
        return int(answer.split(" ", 2)[1]), content

    def _binary(self, seed: int) -> tuple[tuple[str, ...], bytes]:
        tensor = {"name": "seed", "datatype": "UINT64", "shape": [1], "parameters": {"binary_data_size": 8}}
        head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
        body = head + np.uint64(seed).tobytes()
        lines = (
            f"POST /v2/models/{NAME}/infer HTTP/1.1",
            f"Host: {self.address}",
            f"Inference-Header-Content-Length: {len(head)}",
        )
        return lines, body

    def _simple(self, seed: int) -> tuple[tuple[str, ...], bytes]:
        lines = (f"POST /{self._path} HTTP/1.1", f"Host: {self.address}", "Content-Type: application/json")
        return lines, json.dumps({"seed": seed}).encode()

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def closed_load(address: str, seconds: float) -> dict[str, Any]:
    """Callers who wait for their answers."""
    end, statuses = time.perf_counter() + seconds, Counter[int]()

    async def call(number: int) -> None:
        caller = Caller(address)
        seed = number
        while time.perf_counter() < end:
            statuses[await caller.ask(seed)] += 1
            seed += CALLERS
        caller.close()

    began = time.perf_counter()
    await asyncio.gather(*map(call, range(CALLERS)))
    return {"answers_per_s": statuses[200] / (time.perf_counter() - began), "statuses": dict(statuses)}


async def open_load(address: str, seconds: float, rate: float) -> dict[str, Any]:
    """Callers who come when they come."""
    rng = np.random.default_rng(7)
    due = np.cumsum(rng.exponential(1 / rate, round(rate * seconds)))
    free: list[Caller] = []
    statuses, times = Counter[int](), list[float]()
    began = time.perf_counter()

    async def call(number: int, at: float) -> None:
        caller = free.pop() if free else Caller(address)
        status = await caller.ask(number)
        free.append(caller)
        statuses[status] += 1
        if status == 200:
            times.append(1e3 * (time.perf_counter() - began - at))

    async with asyncio.TaskGroup() as group:
        for number, at in enumerate(due):
            if (left := at - (time.perf_counter() - began)) > 0:
                await asyncio.sleep(left)
            group.create_task(call(number, float(at)))
    elapsed = time.perf_counter() - began
    for caller in free:
        caller.close()
    values = np.array(times)
    return {
        "offered_per_s": round(len(due) / due[-1], 1),
        "answers_per_s": round(statuses[200] / elapsed, 1),
        "p50_ms": percentile(values, 50),
        "p99_ms": percentile(values, 99),
        "statuses": dict(statuses),
    }


def loaded(address: str, seconds: float, rate: float | None) -> dict[str, Any]:
    """A load from a process of its own, and the runs that the server made of it."""
    command = [sys.executable, __file__, address, "--seconds", str(seconds), "--load", str(rate or 0)]
    before = None if "/" in address else counted(address)
    row: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if before is None:
        return row
    runs, samples = (after - first for first, after in zip(before, counted(address), strict=True))
    return {**row, "samples_per_run": round(samples / max(runs, 1), 2)}


def counted(address: str) -> tuple[float, float]:
    """Runs and samples so far, as the server tells."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = [re.search(rf"^gantools_{name}_total\{{.*\}} (.*)$", text, re.MULTILINE) for name in ("runs", "samples")]
    runs, samples = (float(one[1]) if one else 0.0 for one in found)
    return runs, samples


def served(art: Path, threads: int | None, seconds: float, delay_ms: float) -> list[dict[str, Any]]:
    """All loads on one server."""
    command = [sys.executable, "-m", "gantools.cli.app", "serve", f"{NAME}={art}", "--port", "0", "--json"]
    command += ["--max-delay-ms", str(delay_ms), *(["--threads", str(threads)] if threads else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = urlsplit(json.loads("".join(iter(server.stdout.readline, "}\n")) + "}")["url"]).netloc
            about = {"server": "gantools serve", "max_delay_ms": delay_ms}
            rows = all_loads(address, server.pid, seconds, about)
        finally:
            server.send_signal(signal.SIGTERM)
    assert server.returncode == 0
    return rows


def served_by_peer(
    python: str, art: Path, threads: int | None, seconds: float, delay_ms: float
) -> list[dict[str, Any]]:
    """The same, by LitServe."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    batch = load_artifact(art).manifest.graphs["generator"].spec.largest_batch
    command = [python, str(Path(__file__).with_name("serving_peer.py")), str(art), str(port), "--batch", str(batch)]
    command += ["--delay-ms", str(delay_ms), *(["--threads", str(threads)] if threads else [])]
    with subprocess.Popen(command, stdout=sys.stderr, start_new_session=True) as server:
        try:
            wait_for(port)
            about = {"server": "LitServe", "max_delay_ms": delay_ms}
            return all_loads(f"127.0.0.1:{port}/predict", server.pid, seconds, about)
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def memory_mib(pid: int) -> float:
    """Of a process and those below it: what would be free if they ended."""
    first = psutil.Process(pid)
    held: int = sum(one.memory_full_info().uss for one in [first, *first.children(recursive=True)])
    return round(held / 2**20, 1)


def wait_for(port: int, path: str = "/health") -> None:
    """Until somebody answers; a minute at most."""
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the peer does not answer")


def all_loads(address: str, pid: int, seconds: float, about: dict[str, Any]) -> list[dict[str, Any]]:
    """Saturation, and loads at shares of it; after each, what the server's processes hold."""
    loaded(address, 1.0, None)  # the first runs allocate
    closed = loaded(address, seconds, None)
    rows = [about | {"load": "closed", "callers": CALLERS, **closed, "memory_mib": memory_mib(pid)}]
    print(json.dumps(rows[-1]), flush=True)
    for share in SHARES:
        row = loaded(address, seconds, share * closed["answers_per_s"])
        rows.append(about | {"load": "open", "share": share, **row, "memory_mib": memory_mib(pid)})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measure, print, and on request append a line to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("art")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--delays", type=float, nargs="+", default=[0.0, 2.0], help="--max-delay-ms of the server")
    parser.add_argument("--peer", metavar="PYTHON", help="a Python with LitServe, to serve the same session")
    parser.add_argument("--record", type=Path, help="append a line to this file")
    parser.add_argument("--load", type=float, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.load is not None:
        load = (
            open_load(chosen.art, chosen.seconds, chosen.load)
            if chosen.load
            else closed_load(chosen.art, chosen.seconds)
        )
        row = asyncio.run(load)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({**row, "loader_cpu": round((used.ru_utime + used.ru_stime) / chosen.seconds, 3)}))
        return
    art, watch = Path(chosen.art), LoadWatch()
    alone = session_alone(art, chosen.threads, min(chosen.seconds, 3.0))
    print(json.dumps({"session": alone}), flush=True)
    rows = [row for delay in chosen.delays for row in served(art, chosen.threads, chosen.seconds, delay)]
    load_meanwhile = watch.stop()  # the peer ends by SIGKILL, and nobody learns what its workers used
    if chosen.peer:
        for delay in chosen.delays:
            rows += served_by_peer(chosen.peer, art, chosen.threads, chosen.seconds, delay)
    for warning in load_meanwhile.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if chosen.record:
        head = {"schema": 1, "benchmark": "serving", "recorded_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"}
        artifact = load_artifact(art)
        told = {"artifact": artifact.digest, "model": artifact.manifest.name, "threads": chosen.threads}
        about = {"environment": environment().model_dump(mode="json"), "load": load_meanwhile.model_dump(mode="json")}
        line = json.dumps(head | told | about | {"seconds": chosen.seconds, "session": alone, "rows": rows})
        before = chosen.record.read_bytes() if chosen.record.exists() else b""
        write_atomic(chosen.record, before + line.encode() + b"\n")


if __name__ == "__main__":
    main()
