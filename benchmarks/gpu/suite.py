"""What an NVIDIA GPU makes of our generators: first whether it computes them right, then how fast. Started by run.sh.

    python benchmarks/gpu/suite.py [--device cpu] [--families dcgan-64] [--batches 1,8,64] [--minutes 8] [--out FILE]

A line of FILE is one section: ``machine``, ``tests``, ``ceilings``, one for each family, ``training``. A section that
is there already is not done again, so whoever is interrupted starts the same command once more. Every family has a
process of its own, and what cannot be built or opened is a row that says why. ``--device cpu`` tries every part that a
CPU can.

Figures go from host memory to host memory (``run``) and, on GPUs, from and to the device's memory (``device``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from families import FAMILIES, FOREIGN, MODELS, made
from variants import checked, targets_of, variants_of

from gantools.bench.ceilings import Ceilings, ceilings
from gantools.bench.latency import bench
from gantools.bench.report import table_rows
from gantools.runtime.backends import BACKENDS
from gantools.timing.environment import environment
from gantools.timing.measure import BenchPlan, reason

HERE = Path(__file__).parent
PLAN = BenchPlan(min_calls=200, max_seconds=0.6, rounds=10, lead_in_ms=5, max_warmup_seconds=0.5)
ISOLATED = {
    *("torch eager", "torch eager fp32", "torch CUDA graph fp16"),
    *("onnxruntime, as exported", "onnxruntime fp32", "onnxruntime fp16", "onnxruntime fp16, CUDA graph"),
}
TRAINED = {
    "model": MODELS["dcgan-64"],
    "discriminator": {"name": "dcgan"},
    "data": {"source": "builtin:digits"},
    "objective": {"name": "nonsaturating"},
    "evaluate": {"every": 0},
}


def machine(device: str) -> dict[str, Any]:
    """What is here, and who can run graphs on the device."""
    probed = {name: BACKENDS.load(name).probe(device) for name in BACKENDS}
    return {
        "environment": environment().model_dump(mode="json"),
        "backends": {name: {"ok": found.ok, "reason": found.reason} for name, found in probed.items()},
    }


def tests(device: str) -> dict[str, Any]:
    """The tests that need a GPU; on CPUs those of the backends."""
    files = ["tests/runtime/test_cuda.py", "tests/runtime/test_tensorrt_backends.py"]
    which = ["-m", "gpu", *files] if device != "cpu" else ["tests/conformance/test_backends.py", *files]
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *which]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent.parent, timeout=120)
    return {"exit_code": done.returncode, "said": done.stdout.splitlines()[-20:]}


def built(name: str, work: Path, device: str) -> dict[str, Any]:
    """Build one family, so that measuring finds it; how long it took."""
    started = time.perf_counter()
    variants_of(made(name, work / name)[0], device, work / name / "built", note=lambda text: tell(f"  {name}: {text}"))
    tell(f"{name} is built after {time.perf_counter() - started:.0f} s")
    return {"seconds": time.perf_counter() - started}


def family(name: str, work: Path, device: str, batches: Sequence[int], best: Ceilings | None) -> dict[str, Any]:
    """Everything about one family: build what is not built, check, measure."""
    started = time.perf_counter()
    artifact, run = made(name, work / name)
    variants = variants_of(artifact, device, work / name / "built", note=lambda text: tell(f"  {name}: {text}"))
    targets = targets_of(artifact, run, variants, device)
    correct = checked(artifact, targets)
    tell(f"{name}: {len(correct)} variants checked after {time.perf_counter() - started:.0f} s")
    for label, found in correct.items():
        tell(f"  {name}: {label}: {found}")
    wrong = {label for label, found in correct.items() if "failed" in found}
    most = artifact.graph()[1].spec.largest_batch
    plan = PLAN.model_copy(update={"batches": tuple(batch for batch in batches if batch <= most)})
    good = [target for target in targets if target.name not in wrong]
    report = bench(good, plan, ceilings=best)
    for row in table_rows(report):
        tell("  ".join(row.values()))
    rows = [row.model_dump(mode="json", exclude={"values_ms", "quality"}) for row in report.rows]
    return {
        "family": name,
        "seconds": time.perf_counter() - started,
        "built": {one.label: one.told for one in variants},
        "checked": correct,
        "load": report.load.model_dump(mode="json"),
        "plan": report.plan.model_dump(mode="json"),
        "rows": rows,
        "comparisons": [one.model_dump(mode="json") for one in report.comparisons],
    }


def isolated(work: Path, device: str, best: Ceilings | None) -> dict[str, Any]:
    """One family with a process for each variant, which alone can tell cold starts, memory and energy."""
    name = "dcgan-64"
    artifact, run = made(name, work / name)
    variants = variants_of(artifact, device, work / name / "built", note=lambda text: tell(f"  {name}: {text}"))
    targets = [one for one in targets_of(artifact, run, variants, device) if one.name in ISOLATED]
    plan = PLAN.model_copy(update={"batches": (1, 64)})
    report = bench(targets, plan, isolate=True, ceilings=best, gaps_ms=(0.0, 20.0))
    return {
        "family": name,
        "rows": [row.model_dump(mode="json", exclude={"values_ms", "quality"}) for row in report.rows],
    }


def training(device: str) -> dict[str, Any]:
    """Images a second of a training as users start it."""
    from gantools.core.events import Event, Progress
    from gantools.core.recipe import resolve_recipe
    from gantools.train import PARTS, train

    found = {}
    for precision in ("fp32", "bf16"):
        steps = {"steps": 400 if device != "cpu" else 5, "batch": 64, "precision": precision, "sample_every": 0}
        marks: list[tuple[float, int]] = []

        def on_event(event: Event, marks: list[tuple[float, int]] = marks) -> None:
            if isinstance(event, Progress):
                marks.append((time.perf_counter(), event.done))

        with tempfile.TemporaryDirectory() as folder:
            recipe = resolve_recipe({**TRAINED, "train": steps}, "dcgan-64", PARTS)
            train(recipe, Path(folder) / "run", accelerator="cpu" if device == "cpu" else "cuda", on_event=on_event)
        late = marks[len(marks) // 2 :]  # the first half has what starts up
        if len(late) > 1 and late[-1][0] > late[0][0]:
            found[precision] = (late[-1][1] - late[0][1]) * 64 / (late[-1][0] - late[0][0])
    return {"model": "dcgan-64", "batch": 64, "images_per_second": found}


def tell(text: str) -> None:
    """A line for whoever waits."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Do what is not done yet, a section a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--batches", default="1,8,64")
    parser.add_argument("--minutes", type=float, default=8.0, help="no section begins after so many")
    parser.add_argument("--out", type=Path, default=HERE.parent / "results" / "gpu.jsonl")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "gantools-gpu-suite")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--build-only", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    batches = [int(one) for one in given.batches.split(",")]
    if given.build_only:
        print(json.dumps(built(given.one, given.work, given.device)))
        return
    if given.one:
        print(json.dumps(family(given.one, given.work, given.device, batches, _kept(given.work))))
        return
    given.work.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    names = [name for name in given.families.split(",") if name in FAMILIES]
    names = [name for name in names if name != FOREIGN or "GANTOOLS_DATA" in os.environ]
    known = environment().model_dump(mode="json", exclude={"git_commit", "libraries"})
    head = {"schema": 1, "benchmark": "gpu", "device": given.device, "machine": known}
    done = _done(given.out, head)

    def section(name: str, work: Callable[[], dict[str, Any]]) -> None:
        left = given.minutes * 60 - (time.monotonic() - started)
        if name in done or left < 0:
            tell(f"{name}: {'is there already' if name in done else 'no time is left'}")
            return
        tell(f"{name} begins, {left:.0f} s are left")
        try:
            found = work()
        except Exception as err:  # the other sections are worth having
            tell(f"{name}: failed: {reason(err)}")
            found = {"failed": reason(err)}
        line = head | {"section": name, "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"), **found}
        given.out.parent.mkdir(parents=True, exist_ok=True)
        with given.out.open("a") as stream:
            stream.write(json.dumps(line) + "\n")

    def measured() -> dict[str, Any]:
        found = ceilings(given.device, fresh=True)
        (given.work / "ceilings.json").write_text(found.model_dump_json())
        return {"ceilings": found.model_dump(mode="json")}

    section("machine", lambda: machine(given.device))
    # Everything is built side by side, which takes longest: forms are raced while others work, figures are not.
    with ThreadPoolExecutor(len(names) or 1) as pool:
        making = [pool.submit(_make, name, given) for name in names if name not in done]
        section("tests", lambda: tests(given.device))
        for one in making:
            one.result()
    section("ceilings", measured)
    for name in names:
        section(name, lambda name=name: _apart(name, given))  # type: ignore[misc]
    section("isolated", lambda: isolated(given.work, given.device, _kept(given.work)))
    section("training", lambda: training(given.device))


def _done(path: Path, head: dict[str, Any]) -> set[str]:
    """Sections that are there, of the same machine and versions."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {line["section"] for line in lines if "failed" not in line and all(line[key] == head[key] for key in head)}


def _kept(work: Path) -> Ceilings | None:
    path = work / "ceilings.json"
    return Ceilings.model_validate_json(path.read_text()) if path.exists() else None


def _make(name: str, given: argparse.Namespace) -> None:
    try:
        _apart(name, given, "--build-only")
    except (RuntimeError, subprocess.TimeoutExpired) as err:  # its section will say it again
        tell(f"{name}: cannot be built: {err}")


def _apart(name: str, given: argparse.Namespace, *more: str) -> dict[str, Any]:
    """A family in a process of its own: a library that crashes takes nothing with it."""
    command = [sys.executable, str(HERE / "suite.py"), "--one", name, "--device", given.device]
    command += ["--batches", given.batches, "--work", str(given.work), *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=240)
    if done.returncode:
        raise RuntimeError(f"its process ended with {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
