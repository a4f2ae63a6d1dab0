"""A server that is killed and stopped again and again, while callers want every answer once, and right.

    python benchmarks/serving_kills.py ART [--requests 10000] [--callers 32] [--record FILE]

``gantools serve`` is started anew after every end, in turns by SIGKILL and by SIGTERM, at random times. Callers ask for
one sample each by its seed, and ask again where the connection broke or nobody listened, as clients do. At the end
every seed has its answer, and each is byte for byte what ``Generator.sample`` makes of that seed: nothing is lost,
doubled or given to somebody else. Connections that broke are counted by the signal that ended the server: under SIGTERM
only those may that nobody had begun to answer, such as a kept connection that was used just when it was closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from serving import NAME, Caller, wait_for

from gantools.core.artifact import load_artifact
from gantools.core.atomic import write_atomic
from gantools.samplers import open_artifact
from gantools.timing.environment import environment


class Server:
    """One after another, on the same port."""

    def __init__(self, art: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._command = [sys.executable, "-m", "gantools.cli.app", "serve", f"{NAME}={art}", "--port", str(self.port)]
        self.ends = Counter[str]()
        self.ending: str | None = None

    async def live(self, done: asyncio.Event) -> None:
        """Start and end it until ``done``."""
        rng = np.random.default_rng(7)
        kinds: Iterator[signal.Signals] = cycle((signal.SIGKILL, signal.SIGTERM))
        while not done.is_set():
            process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            await asyncio.to_thread(wait_for, self.port, "/v2/health/ready")
            self.ending = None
            try:
                await asyncio.wait_for(done.wait(), float(rng.uniform(0.3, 1.5)))
                kind = signal.SIGTERM
            except TimeoutError:
                kind = next(kinds)
            self.ending = kind.name
            process.send_signal(kind)
            code = await asyncio.to_thread(process.wait, 60)
            assert code == (0 if kind is signal.SIGTERM else -signal.SIGKILL), code
            self.ends[kind.name] += 1


async def ask_all(art: Path, wanted: list[bytes], callers: int) -> dict[str, Any]:
    """Every seed once."""
    server, done = Server(art), asyncio.Event()
    life = asyncio.create_task(server.live(done))
    left = iter(range(len(wanted)))
    right, wrong, broken, statuses = Counter[int](), 0, Counter[str](), Counter[int]()

    async def call() -> None:
        nonlocal wrong
        caller = Caller(f"127.0.0.1:{server.port}")
        for seed in left:
            while True:
                try:
                    status, body = await caller.answer(seed)
                except OSError:
                    broken["nobody listens"] += 1
                except asyncio.IncompleteReadError:
                    broken[server.ending or "SIGKILL"] += 1
                else:
                    statuses[status] += 1
                    if status == 200:
                        right[seed] += body.endswith(wanted[seed])
                        wrong += not body.endswith(wanted[seed])
                        break
                caller.close()
                caller = Caller(caller.address)
                await asyncio.sleep(0.02)
        caller.close()

    began = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    done.set()
    await life
    return {
        "requests": len(wanted),
        "answered_rightly_once": sum(count == 1 for count in right.values()),
        "answered_wrongly": wrong,
        "lost": len(wanted) - len(right),
        "ends": dict(server.ends),
        "broken_connections": dict(broken),
        "statuses": dict(statuses),
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> None:
    """Ask, print, and on request append a line to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("art", type=Path)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--record", type=Path, help="append a line to this file")
    chosen = parser.parse_args()
    with open_artifact(chosen.art) as generator:
        largest = generator.session.spec.largest_batch
        firsts = range(0, chosen.requests, largest)
        wanted = [
            one.tobytes()
            for first in firsts
            for one in generator.sample(range(first, min(first + largest, chosen.requests)))
        ]
    found = asyncio.run(ask_all(chosen.art, wanted, chosen.callers))
    print(json.dumps(found))
    if chosen.record:
        artifact = load_artifact(chosen.art)
        head = {"schema": 1, "benchmark": "serving_kills", "recorded_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"}
        told = {"artifact": artifact.digest, "model": artifact.manifest.name, "callers": chosen.callers}
        line = json.dumps(head | told | found | {"environment": environment().model_dump(mode="json")})
        before = chosen.record.read_bytes() if chosen.record.exists() else b""
        write_atomic(chosen.record, before + line.encode() + b"\n")
    if found["answered_rightly_once"] != chosen.requests:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
