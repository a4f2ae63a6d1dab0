"""How fast sentences are written: the whole loop as one call, beside loops that step from token to token.

    python benchmarks/text_latency.py [--batches 1,16,256] [--record FILE]

A GRU of 512 units over 5,000 words with random weights, 32 steps, which all variants take: nobody stops early. All have
the same weights and threads, fp32 where nothing else is said, and return tokens in the host's memory; and the same
uniform numbers, but for the baseline, which draws with ``torch.multinomial`` as loops are usually written. Those in
fewer bits are what ``optimize`` makes; where its budgets of texts refuse one, the row is left out and the reason told.
In turns, in one process; medians, and the ratio to PyTorch's loop with its interval over rounds. The limit is that of
memory in fp32: every step reads all weights but those of words that do not come up.
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
import torch

from gantools.bench.ceilings import ceilings
from gantools.core.artifact import Artifact, GraphFile, Manifest, load_artifact, seal
from gantools.core.atomic import write_atomic
from gantools.core.errors import GantoolsError
from gantools.core.proof import QualityLoss
from gantools.core.spec import AxisRange
from gantools.core.tokens import BEGIN
from gantools.data.tokenizers import train_tokenizer
from gantools.export.onnx import write_onnx
from gantools.models import MODELS
from gantools.models.model import Model
from gantools.models.text.choice import Choice
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan, PlanPrecision
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session, Where
from gantools.timing.environment import LoadWatch, default_threads, environment
from gantools.timing.measure import BenchPlan, measure
from gantools.timing.stats import ratio_of_medians
from gantools.verify.trials import trial_inputs

STEPS, VOCABULARY, HIDDEN = 32, 5000, 512
SPREAD = {"cells": 4.0, "output": 8.0}
"""What weights are multiplied by: fresh ones fill no state and find all words as likely, which trained ones do not."""
BASELINE = "PyTorch, step by step"
NAMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
LOW: tuple[tuple[str, PlanPrecision], ...] = (
    ("onnxruntime", "fp16"),
    ("onnxruntime", "int8"),
    ("openvino", "fp16"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
)


def built(folder: Path) -> tuple[Model, dict[str, GraphFile]]:
    """The model, and its graphs in files, which are an artifact."""
    torch.manual_seed(0)
    row = MODELS.load("text_gru")
    model = row.build(row.Config(vocabulary=VOCABULARY, steps=STEPS, embedding=256, hidden=HIDDEN)).eval()
    net: Any = model.nets["G"]
    for part, factor in SPREAD.items():
        for weight in getattr(net, part).parameters():
            weight.data *= factor
    entries = {}
    for name in ("generator", "step", "score"):
        graph = model.graphs[name]
        spec = graph.spec.with_axis("batch", AxisRange(min=1, opt=16, max=256))
        write_onnx(graph, spec, folder / f"{name}.onnx")
        entries[name] = GraphFile(file=f"{name}.onnx", format="onnx", precision="fp32", spec=spec)
    (folder / model.text.tokenizer).write_text(train_tokenizer(["some words"], "word", VOCABULARY))
    known: Any = {"sampler": model.sampler, "graphs": entries, "output": model.text}
    seal(folder, Manifest(schema=1, name="text_gru", modality="text", **known))
    return model, entries


def in_fewer_bits(artifact: Artifact, folder: Path, threads: int) -> tuple[dict[str, Session], dict[str, Any]]:
    """What the budgets of texts let through: variant -> its graph, and what it lost."""
    opened: dict[str, Session] = {}
    lost: dict[str, tuple[QualityLoss, ...]] = {}
    for target, precision in LOW:
        name = f"gantools, one call, {NAMES[target]}, {precision}"
        try:
            plan = Plan(target=target, precision=precision, threads=threads, samples=500)
            made = optimize(artifact, plan, folder / f"{target}-{precision}")
        except GantoolsError as err:
            print(f"{name} is left out: {err.message}", file=sys.stderr)
            continue
        opened[name] = Session.of(made, None, Where(threads=threads))
        lost[name] = made.manifest.steps[-1].losses
    return opened, lost


def in_torch(step: Callable[..., Any], net: Any, given: Arrays) -> np.ndarray:
    """A loop around a step of the network, on the device that it is on."""
    device = next(net.parameters()).device
    with torch.inference_mode():
        uniforms = torch.from_numpy(given["uniforms"]).to(device)
        settings = [torch.from_numpy(given[name]).to(device) for name in ("temperature", "top_k", "top_p")]
        count = len(uniforms)
        state, token = net.begin(None, None, count), torch.full((count,), BEGIN, device=device)
        tokens = []
        for place in range(STEPS):
            token, state = step(token, state, uniforms[:, place], settings)
            tokens.append(token)
        found: np.ndarray = torch.stack(tokens, 1).int().cpu().numpy()
        return found


def in_steps(session: Session, given: Arrays) -> np.ndarray:
    """A loop around the graph ``step``, as anybody would write it."""
    count = len(given["uniforms"])
    token = np.full(count, BEGIN, np.int32)
    settings = {name: given[name] for name in ("temperature", "top_k", "top_p")}
    state = {
        one.name: np.zeros(one.concrete({"batch": count}), np.float32)
        for one in session.spec.inputs
        if one.state_of and one.name != "token"
    }
    fed = {one.name: one.state_of for one in session.spec.inputs if one.name in state and one.state_of}
    tokens = []
    for place in range(STEPS):
        uniforms = np.ascontiguousarray(given["uniforms"][:, place])
        outputs = session.run({"token": token, "uniforms": uniforms, **settings, **state})
        token, state = outputs["next_token"], {name: outputs[source] for name, source in fed.items()}
        tokens.append(token)
    return np.stack(tokens, 1)


def main() -> None:
    """Measure, print a table, record a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", default="1,16,256")
    parser.add_argument("--seconds", type=float, default=4.0, help="For each variant at each batch.")
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    threads, watch, rows = default_threads(), LoadWatch(), []
    torch.set_num_threads(threads)
    best = ceilings("cpu")
    with tempfile.TemporaryDirectory() as folder:
        model, entries = built(Path(folder))
        net: Any = model.nets["G"]
        choice = Choice(VOCABULARY, net.config.candidates)

        def step(token: Any, state: Any, uniform: Any, settings: Any) -> Any:
            logits, state = net.step(token, state)
            return choice(logits, uniform, *settings), state

        def plain(token: Any, state: Any, *_: Any) -> Any:
            logits, state = net.step(token, state)
            return torch.multinomial(logits.softmax(1), 1).squeeze(1), state

        compiled = torch.compile(step, dynamic=False)
        opened = {
            (backend, name): Session(Path(folder) / entry.file, entry, Where(backend, threads=threads))
            for backend in ("onnxruntime", "openvino")
            for name, entry in entries.items()
            if name != "score"
        }
        low, lost = in_fewer_bits(load_artifact(Path(folder)), Path(folder) / "low", threads)
        weights = sum(one.numel() * 4 for name, one in net.named_parameters() if not name.startswith("embedding"))
        limit_ms = STEPS * weights / best.bandwidth(weights) * 1000
        for batch in [int(one) for one in given.batches.split(",")]:
            spec = entries["generator"].spec
            inputs = trial_inputs(spec, model.sampler, range(batch), sizes={"batch": batch, "steps": STEPS})
            for name, value in (("temperature", 1.0), ("top_k", 0.0), ("top_p", 1.0)):
                inputs[name][:] = value
            calls: dict[str, Callable[[], Any]] = {
                BASELINE: partial(in_torch, plain, net, inputs),
                "PyTorch, step by step, our choice": partial(in_torch, step, net, inputs),
                "PyTorch, torch.compile'd step": partial(in_torch, compiled, net, inputs),
                "ONNX Runtime, step by step": partial(in_steps, opened["onnxruntime", "step"], inputs),
                "OpenVINO, step by step": partial(in_steps, opened["openvino", "step"], inputs),
                "gantools, one call, ONNX Runtime": partial(opened["onnxruntime", "generator"].run, inputs),
                "gantools, one call, OpenVINO": partial(opened["openvino", "generator"].run, inputs),
                **{name: partial(session.run, inputs) for name, session in low.items()},
            }
            found = {name: call() for name, call in calls.items()}
            tokens = {name: one["tokens"] if isinstance(one, dict) else one for name, one in found.items()}
            exact = tokens["PyTorch, step by step, our choice"]
            equal = {name: float(np.mean(one == exact)) for name, one in tokens.items()}
            plan = BenchPlan(batches=(batch,), min_calls=200, max_seconds=given.seconds, rounds=20, threads=threads)
            timings = measure(calls, plan)
            values = {name: np.reshape(one.values_ms, (-1, one.block)) for name, one in timings.items()}
            for name, some in values.items():
                p50 = float(np.median(some))
                ratio = ratio_of_medians(values[BASELINE], some)
                rows.append(
                    {
                        "batch": batch,
                        "variant": name,
                        "p50_ms": p50,
                        "tokens_per_s": batch * STEPS / p50 * 1000,
                        "faster": ratio.model_dump(mode="json"),
                        "equal_tokens": equal[name],
                        "lost": {loss.metric: loss.model_dump(mode="json") for loss in lost.get(name, ())},
                        "memory_limit_ms": limit_ms,
                        "calls": some.size,
                    }
                )
                ends = " to ".join(f"{end:.2f}" for end in ratio.interval or ())
                print(
                    f"batch {batch:3}  {name:40} {p50:8.2f} ms  {batch * STEPS / p50 * 1000:10,.0f} tokens/s  "
                    f"{ratio.value:5.2f}x ({ends})  tokens equal {equal[name]:.2%}  limit {limit_ms:.2f} ms",
                    file=sys.stderr,
                )
    head = {"schema": 1, "benchmark": "text_latency", "recorded_at": datetime.now(UTC).isoformat(timespec="seconds")}
    model_told = {"model": "text_gru", "vocabulary": VOCABULARY, "hidden": HIDDEN, "steps": STEPS, "threads": threads}
    told = {"environment": environment().model_dump(mode="json"), "load": watch.stop().model_dump(mode="json")}
    line = json.dumps(head | model_told | told | {"rows": rows})
    if given.record:
        before = given.record.read_bytes() if given.record.exists() else b""
        write_atomic(given.record, before + line.encode() + b"\n")
    print(line)


if __name__ == "__main__":
    main()
