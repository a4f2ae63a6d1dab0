"""The fastest artifact on this machine whose loss of quality is within the budget: made, proved, and timed.

Every runtime that is here is tried in every precision that it multiplies in. A candidate that is refused, differs from
its parent, is computed in another precision or loses too much is out, with the sentence that says so. The others are
timed together at the sizes they are tuned for: see ``contest``.

Candidates lie in a folder beside the result until the search is done, so that a search that was stopped goes on.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from gantools.core.artifact import MANIFEST, Artifact, load_artifact, seal
from gantools.core.atomic import refuse_in_place, staged_folder
from gantools.core.errors import (
    ArtifactError,
    BackendError,
    MissingDependencyError,
    ParityError,
    PrecisionError,
    QualityError,
)
from gantools.core.events import Note, OnEvent, Progress, Standing, ignore
from gantools.core.proof import QualityLoss
from gantools.core.spec import Frozen
from gantools.optimize.contest import Contest, Entrant, Outcome
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.optimize.targets import TARGETS
from gantools.runtime.backends import BACKENDS
from gantools.verify.gate import Yardstick
from gantools.verify.text_gate import NATS

REPORT = "search.json"
REASONS = (BackendError, MissingDependencyError, ParityError, PrecisionError, QualityError)
"""What puts a candidate out. Any other error is the user's or the disk's, and ends the search."""
_MEASURED = {"forms", "islands", "rest"}
"""What ``optimize`` finds out and puts into the options of its step."""


class SearchReport(Frozen):
    """Every candidate in the order it was tried, and which one was taken.

    Attributes:
        chosen: Name of the fastest candidate that is not out, by latency; the graph as it was exported is none.
        batch: Samples in one timed run.
        outcomes: Of all of them.
    """

    chosen: str
    batch: int
    outcomes: tuple[Outcome, ...]

    @property
    def doubt(self) -> str | None:
        """A sentence where the one that was taken is not faster than the graph as it was exported for certain."""
        faster = next((one.faster for one in self.outcomes if one.name == self.chosen), None)
        if faster is None or (faster.interval[0] if faster.interval else faster.value) > 1:
            return None
        between = " ({:.2f} to {:.2f})".format(*faster.interval) if faster.interval else ""
        return (
            f"{self.chosen} is the fastest of all, but not for certain faster than the graph as it was exported: "
            f"{faster.value:.2f}x{between}. Search again while nothing else runs."
        )


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
        RecipeError: A budget is no number above 0, or needs references; or ``out`` is ``artifact``.
        UnknownNameError: No such axis or metric.
    """
    refuse_in_place(out, artifact.path)
    started = clock()
    work = out.parent / f".{out.name}.search"
    made: dict[str, Artifact] = {}
    outcomes: dict[str, Outcome] = {}
    candidates = candidate_plans(plan, on_event, of_texts=artifact.manifest.modality == "text")
    try:
        for done, (name, candidate) in enumerate(candidates.items()):
            on_event(Progress("search", done, len(candidates), "candidates"))
            on_event(_standing(candidates, outcomes, name))
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
    on_event(_standing(candidates, outcomes))
    if not made:
        shutil.rmtree(work, ignore_errors=True)
        reasons = "\n".join(f"  {name}: {outcome.rejected}" for name, outcome in outcomes.items())
        raise BackendError(f"no candidate is left:\n{reasons}", hint="allow more loss, or install another runtime")
    contest = Contest(artifact, made, plan, on_event)
    outcomes, chosen = contest.held(outcomes)
    if chosen is None:
        reasons = "; ".join(f"{one.name}: {one.rejected}" for one in outcomes.values() if one.rejected)
        raise BackendError(f"no candidate could be timed: {reasons}", hint="run 'gantools bench ART' to see why")
    report = SearchReport(chosen=chosen, batch=contest.batch, outcomes=tuple(outcomes.values()))
    if report.doubt:
        on_event(Note(report.doubt))
    entrant = contest.entrants[chosen]
    with staged_folder(out, marker=MANIFEST) as folder:
        _copy(made[entrant.candidate], entrant, folder)
        (folder / REPORT).write_text(report.model_dump_json(indent=2) + "\n")
    shutil.rmtree(work, ignore_errors=True)
    return load_artifact(out), report


def _standing(names: Iterable[str], outcomes: Mapping[str, Outcome], current: str | None = None) -> Standing:
    rows = []
    for name in names:
        known = outcomes.get(name)
        if known is None:
            text = "being made and judged" if name == current else "waiting"
        else:
            text = known.rejected or "; ".join(map(str, known.losses)) or "is the same generator"
        rows.append((name, text))
    return Standing(("candidate", "so far"), tuple(rows))


def candidate_plans(plan: Plan, on_event: OnEvent = ignore, *, of_texts: bool = False) -> dict[str, Plan]:
    """Name -> plan, for every target that can run here and every precision that it multiplies in.

    Without a budget nothing may be lost, so that only fp32 is left; texts have budgets that hold where none is given.
    """
    judged = of_texts or bool(plan.max_loss)
    plans: dict[str, Plan] = {}
    for target_name in TARGETS:
        target = TARGETS.load(target_name)
        device = plan.device or target.device
        if not BACKENDS.load(target_name).probe(device).ok:
            continue
        for precision in target.precisions(device, of_texts=of_texts):
            candidate = plan.model_copy(update={"target": target_name, "precision": precision})
            if (judged or precision == "fp32") and target.refusal(candidate) is None:
                plans[f"{target_name}-{precision}"] = candidate
    if not judged:
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
    if loss.metric == NATS:
        return loss.data_sha256 == (yardstick.texts.digest if yardstick.texts else "")
    sentences = yardstick.sentences
    known = [one.digest for one in (yardstick.references, yardstick.pairs, sentences) if one is not None]
    extractor = sentences.extractor if sentences is not None else yardstick.extractor
    return loss.data_sha256 in ("", *known) and loss.extractor_sha256 in ("", extractor and extractor.sha256)


def _copy(artifact: Artifact, entrant: Entrant, folder: Path) -> None:
    """The artifact in the settings that won."""
    shutil.copytree(artifact.folder, folder, dirs_exist_ok=True)
    if entrant.threads is not None or entrant.settings:
        tuned = {"threads": entrant.threads, "settings": entrant.settings}
        graphs = {name: entry.model_copy(update=tuned) for name, entry in artifact.manifest.graphs.items()}
        seal(folder, artifact.manifest.model_copy(update={"graphs": graphs}))
