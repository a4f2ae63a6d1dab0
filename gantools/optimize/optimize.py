"""Artifact to optimized artifact: pass, target, proof. The new artifact appears only when the proof holds.

Where the graph's device is not here, the typed ONNX file is judged on the CPU instead, so that what the precision
costs is known, and the artifact says that the compiled graph itself was not run. The typed file of an engine is not
kept: the parent and the step's options make it again, bit for bit.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from gantools.core.artifact import MANIFEST, Artifact, GraphFile, load_artifact, seal
from gantools.core.atomic import refuse_in_place, staged_folder
from gantools.core.errors import BackendError, ParityError, PrecisionError, QualityError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.optional import installed_versions
from gantools.core.proof import Parity, QualityLoss, Step
from gantools.optimize.budget import Judge, check_plan
from gantools.optimize.plan import Plan
from gantools.optimize.sparing import spared
from gantools.optimize.targets import TARGETS, Target
from gantools.optimize.text_budget import text_losses
from gantools.optimize.typed import Draft
from gantools.runtime.session import Session, Where
from gantools.verify.attest import attest_build, check_precision
from gantools.verify.gate import Yardstick
from gantools.verify.parity import check
from gantools.verify.report import open_reference, raise_failures, unavailable, verify_graph
from gantools.verify.text_gate import SCORE, beside, budgets_of, is_judged
from gantools.verify.tolerances import tolerance_of
from gantools.verify.trials import examples_of

# Who can tell on a CPU what a precision costs, for graphs that are compiled for another device.
_STAND_INS = {"fp32": "onnxruntime", "fp16": "onnxruntime", "bf16": "openvino", "int8": "onnxruntime"}
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
        RecipeError: A budget is no number above 0, or needs references, or int8 has none; or ``out`` is ``artifact``.
        MissingDependencyError: The target's library is not installed.
        UnknownNameError: No such target, axis or metric.
        ArtifactError: The artifact is no fp32 ONNX, or the disk refused.
    """
    refuse_in_place(out, artifact.path)
    target = TARGETS.load(plan.target)
    if refused := target.refusal(plan):
        raise BackendError(refused[0], hint=refused[1])
    device = plan.device or target.device
    # On the CPU whatever is missing is an error; a GPU may be elsewhere.
    absent = None if device == "cpu" else unavailable(plan.target, device)
    manifest = artifact.manifest
    check_plan(plan, yardstick, manifest.sampler, absent, of_texts=manifest.modality == "text")
    if plan.precision == "int8" and plan.rest is None:
        plan = plan.model_copy(update={"rest": target.rest()})
    making = _Making(artifact, plan, target, yardstick, on_event)
    graphs: dict[str, GraphFile] = {}
    parity: list[Parity] = []
    said = list(notes)
    with staged_folder(out, marker=MANIFEST) as folder, tempfile.TemporaryDirectory() as aside:
        making.choose_islands()
        for done, name in enumerate(manifest.graphs):
            on_event(Progress("optimize", done, len(manifest.graphs), "graphs"))
            typed = folder / f"{name}.onnx"
            entry = making.draft(name).write(typed, making.islands[name])
            if absent:
                parity += _judge_typed(artifact, name, entry, typed, plan)
                making.keep(name, entry, typed, Path(aside))
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
        losses = making.hold(folder, graphs)
        for kept in (manifest.goldens, manifest.examples):
            if kept:
                shutil.copyfile(artifact.folder / kept.file, folder / kept.file)
        if manifest.output.kind == "text":
            (folder / manifest.output.tokenizer).write_text(artifact.tokenizer(), encoding="utf-8")
        found = {"forms": {name: draft.forms for name, draft in making.drafts.items()}, "islands": making.islands}
        options = plan.model_copy(update=found).model_dump(mode="json")
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


class _Making:
    """One optimization on its way: what all of its graphs share."""

    def __init__(self, artifact: Artifact, plan: Plan, target: Target, yardstick: Yardstick, on_event: OnEvent) -> None:
        self.artifact, self.plan, self.target, self.on_event = artifact, plan, target, on_event
        self.device = plan.device or target.device
        self.yardstick = yardstick
        self.where = Where(threads=plan.threads)
        self.drafts: dict[str, Draft] = {}
        self.islands: dict[str, tuple[str, ...]] = {}
        self._typed: dict[str, tuple[Path, GraphFile]] = {}

    def draft(self, name: str) -> Draft:
        """The rewritten graph; rewritten on first use."""
        if name not in self.drafts:
            self.drafts[name] = Draft(self.artifact, name, self.plan, self.device, self.on_event)
        return self.drafts[name]

    @cached_property
    def judge(self) -> Judge:
        """Of the graph that applications run."""
        sampler = self.artifact.manifest.sampler
        with open_reference(self.artifact, sampler.graph, self.plan.threads) as source:
            examples = examples_of(self.artifact)
            return Judge(source, sampler, self.plan, self.yardstick, examples=examples, on_event=self.on_event)

    def choose_islands(self) -> None:
        """Find what every graph leaves in a float."""
        main = self.artifact.manifest.sampler.graph
        for name in sorted(self.artifact.manifest.graphs, key=lambda name: name != main):
            draft, known = self.draft(name), (self.plan.islands or {}).get(name)
            if known is not None:
                self.islands[name] = draft.having(known)
            elif self.plan.precision != "int8" or not draft.products or draft.products_alone:
                self.islands[name] = draft.islands()
            elif name == main:
                self.islands[name] = spared(draft, self._losses, self.on_event)
            elif len(draft.products) == len(self.draft(main).products):  # the same network with another end
                spare = [one in self.islands[main] for one in self.draft(main).products]
                self.islands[name] = tuple(itertools.compress(draft.products, spare))
            else:
                self.islands[name] = draft.islands()
            if left := self.islands[name]:
                rest = self.plan.rest or "fp32"
                text = f"graph '{name}': {len(left)} nodes stay in {rest}, see its islands in the manifest"
                self.on_event(Note(text))

    def _losses(self, islands: Collection[str]) -> Sequence[QualityLoss]:
        """What the main graph would lose with these islands."""
        name = self.artifact.manifest.sampler.graph
        with tempfile.TemporaryDirectory() as aside:
            path = Path(aside) / f"{name}.onnx"
            entry = self.target.compile(path, self.draft(name).write(path, islands), self.plan, self.on_event)
            with Session(Path(aside) / entry.file, entry, self.where) as session:
                return self.judge.losses(session)

    def keep(self, name: str, entry: GraphFile, typed: Path, aside: Path) -> None:
        """Keep a typed file of a generator of texts that is compiled for elsewhere, to judge it here."""
        if is_judged(self.artifact) and name in (SCORE, self.artifact.manifest.sampler.graph):
            shutil.copyfile(typed, aside / typed.name)
            self._typed[name] = (aside / typed.name, entry)

    def hold(self, folder: Path, graphs: Mapping[str, GraphFile]) -> tuple[QualityLoss, ...]:
        """Hold what applications run to the plan's budget."""
        if not is_judged(self.artifact):
            return self._hold_samples(folder, graphs) if self.plan.max_loss else ()
        losses: tuple[QualityLoss, ...] = ()
        if budgets_of(self.plan.precision, self.plan.max_loss):
            losses += self._hold_texts(folder, graphs)
        if beside(self.plan.max_loss):
            losses += self._hold_samples(folder, graphs)
        return losses

    def _hold_texts(self, folder: Path, graphs: Mapping[str, GraphFile]) -> tuple[QualityLoss, ...]:
        """On the files that ship; where these cannot be run, on typed ones by a runtime that is here, if any is."""
        files = {name: (folder / entry.file, entry) for name, entry in graphs.items()} | self._typed
        where = Where(_STAND_INS[self.plan.precision], "cpu", self.plan.threads) if self._typed else self.where
        if self._typed and unavailable(_STAND_INS[self.plan.precision], "cpu"):
            return ()
        with (
            Session(*files[self.artifact.manifest.sampler.graph], where) as writing,
            Session(*files[SCORE], where) as scoring,
        ):
            return text_losses(self.artifact, self.plan, self.yardstick.texts, writing, scoring)

    def _hold_samples(self, folder: Path, graphs: Mapping[str, GraphFile]) -> tuple[QualityLoss, ...]:
        name = self.artifact.manifest.sampler.graph
        forms = {name: self.draft(name).forms}
        exact = self.plan.model_copy(
            update={"precision": "fp32", "target": "onnxruntime", "device": None, "forms": forms}
        )
        with (
            tempfile.TemporaryDirectory() as aside,
            Session(folder / graphs[name].file, graphs[name], self.where) as final,
        ):

            def rewritten() -> Session:
                path = Path(aside) / "rewritten.onnx"
                return Session(path, Draft(self.artifact, name, exact, "cpu").write(path), self.where)

            return self.judge.hold(final, rewritten if forms[name] else None)


def _judge_compiled(
    artifact: Artifact, name: str, entry: GraphFile, path: Path, plan: Plan, target: Target
) -> list[Parity]:
    """Everything that can be tried of the compiled graph, on the device that it is for."""
    report = verify_graph(name, path, entry, artifact, artifact, Where(threads=plan.threads), profiled=False)
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
