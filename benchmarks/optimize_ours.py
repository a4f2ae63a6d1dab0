"""What ``optimize.py`` measures of this library: artifacts for every runtime and precision of a device."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx_ir as ir
from optimize_int8 import LEVELS
from optimize_peers import Variant, failed, kind_of

from gantools.core.artifact import Artifact
from gantools.core.errors import GantoolsError
from gantools.core.spec import AxisRange
from gantools.optimize.forms import rewritten
from gantools.optimize.multiply_adds import multiply_adds
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.optimize.race import Runtime
from gantools.optimize.shapes import at_sizes
from gantools.optimize.targets import TARGETS
from gantools.runtime.backends import BACKENDS
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session, Where
from gantools.timing.environment import default_threads
from gantools.verify.attest import attest

GRAPH = "generator_float"
OURS = "gantools"
OURS_ON = {
    "cpu": [("onnxruntime", "fp32"), *(("openvino", precision) for precision in ("fp32", "bf16", "int8"))],
    "cuda": [
        (target, precision)
        for target in ("tensorrt-rtx", "tensorrt", "onnxruntime")
        for precision in ("fp32", "bf16", "fp16")
    ],
}
SAMPLES = 64  # pairs that the loss of int8 is measured on, within a budget that lets everything through


def our_artifacts(artifact: Artifact, batch: int, device: str, out: Path) -> dict[str, Artifact | GantoolsError]:
    """Every runtime and precision of the device, with and without rewrites, for this batch alone; or why not."""
    made: dict[str, Artifact | GantoolsError] = {}
    # One size alone, as the peers' exports have.
    sizes = artifact.graph(GRAPH)[1].spec.sizes("opt", batch=batch)
    axes = {axis: AxisRange(min=size, opt=size, max=size) for axis, size in sizes.items()}
    for target, precision in OURS_ON[kind_of(device)]:
        found = BACKENDS.load(target).probe(device)
        if not found.ok:
            print(f"{OURS}, {target} {precision} is not measured: {found.reason}", file=sys.stderr)
            continue
        if kind_of(device) == "cpu" and precision not in TARGETS.load(target).precisions(device):
            print(f"{OURS}, {target} {precision} is not measured: this CPU does not multiply in it", file=sys.stderr)
            continue
        for rewrite in ("measured", "off"):
            label = f"{OURS}, {target} {precision}{'' if rewrite == 'measured' else ', not rewritten'}"
            options = {"target": target, "precision": precision, "rewrite": rewrite, "device": device, "axes": axes}
            budget = {"max_loss": {"levels": LEVELS}, "samples": SAMPLES} if precision == "int8" else {}
            try:
                made[label] = one = optimize(artifact, Plan.model_validate(options | budget), out / label)
                print(f"{label}: {one.manifest.steps[-1].options['forms'][GRAPH]}", file=sys.stderr)
            except GantoolsError as err:
                made[label] = err
    return made


def our_variant(made: Artifact | GantoolsError, label: str, parent: Artifact, stack: ExitStack) -> Variant:
    """An artifact, opened."""
    precision = label.removeprefix(f"{OURS}, ").split(",")[0].split()[-1]
    if isinstance(made, GantoolsError):
        return failed(made, precision, ours=True)
    path, entry = made.graph(GRAPH)
    step = made.manifest.steps[-1]
    session = stack.enter_context(Session.of(made, GRAPH, Where(threads=default_threads())))
    columns = {
        "forms": step.options["forms"][GRAPH],
        "computed": attest(session).computed,
        "parity": next((one.model_dump() for one in step.parity if one.graph == GRAPH), None),
        **({"losses": [loss.model_dump() for loss in step.losses]} if step.losses else {}),
    }
    run = partial(_run_session, session, entry.spec.outputs[0].name)
    return Variant(run, entry.precision, our_products(made, parent), path.stat().st_size, columns, ours=True)


def our_products(made: Artifact, parent: Artifact) -> int:
    """Multiply-adds of an artifact's graph; of an engine, those of the graph that it was compiled from, made again."""
    path, entry = made.graph(GRAPH)
    if entry.format == "onnx":
        return multiply_adds(at_sizes(ir.load(path), entry.spec).graph)
    model = ir.load(parent.graph(GRAPH)[0])
    options = made.manifest.steps[-1].options
    if options["rewrite"] != "off":
        runtime = Runtime(entry.backend, entry.device, entry.precision)
        model, _ = rewritten(model, entry.spec, runtime, options["forms"][GRAPH])
    return multiply_adds(at_sizes(model, entry.spec).graph)


def _run_session(session: Session, output: str, inputs: Arrays) -> npt.NDArray[Any]:
    return session.run(inputs)[output]
