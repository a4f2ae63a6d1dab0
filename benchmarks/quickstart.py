"""Record what the quickstart's figures stand on: one line of JSON in ``benchmarks/results/quickstart.jsonl``.

    gantools quickstart
    python benchmarks/quickstart.py [--quickstart quickstart] [--only sampling overhead imports training]

Four sections, each with the machine's other load while it ran: ``sampling`` (latency beside PyTorch and a stock export
in a stock runtime), ``overhead`` (what this library adds to a call of the runtime), ``imports`` (fresh processes) and
``training`` (images a second beside a plain PyTorch loop). How, and what is not measured: ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rows import ratio, summary

from gantools.core.artifact import Artifact, load_artifact
from gantools.core.atomic import write_atomic
from gantools.samplers import open_artifact
from gantools.samplers.feedforward import inputs_of
from gantools.timing.environment import LoadWatch, default_threads, environment
from gantools.timing.measure import BenchPlan, measure
from gantools.train.checkpoint import load_checkpoint
from gantools.verify.attest import attest

SECTIONS = ("sampling", "overhead", "imports", "training")
BATCHES = (1, 16)
PROCESSES = 20
EQUAL = "uint8 NHWC"  # what our artifacts return, and so do peers whose span is equal to theirs
FLOAT = "float32 NCHW"

Latent = npt.NDArray[np.float32]
Call = Callable[[], object]


def peers(run: Path, latent: Latent, threads: int, folder: Path) -> dict[str, tuple[str, Call]]:
    """What a team would use without this library: name -> (what it returns, the call).

    The network is the same, with the same weights, and gets the same latents; each returns an array in host memory.
    """
    import onnxruntime as ort
    import torch

    torch.set_num_threads(threads)
    checkpoint = load_checkpoint(run)

    def network(graph: str) -> Any:
        return checkpoint.build_model().graphs[graph].module

    def caller(module: Callable[[torch.Tensor], torch.Tensor], dtype: torch.dtype = torch.float32) -> Call:
        def call() -> object:
            with torch.inference_mode():
                return module(torch.from_numpy(latent).to(dtype)).numpy()

        return call

    def stock(options: ort.SessionOptions) -> Call:
        session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {"latent": latent})

    file = folder / f"stock-{len(latent)}.onnx"
    torch.onnx.export(
        network("generator_float"),
        (torch.zeros(2, latent.shape[1]),),
        file,
        input_names=["latent"],
        output_names=["image"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        verbose=False,
    )
    pinned = ort.SessionOptions()
    pinned.intra_op_num_threads = threads
    channels_last = network("generator").to(memory_format=torch.channels_last)
    return {
        "torch eager, float output": (FLOAT, caller(network("generator_float"))),
        "torch eager": (EQUAL, caller(network("generator"))),
        "torch eager, channels_last": (EQUAL, caller(channels_last)),
        "torch eager, bf16": (EQUAL, caller(network("generator").to(torch.bfloat16), torch.bfloat16)),
        "torch.compile": (EQUAL, caller(torch.compile(network("generator")))),
        "stock ONNX Runtime, default options": (FLOAT, stock(ort.SessionOptions())),
        "stock ONNX Runtime, pinned threads": (FLOAT, stock(pinned)),
    }


def sampling(run: Path, artifacts: Mapping[str, Artifact], plan: BenchPlan) -> list[dict[str, Any]]:
    """Latency of peers and artifacts, interleaved, and the ratio of every artifact to every peer."""
    threads = plan.threads or 1
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        generators = {name: open_artifact(artifact.path, threads=threads) for name, artifact in artifacts.items()}
        computed = {name: attest(generator.session).computed for name, generator in generators.items()}
        for batch in BATCHES:
            first = next(iter(generators.values()))
            inputs = inputs_of(first.session.spec.inputs, first.artifact.manifest.sampler, range(batch))
            others = peers(run, inputs["latent"], threads, Path(folder))
            ours = {name: partial(one.session.run, inputs) for name, one in generators.items()}
            timings = measure({**{name: call for name, (_, call) in others.items()}, **ours}, plan)
            for name, timing in timings.items():
                ratios = {peer: ratio(timings[peer], timing) for peer in others} if name in ours else {}
                returns = EQUAL if name in ours else others[name][0]
                rows.append(
                    {
                        "name": name,
                        "batch": batch,
                        "returns": returns,
                        "computed": computed.get(name),
                        "digest": artifacts[name].digest if name in ours else None,
                        **summary(timing),
                        "faster_than": {peer: known for peer, known in ratios.items() if known},
                    }
                )
        for generator in generators.values():
            generator.close()
    return rows


def overhead(artifacts: Mapping[str, Artifact], plan: BenchPlan) -> list[dict[str, Any]]:
    """What ``Session.run`` and ``Generator.sample`` add to a call of the very runtime object that they call.

    All three use one session, so there is no other thread pool to recover from: calls alternate one by one.
    """
    single = plan.model_copy(update={"rounds": plan.min_calls, "lead_in_calls": 0, "lead_in_ms": 0})
    rows: list[dict[str, Any]] = []
    for name, artifact in artifacts.items():
        for batch in BATCHES:
            with open_artifact(artifact.path, threads=plan.threads) as generator:
                session, seeds = generator.session, range(batch)
                inputs = inputs_of(session.spec.inputs, artifact.manifest.sampler, seeds)
                calls: dict[str, Call] = {
                    "raw": raw_call(session._graph, inputs),
                    "Session.run": partial(session.run, inputs),
                    "Generator.sample": partial(generator.sample, seeds),
                }
                timings = measure(calls, single)
            raw = float(np.median(timings["raw"].values_ms))
            for call in ("Session.run", "Generator.sample"):
                added = float(np.median(timings[call].values_ms)) - raw
                rows.append(
                    {
                        "artifact": name,
                        "backend": session.backend,
                        "batch": batch,
                        "call": call,
                        "raw_ms": raw,
                        "added_us": added * 1000,
                        "added_percent": added / raw * 100,
                        "times_raw": ratio(timings[call], timings["raw"]),
                        "count": len(timings[call].values_ms),
                    }
                )
    return rows


def raw_call(graph: Any, inputs: dict[str, npt.NDArray[Any]]) -> Call:
    """A call of the runtime that an opened graph holds, as someone without this library would write it."""
    if hasattr(graph, "_request"):
        return partial(graph._request.infer, inputs, share_inputs=True)
    return partial(graph._session.run, None, inputs)


def imports() -> list[dict[str, Any]]:
    """Wall time of fresh processes, interleaved; a Python that does nothing is the floor."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import numpy": [sys.executable, "-c", "import numpy"],
        "import gantools": [sys.executable, "-c", "import gantools"],
        "gantools.open_artifact": [sys.executable, "-c", "import gantools; gantools.open_artifact"],
        "gantools --help": [str(Path(sys.executable).with_name("gantools")), "--help"],
    }

    calls = {
        name: partial(subprocess.run, command, check=True, capture_output=True) for name, command in commands.items()
    }
    plan = BenchPlan(
        min_calls=PROCESSES, rounds=PROCESSES, window=1, steady_windows=2, lead_in_calls=0, lead_in_ms=0, max_seconds=60
    )
    return [{"name": name, **summary(timing)} for name, timing in measure(calls, plan).items()]


def training() -> Any:
    """The figures of ``benchmarks/training.py``, in this process."""
    import training as script

    return script.measure()


def watched(section: Callable[[], Any]) -> dict[str, Any]:
    """Run a section and keep what else the machine did meanwhile."""
    watch = LoadWatch()
    rows = section()
    return {"rows": rows, "load": watch.stop().model_dump(mode="json")}


def main() -> None:
    """Measure, append one line, print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quickstart", type=Path, default=Path("quickstart"), help="what 'gantools quickstart' made")
    parser.add_argument("--artifacts", nargs="+", default=["digits", "digits-ov-fp32", "digits-ov"])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--seconds", type=float, default=10.0, help="most seconds for one variant at one batch size")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "quickstart.jsonl")
    given = parser.parse_args()
    plan = BenchPlan(batches=BATCHES, max_seconds=given.seconds, threads=default_threads())
    run = given.quickstart / "run"
    artifacts = {name: load_artifact(given.quickstart / "art" / name) for name in given.artifacts}
    sections: dict[str, Callable[[], Any]] = {
        "sampling": lambda: sampling(run, artifacts, plan),
        "overhead": lambda: overhead(artifacts, plan),
        "imports": imports,
        "training": training,
    }
    record = {
        "schema": 1,
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment().model_dump(mode="json"),
        "plan": plan.model_dump(mode="json"),
        **{name: watched(sections[name]) for name in given.only},
    }
    before = given.out.read_bytes() if given.out.exists() else b""
    write_atomic(given.out, before + json.dumps(record).encode() + b"\n")
    for name in given.only:
        show(name, record[name])


def show(name: str, section: Any) -> None:
    """A section for people, on stdout."""
    print(f"\n{name}")
    for warning in section["load"]["warnings"]:
        print(f"  warning: {warning}")
    for row in section["rows"] if isinstance(section["rows"], list) else [section["rows"]]:
        shown = {key: value for key, value in row.items() if key not in ("round_medians_ms", "faster_than", "digest")}
        print(
            "  "
            + "  ".join(
                f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in shown.items()
            )
        )
        for peer, faster in row.get("faster_than", {}).items():
            print(f"      {faster['value']:.2f}x {faster['interval']} {peer}")


if __name__ == "__main__":
    main()
