"""The fastest artifact on this machine whose loss of quality is within the budget: made, proved, and timed.

Every runtime that is here is tried in every precision that it multiplies in. A candidate that is refused, differs from
its parent, is computed in another precision or loses too much is out, with the sentence that says so. The others are
timed together, interleaved, at the sizes they are tuned for, beside the graph as it was exported.

Candidates lie in a folder beside the result until the search is done, so that a search that was stopped goes on.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gantools.core.artifact import MANIFEST, Artifact, load_artifact
from gantools.core.atomic import staged_folder
from gantools.core.errors import (
    ArtifactError,
    BackendError,
    MissingDependencyError,
    ParityError,
    PrecisionError,
    QualityError,
)
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.proof import QualityLoss
from gantools.core.spec import Frozen
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.optimize.targets import TARGETS
from gantools.runtime.backends import BACKENDS
from gantools.runtime.session import Session, Where
from gantools.timing.environment import default_threads
from gantools.timing.measure import BenchPlan, measure
from gantools.timing.stats import Ratio, ratio_of_medians
from gantools.verify.attest import attest
from gantools.verify.gate import Yardstick
from gantools.verify.parity import SEEDS_FROM
from gantools.verify.trials import examples_of, trial_inputs

REPORT = "search.json"
EXPORTED = "as exported"
REASONS = (BackendError, MissingDependencyError, ParityError, PrecisionError, QualityError)
"""What puts a candidate out. Any other error is the user's or the disk's, and ends the search."""
_MEASURED = {"forms", "islands", "rest"}
"""What ``optimize`` finds out and puts into the options of its step."""
_PLAN = BenchPlan(batches=(1,), min_calls=300, max_seconds=3.0, rounds=20)


class Outcome(Frozen):
    """What became of a candidate.

    Attributes:
        name: Target and precision, or ``as exported``.
        rejected: Why it is out; None: it is not.
        p50_ms: Median latency of one run at the sizes it is tuned for, from host memory to host memory.
        samples_per_s: Samples of that run divided by the median.
        faster: How many times faster than as exported.
        bytes: Of the graph's file.
        computed: Precision -> share of the layers that multiply and add, as the runtime tells.
        losses: What it cost.
    """

    name: str
    rejected: str | None = None
    p50_ms: float | None = None
    samples_per_s: float | None = None
    faster: Ratio | None = None
    bytes: int | None = None
    computed: dict[str, float] = {}
    losses: tuple[QualityLoss, ...] = ()


class SearchReport(Frozen):
    """Every candidate in the order it was tried, and which one was taken.

    Attributes:
        chosen: Name of the fastest candidate that is not out; the graph as it was exported is none.
        batch: Samples in one timed run.
        outcomes: Of all of them.
    """

    chosen: str
    batch: int
    outcomes: tuple[Outcome, ...]


def search(
    artifact: Artifact,
    plan: Plan,
    out: Path,
    on_event: OnEvent = ignore,
    *,
    yardstick: Yardstick = Yardstick(),  # noqa: B008 - frozen
    seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Artifact, SearchReport]:
    """Try everything that is here, and keep the fastest.

    Args:
        artifact: What to start from.
        plan: With the budget, the axes and the threads; its target and precision are what is searched.
        out: The new artifact's folder.
        on_event: Who watches.
        yardstick: What the budget is measured with.
        seconds: No candidate is begun after so long; none: all are tried.
        clock: What time it is, in seconds.

    Returns:
        The artifact, and the report that lies in it as ``search.json``.

    Raises:
        BackendError: No candidate is left. Every reason is in the message.
        ArtifactError: The artifact is no fp32 ONNX, or the disk refused.
        DataError: There are too few samples for an interval.
        RecipeError: A budget is no number above 0, or needs references.
        UnknownNameError: No such axis or metric.
    """
    started = clock()
    work = out.parent / f".{out.name}.search"
    made: dict[str, Artifact] = {}
    outcomes: dict[str, Outcome] = {}
    candidates = candidate_plans(plan, on_event)
    try:
        for done, (name, candidate) in enumerate(candidates.items()):
            on_event(Progress("search", done, len(candidates), "candidates"))
            if seconds is not None and clock() - started > seconds and made:
                outcomes[name] = Outcome(name=name, rejected=f"not tried: the {seconds:g} s for the search were over.")
                continue
            try:
                made[name] = _made(artifact, candidate, work / name, on_event, yardstick)
                outcomes[name] = Outcome(name=name, losses=made[name].manifest.steps[-1].losses)
            except REASONS as err:
                outcomes[name] = Outcome(name=name, rejected=err.message)
                on_event(Note(f"{name} is out: {err.message}"))
    finally:
        with contextlib.suppress(OSError):  # what was made stays, for the search to go on; an empty folder does not
            work.rmdir()
    on_event(Progress("search", len(candidates), len(candidates), "candidates"))
    if not made:
        shutil.rmtree(work, ignore_errors=True)
        reasons = "\n".join(f"  {name}: {outcome.rejected}" for name, outcome in outcomes.items())
        raise BackendError(f"no candidate is left:\n{reasons}", hint="allow more loss, or install another runtime")
    report = _timed(artifact, made, outcomes, plan, on_event)
    with staged_folder(out, marker=MANIFEST) as folder:
        shutil.copytree(made[report.chosen].folder, folder, dirs_exist_ok=True)
        (folder / REPORT).write_text(report.model_dump_json(indent=2) + "\n")
    shutil.rmtree(work, ignore_errors=True)
    return load_artifact(out), report


def candidate_plans(plan: Plan, on_event: OnEvent = ignore) -> dict[str, Plan]:
    """Name -> plan, for every target that can run here and every precision that it multiplies in.

    Without a budget nothing may be lost, so that only fp32 is left.
    """
    plans: dict[str, Plan] = {}
    for target_name in TARGETS:
        target = TARGETS.load(target_name)
        device = plan.device or target.device
        if not BACKENDS.load(target_name).probe(device).ok:
            continue
        for precision in target.precisions(device):
            candidate = plan.model_copy(update={"target": target_name, "precision": precision})
            if (plan.max_loss or precision == "fp32") and target.refusal(candidate) is None:
                plans[f"{target_name}-{precision}"] = candidate
    if not plan.max_loss:
        on_event(Note("without --max-loss nothing may be lost: only fp32 is tried"))
    return plans


def _made(artifact: Artifact, plan: Plan, folder: Path, on_event: OnEvent, yardstick: Yardstick) -> Artifact:
    """The candidate, from an earlier search that was stopped or anew."""
    wanted = plan.model_dump(mode="json", exclude=_MEASURED)
    try:
        found = load_artifact(folder)
        options = {name: value for name, value in found.manifest.steps[-1].options.items() if name not in _MEASURED}
        judged = all(_is_of(loss, yardstick) for loss in found.manifest.steps[-1].losses)
        if found.manifest.parent == artifact.digest and options == wanted and judged:
            return found
    except ArtifactError:  # there is none, or half of one
        pass
    return optimize(artifact, plan, folder, on_event, yardstick=yardstick)


def _is_of(loss: QualityLoss, yardstick: Yardstick) -> bool:
    """Whether a loss was measured with this yardstick."""
    known = [one.digest for one in (yardstick.references, yardstick.pairs) if one is not None]
    extractor = yardstick.extractor
    return loss.data_sha256 in ("", *known) and loss.extractor_sha256 in ("", extractor and extractor.sha256)


def _timed(
    artifact: Artifact, made: dict[str, Artifact], outcomes: dict[str, Outcome], plan: Plan, on_event: OnEvent
) -> SearchReport:
    """Time the candidates and the source together; choose by median."""
    threads = plan.threads or default_threads()
    batch = 1
    with ExitStack() as stack:
        sessions = {
            name: stack.enter_context(Session.of(one, None, Where(threads=threads))) for name, one in made.items()
        }
        source = stack.enter_context(Session.of(artifact, None, Where(threads=threads)))
        first = next(iter(sessions.values()))
        if limits := first.spec.axes.get("batch"):
            batch = limits.opt
        seeds = range(SEEDS_FROM, SEEDS_FROM + batch)
        inputs = trial_inputs(first.spec, artifact.manifest.sampler, seeds, examples=examples_of(artifact))
        calls = {name: partial(session.run, inputs) for name, session in {EXPORTED: source, **sessions}.items()}
        on_event(Note(f"timing {len(calls)} graphs at batch {batch}, {threads} threads"))
        timings = measure(calls, _PLAN.model_copy(update={"threads": threads}))
        rounds: dict[str, Any] = {
            name: np.reshape(timing.values_ms, (-1, timing.block))
            for name, timing in timings.items()
            if not timing.failure
        }
        for name, timing in timings.items():
            known = outcomes.get(name, Outcome(name=name))
            if timing.failure:
                outcomes[name] = known.model_copy(update={"rejected": timing.failure})
                continue
            median = float(np.median(timing.values_ms))
            one = made.get(name, artifact)
            found: dict[str, Any] = {
                "p50_ms": median,
                "samples_per_s": batch / median * 1000,
                "bytes": one.graph()[0].stat().st_size,
                "computed": attest(sessions.get(name, source)).computed,
            }
            if name != EXPORTED and EXPORTED in rounds:
                found["faster"] = ratio_of_medians(rounds[EXPORTED], rounds[name])
            outcomes[name] = known.model_copy(update=found)
    return SearchReport(chosen=_fastest(tuple(outcomes.values())), batch=batch, outcomes=tuple(outcomes.values()))


def _fastest(outcomes: Sequence[Outcome]) -> str:
    medians = {one.name: one.p50_ms for one in outcomes if one.p50_ms is not None and one.name != EXPORTED}
    if not medians:
        reasons = "; ".join(f"{one.name}: {one.rejected}" for one in outcomes if one.rejected)
        raise BackendError(f"no candidate could be timed: {reasons}", hint="run 'gantools bench ART' to see why")
    return min(medians, key=lambda name: medians[name])
