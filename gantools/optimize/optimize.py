"""Artifact to optimized artifact: pass, target, proof. The new artifact appears only when the proof holds.

Where the graph's device is not here, the typed ONNX file is judged on the CPU instead, so that what the precision
costs is known, and the artifact says that the compiled graph itself was not run. The typed file of an engine is not
kept: the parent and the step's options make it again, bit for bit.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from gantools.core.artifact import MANIFEST, METADATA_KEY, Artifact, GraphFile, load_artifact, seal
from gantools.core.atomic import staged_folder
from gantools.core.errors import ArtifactError, BackendError, ParityError, PrecisionError, QualityError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.optional import installed_versions, require
from gantools.core.proof import Parity, QualityLoss, Step
from gantools.core.registry import unknown_name
from gantools.optimize.budget import check_plan, hold
from gantools.optimize.forms import Forms, rewritten
from gantools.optimize.passes import PASSES
from gantools.optimize.plan import Plan
from gantools.optimize.race import Runtime
from gantools.optimize.ranges import islands_of
from gantools.optimize.targets import TARGETS, Target
from gantools.runtime.session import Session, Where
from gantools.verify.attest import attest_build, check_precision
from gantools.verify.gate import Yardstick
from gantools.verify.parity import check
from gantools.verify.report import open_reference, raise_failures, unavailable, verify_graph
from gantools.verify.tolerances import tolerance_of
from gantools.verify.trials import examples_of, trial_inputs

# Who can tell on a CPU what a precision costs, for graphs that are compiled for another device.
_STAND_INS = {"fp32": "onnxruntime", "fp16": "onnxruntime", "bf16": "openvino", "int8": "onnxruntime"}
CALIBRATED = 64  # seeds whose values are looked at, to know what a precision has to hold
_CALIBRATED_EDGE = 96  # pixels, where the size of images is free: pieces show the same values as whole ones
_DISTRIBUTIONS = ("onnx", "onnx-ir", "onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt", "tensorrt-rtx")


def optimize(
    artifact: Artifact,
    plan: Plan,
    out: Path,
    on_event: OnEvent = ignore,
    *,
    yardstick: Yardstick = Yardstick(),  # noqa: B008 - frozen
    notes: tuple[str, ...] = (),
) -> Artifact:
    """Make every graph of an artifact faster, and prove that it is still the same generator.

    Args:
        artifact: What to start from: fp32 ONNX graphs, as ``export`` writes them.
        plan: What to do.
        out: The new artifact's folder; replaced if it is an artifact.
        on_event: Who watches.
        yardstick: What the plan's quality budget is measured with.
        notes: What the artifact shall say of itself beside what it says anyway.

    Raises:
        ParityError: A graph differs from its parent by more than the precision explains. Nothing is written.
        QualityError: A metric lost more than the plan allows, or may have. Nothing is written.
        PrecisionError: A runtime computes in another precision, or a weight does not fit. Nothing is written.
        BackendError: The target cannot do this, its compiler refused, or a budget cannot be judged here.
        RecipeError: A budget is no number above 0, or needs references, or int8 has none.
        MissingDependencyError: The target's library is not installed.
        UnknownNameError: No such target, axis or metric.
        ArtifactError: The artifact is no fp32 ONNX, or the disk refused.
    """
    target = TARGETS.load(plan.target)
    if refused := target.refusal(plan):
        raise BackendError(refused[0], hint=refused[1])
    device = plan.device or target.device
    # On the CPU whatever is missing is an error; a GPU may be elsewhere.
    absent = None if device == "cpu" else unavailable(plan.target, device)
    manifest = artifact.manifest
    check_plan(plan, yardstick, manifest.sampler, absent)
    graphs: dict[str, GraphFile] = {}
    parity: list[Parity] = []
    said = list(notes)
    forms: dict[str, Forms] = {}
    with staged_folder(out, marker=MANIFEST) as folder:
        for done, name in enumerate(manifest.graphs):
            on_event(Progress("optimize", done, len(manifest.graphs), "graphs"))
            typed = folder / f"{name}.onnx"
            entry, forms[name] = _write_typed(artifact, name, plan, device, typed, on_event)
            if absent:
                parity += _judge_typed(artifact, name, entry, typed, plan)
            graphs[name] = entry = target.compile(typed, entry, plan, on_event)
            if not absent:
                parity += _judge_compiled(artifact, name, entry, folder / entry.file, plan, target)
            elif (built := attest_build(entry)) is not None:
                check_precision(built, name)
        if absent:
            stand_in = (
                "compared with the parent on the CPU"
                if parity
                else "not compared, for want of a CPU runtime that has it"
            )
            said.append(
                f"compiled for device '{device}' and not run: {absent} The graphs in {plan.precision} were {stand_in}."
            )
        losses = _hold(artifact, graphs, folder, plan, forms, yardstick, on_event) if plan.max_loss else ()
        for kept in (manifest.goldens, manifest.examples):
            if kept:
                shutil.copyfile(artifact.folder / kept.file, folder / kept.file)
        options = plan.model_copy(update={"forms": forms}).model_dump(mode="json")
        step = Step(
            stage="optimize",
            options=options,
            tools=installed_versions(_DISTRIBUTIONS),
            parity=tuple(parity),
            losses=losses,
            notes=tuple(said),
        )
        # Metric cards belong to the parent's samples; these are to be scored anew.
        update = {"graphs": graphs, "parent": artifact.digest, "steps": (*manifest.steps, step), "quality": ()}
        seal(folder, manifest.model_copy(update=update))
    on_event(Progress("optimize", len(graphs), len(graphs), "graphs"))
    for note in said:
        on_event(Note(note, "warning"))
    return load_artifact(out)


def optimize_or_fall_back(
    artifact: Artifact,
    plan: Plan,
    out: Path,
    on_event: OnEvent = ignore,
    *,
    yardstick: Yardstick = Yardstick(),  # noqa: B008 - frozen
) -> Artifact:
    """As ``optimize``; where the plan's precision is refused, in fp32, and the artifact says so.

    Raises:
        GantoolsError: As ``optimize``, for the plan in fp32 where that was tried.
    """
    try:
        return optimize(artifact, plan, out, on_event, yardstick=yardstick)
    except (ParityError, PrecisionError, QualityError) as err:
        if plan.precision == "fp32":
            raise
        note = f"{plan.precision} was the first choice, and is out: {err.message} This is fp32."
    exact = plan.model_copy(update={"precision": "fp32"})
    return optimize(artifact, exact, out, on_event, yardstick=yardstick, notes=(note,))


def _hold(
    artifact: Artifact,
    graphs: dict[str, GraphFile],
    folder: Path,
    plan: Plan,
    forms: dict[str, Forms],
    yardstick: Yardstick,
    on_event: OnEvent,
) -> tuple[QualityLoss, ...]:
    """Hold the graph that applications run to the plan's budget."""
    name = artifact.manifest.sampler.graph
    exact = plan.model_copy(update={"precision": "fp32", "target": "onnxruntime", "device": None, "forms": forms})
    where = Where(threads=plan.threads)
    with (
        tempfile.TemporaryDirectory() as aside,
        open_reference(artifact, name, plan.threads) as source,
        Session(folder / graphs[name].file, graphs[name], where) as final,
    ):

        def rewritten() -> Session:
            path = Path(aside) / "rewritten.onnx"
            entry, _ = _write_typed(artifact, name, exact, "cpu", path, on_event)
            return Session(path, entry, where)

        halfway = rewritten if forms[name] else None
        return hold(
            source,
            final,
            artifact.manifest.sampler,
            plan,
            yardstick,
            examples=examples_of(artifact),
            rewritten=halfway,
            on_event=on_event,
        )


def _write_typed(
    artifact: Artifact, name: str, plan: Plan, device: str, typed: Path, on_event: OnEvent
) -> tuple[GraphFile, Forms]:
    """Rewrite, apply the precision's pass, and write the ONNX file; returns its entry and which forms it has."""
    onnx = require("onnx", extra="optimize", why="to check the typed graph")
    ir = require("onnx_ir", extra="optimize", why="to change a graph's precision")
    path, entry = artifact.graph(name)
    if entry.format != "onnx" or entry.precision not in ("fp32", plan.precision):
        raise ArtifactError(
            f"graph '{name}' of '{artifact.path}' is {entry.precision} {entry.format}, optimize starts from fp32 onnx.",
            hint="give the artifact that 'gantools export' wrote",
        )
    spec = entry.spec
    for axis, limits in plan.axes.items():
        if axis not in spec.axes:
            raise unknown_name("axis of this graph", axis, list(spec.axes))
        spec = spec.with_axis(axis, limits)
    model = ir.load(path)
    ir.external_data.load_to_model(model)
    model.metadata_props.pop(METADATA_KEY, None)
    forms: Forms = {}
    if plan.rewrite != "off" and entry.precision == "fp32":
        model, forms = rewritten(
            model,
            spec,
            Runtime(plan.target, device, plan.precision, plan.threads),
            (plan.forms or {}).get(name),
            on_event,
        )
    islands: tuple[str, ...] = ()
    if plan.precision in PASSES and entry.precision == "fp32":
        sampler, batch = artifact.manifest.sampler, spec.sizes("min").get("batch", 1)
        examples = examples_of(artifact)
        # What an image says of the values in a network, thousands of its pixels have said.
        count = CALIBRATED if sampler.image is None else min(CALIBRATED, 16 if examples is None else len(examples))
        sizes = {axis: limits.clamped(_CALIBRATED_EDGE) for axis, limits in spec.axes.items() if axis != "batch"}
        trials = [
            trial_inputs(spec, sampler, range(seed, seed + batch), sizes=sizes, examples=examples)
            for seed in range(0, count, batch)
        ]
        islands = islands_of(model, plan.precision, trials)
        if islands:
            on_event(Note(f"graph '{name}': {len(islands)} nodes stay in fp32, see its islands in the manifest"))
        model = PASSES.load(plan.precision)(model, islands, trials)
    ir.save(model, typed)
    onnx.checker.check_model(typed, full_check=True)
    made = GraphFile(
        file=typed.name, format="onnx", precision=plan.precision, spec=spec, device=device, islands=islands
    )
    return made, forms


def _judge_compiled(
    artifact: Artifact, name: str, entry: GraphFile, path: Path, plan: Plan, target: Target
) -> list[Parity]:
    """Everything that can be tried of the compiled graph, on the device that it is for."""
    report = verify_graph(name, path, entry, artifact, artifact, Where(threads=plan.threads))
    raise_failures(report.failures, target.hint(plan))
    return [report.parity] if report.parity else []


def _judge_typed(artifact: Artifact, name: str, entry: GraphFile, typed: Path, plan: Plan) -> list[Parity]:
    """What the precision costs, told by a runtime on the CPU; empty where none is installed that has it."""
    stand_in = _STAND_INS[plan.precision]
    if unavailable(stand_in, "cpu"):
        return []
    with (
        Session(typed, entry, Where(stand_in, "cpu", plan.threads)) as graph,
        open_reference(artifact, name, plan.threads) as source,
    ):
        tolerance = tolerance_of(plan.precision, source.graph.precision)
        text = f"'{artifact.manifest.name}' {artifact.digest[:12]} (typed graph on {stand_in})"
        sampler, examples = artifact.manifest.sampler, examples_of(artifact)
        return [check(graph, source, sampler, tolerance=tolerance, name=name, source=text, examples=examples)]
