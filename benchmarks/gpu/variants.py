"""What the GPU suite compares: PyTorch, ONNX Runtime and NVIDIA's compilers, in every precision.

With our rewrites and without; and whether each of them gives the images of the exported fp32 graph on the CPU.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gantools.bench.target import BenchTarget
from gantools.core.artifact import Artifact, load_artifact
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.optimize.targets import TARGETS as BACKEND_TARGETS
from gantools.runtime.backends import BACKENDS
from gantools.runtime.session import Session, Where
from gantools.timing.environment import default_threads
from gantools.timing.measure import reason
from gantools.verify.attest import attest
from gantools.verify.trials import examples_of, trial_inputs

TARGETS = {
    "cpu": {"onnxruntime": ("fp32",), "openvino": ("fp32", "bf16", "int8")},
    "cuda": {
        "tensorrt-rtx": ("fp16", "fp32", "bf16", "int8"),
        "tensorrt": ("fp16", "fp32", "bf16", "int8"),
        "onnxruntime": ("fp16", "fp32", "bf16"),
    },
}
TORCH: dict[str, dict[str, dict[str, Any]]] = {
    "cpu": {"torch eager": {}, "torch eager bf16": {"precision": "bf16"}},
    "cuda": {
        "torch eager fp32": {},
        "torch eager tf32": {"tf32": True},
        "torch channels_last fp16": {"mode": "channels_last", "precision": "fp16"},
        "torch CUDA graph fp32": {"mode": "cuda-graph"},
        "torch CUDA graph tf32": {"mode": "cuda-graph", "tf32": True},
        "torch CUDA graph fp16": {"mode": "cuda-graph", "precision": "fp16"},
        "torch CUDA graph bf16": {"mode": "cuda-graph", "precision": "bf16"},
    },
}
SETTINGS = BACKEND_TARGETS.load("onnxruntime").settings("cuda")
INT8 = ("dcgan-64", "light-64", "sngan-32")
"""What is quantized here: finding the weights of the others takes longer than everything else."""
CHECKED = 8
# Mean differences of pixels that a precision may cost here, in levels of 0..255; the networks are hardly trained.
LEVELS = {"fp32": 0.05, "fp16": 0.5, "bf16": 3.0, "int8": 10.0}
Note = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """An optimized artifact, or why there is none."""

    label: str
    artifact: Artifact | None
    told: dict[str, Any]


def variants_of(artifact: Artifact, device: str, out: Path, note: Note) -> list[Made]:
    """Every runtime and precision of the device, with and without rewrites; made once.

    Forms are raced once for each runtime, in the first precision, and used for the others.
    """
    kept = out / "made.json"
    if not kept.exists():
        built = _built(artifact, device, out, note)
        told = [{"label": one.label, "folder": one.artifact and one.artifact.folder.name} for one in built]
        kept.write_text(json.dumps([text | {"told": one.told} for text, one in zip(told, built, strict=True)]))
    return [
        Made(one["label"], load_artifact(out / one["folder"]) if one["folder"] else None, one["told"])
        for one in json.loads(kept.read_text())
    ]


def _built(artifact: Artifact, device: str, out: Path, note: Note) -> list[Made]:
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for target, precisions in TARGETS[device.partition(":")[0]].items():
        here = BACKENDS.load(target).probe(device)
        if not here.ok:
            found.append(Made(target, None, {"failed": here.reason}))
            note(f"{target}: {here.reason}")
            continue
        forms: Any = None
        for precision in precisions:
            if precision == "int8" and artifact.manifest.name not in INT8:
                continue
            for rewrite in ("measured", "off") if precision in ("fp32", "fp16") else ("measured",):
                label = f"{target} {precision}{'' if rewrite == 'measured' else ', not rewritten'}"
                options: dict[str, Any] = {"target": target, "precision": precision, "rewrite": rewrite}
                options |= {"device": device, "threads": default_threads()}
                if precision == "int8":
                    options |= {"max_loss": {"levels": 255.0}, "samples": 40}
                options["forms"] = forms if rewrite == "measured" else None
                started = time.perf_counter()
                try:
                    made = optimize(artifact, Plan.model_validate(options), out / label.replace(", ", "-"))
                except Exception as err:  # a compiler that refuses is a row
                    found.append(Made(label, None, {"failed": reason(err)}))
                    note(f"{label}: {reason(err)}")
                    continue
                step = made.manifest.steps[-1]
                if rewrite == "measured" and forms is None:
                    forms = step.options["forms"]
                told = {"seconds": time.perf_counter() - started, "forms": step.options["forms"]}
                told |= {"notes": step.notes, "parity": [one.model_dump() for one in step.parity]}
                found.append(Made(label, made, told))
                note(f"{label} after {told['seconds']:.1f} s")
    return found


def targets_of(artifact: Artifact, run: Path | None, built: Sequence[Made], device: str) -> list[BenchTarget]:
    """Everything that can be timed: PyTorch first, which the others are compared with."""
    kind = device.partition(":")[0]
    found = []
    if run is not None:
        for name, settings in TORCH[kind].items():
            found.append(BenchTarget(name, artifact, where=Where(device=device, settings=settings), checkpoint=run))
    found.append(BenchTarget("onnxruntime, as exported", artifact, where=Where("onnxruntime", device)))
    found += [BenchTarget(one.label, one.artifact, where=Where(device=device)) for one in built if one.artifact]
    if kind == "cpu":
        return found
    for one in [one for one in found if one.name.startswith("onnxruntime") and "not rewritten" not in one.name]:
        some = SETTINGS if one.entry[1].precision == "fp16" else {"CUDA graph": SETTINGS["CUDA graph"]}
        found += [
            replace(one, name=f"{one.name}, {name}", where=replace(one.where, settings=settings))
            for name, settings in some.items()
        ]
    alone = [replace(one, name=f"{one.name} (device)", span="device") for one in found if "CUDA graph" in one.name]
    return found + alone


def checked(artifact: Artifact, targets: Sequence[BenchTarget]) -> dict[str, dict[str, Any]]:
    """Differences from the exported graph on the CPU, and what each variant says it computes in."""
    path, entry = artifact.graph()
    sampler, examples = artifact.manifest.sampler, examples_of(artifact)
    count = min(CHECKED, entry.spec.largest_batch)
    given = [trial_inputs(entry.spec, sampler, range(seed, seed + count), examples=examples) for seed in (0, 100)]
    output = entry.spec.outputs[0].name
    with Session(path, entry, Where("onnxruntime", "cpu")) as exact:
        expected = [exact.run(one)[output].astype(np.int64) for one in given]
    found: dict[str, dict[str, Any]] = {}
    for target in targets:
        if target.span != "run":
            continue
        try:
            with target.open(default_threads()) as session:
                images = [session.run(one)[output].astype(np.int64) for one in given]
                told: dict[str, Any] = {"computed": attest(session).computed}
        except Exception as err:
            found[target.name] = {"failed": reason(err)}
            continue
        differences = [np.abs(one - other) for one, other in zip(images, expected, strict=True)]
        told |= {
            "mean_levels": float(np.mean(differences)),
            "max_levels": int(np.max(differences)),
            # A graph that is replayed with the inputs of its capture gives the same images again.
            "depends_on_its_inputs": bool(np.any(images[0] != images[1])),
        }
        told["right"] = told["mean_levels"] <= LEVELS[target.entry[1].precision] and told["depends_on_its_inputs"]
        found[target.name] = told
    return found
