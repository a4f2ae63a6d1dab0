"""Whether a GPU writes the sentences that the CPU writes, and how fast: a whole loop as one call, and loops by steps.

    python benchmarks/gpu/texts.py [--device cuda] [--batches 1,16,256] [--sentences 10000] [--record FILE]

The network and the ways are those of ``text_latency.py``, ONNX Runtime by its CUDA provider. First the sentences are
compared with those of the CPU, word for word; then the ways are timed in turns. Times end with tokens in the host's
memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from text_latency import BASELINE, STEPS, built, in_steps, in_torch

from gantools.core.atomic import write_atomic
from gantools.runtime.session import Session, Where
from gantools.timing.environment import environment
from gantools.timing.measure import BenchPlan, measure
from gantools.timing.stats import ratio_of_medians
from gantools.verify.trials import trial_inputs

MOST = 256


def main() -> None:
    """Compare, measure, print, record a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batches", default="1,16,256")
    parser.add_argument("--sentences", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=2.0, help="For each way at each batch.")
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, entries = built(Path(folder))
        spec = entries["generator"].spec

        def inputs(first: int, count: int) -> dict[str, np.ndarray]:
            made = trial_inputs(
                spec, model.sampler, range(first, first + count), sizes={"batch": count, "steps": STEPS}
            )
            for name, value in (("temperature", 1.0), ("top_k", 0.0), ("top_p", 1.0)):
                made[name][:] = value
            return made

        def opened(name: str, device: str) -> Session:
            return Session(Path(folder) / entries[name].file, entries[name], Where("onnxruntime", device=device))

        exact, whole, step = (
            opened("generator", "cpu"), opened("generator", given.device), opened("step", given.device)
        )  # fmt: skip
        other = 0
        for first in range(0, given.sentences, MOST):
            some = inputs(first, min(MOST, given.sentences - first))
            other += int((exact.run(some)["tokens"] != whole.run(some)["tokens"]).any(1).sum())
        print(f"{other} of {given.sentences} sentences differ from those of the CPU", file=sys.stderr)
        net: Any = model.nets["G"].to(given.device)

        def plain(token: Any, state: Any, *_: Any) -> Any:
            logits, state = net.step(token, state)
            return logits.softmax(1).multinomial(1).squeeze(1), state

        rows = []
        for batch in [int(one) for one in given.batches.split(",")]:
            some = inputs(0, batch)
            calls: dict[str, Callable[[], Any]] = {
                BASELINE: partial(in_torch, plain, net, some),
                "ONNX Runtime, step by step": partial(in_steps, step, some),
                "gantools, one call, ONNX Runtime": partial(whole.run, some),
                "gantools, one call, ONNX Runtime on the CPU": partial(exact.run, some),
            }
            plan = BenchPlan(batches=(batch,), min_calls=20, max_seconds=given.seconds, rounds=10)
            values = {name: np.reshape(one.values_ms, (-1, one.block)) for name, one in measure(calls, plan).items()}
            for name, times in values.items():
                p50 = float(np.median(times))
                faster = ratio_of_medians(values[BASELINE], times)
                rows.append(
                    {
                        "batch": batch,
                        "variant": name,
                        "p50_ms": p50,
                        "tokens_per_s": batch * STEPS / p50 * 1000,
                        "faster": faster.model_dump(mode="json"),
                    }
                )
                print(f"{batch:4} {name:44} {p50:9.2f} ms  {faster.value:6.2f} times as fast", file=sys.stderr)
    if given.record:
        line = {
            "schema": 1,
            "benchmark": "gpu_texts",
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "device": given.device,
            "sentences": given.sentences,
            "sentences_that_differ": other,
            "rows": rows,
            "environment": environment().model_dump(mode="json"),
        }
        before = given.record.read_bytes() if given.record.exists() else b""
        write_atomic(given.record, before + json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    main()
