"""Verify an artifact as a whole: parity with its parent, self-consistency, precision, goldens. One report.

A compiled graph whose device is not here cannot be run; the report then says so, with what was recorded at the build,
and calls the outcome neither passed nor failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np

from gantools.core.artifact import Artifact, GraphFile, Precision
from gantools.core.errors import ArtifactError, BackendError, ParityError, PrecisionError, QualityError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.proof import Parity, QualityLoss
from gantools.core.sampler import Sampler
from gantools.core.spec import Frozen
from gantools.runtime.backends import BACKENDS
from gantools.runtime.session import Session, Where
from gantools.samplers import SAMPLERS
from gantools.verify.attest import Attestation, attest, attest_build, check_precision
from gantools.verify.gate import raise_if_lost
from gantools.verify.oracles import OracleResult, check_oracles, run_oracles
from gantools.verify.parity import Difference, batch_sizes_of, compare_arrays, measure, parity_of, raise_if_far
from gantools.verify.text_gate import SCORE, TextGate, budgets_of, is_judged
from gantools.verify.tolerances import tolerance_of
from gantools.verify.trials import examples_of, trial_inputs

_TEXTS = 1000
"""That a report compares; what an optimization is held to, it is held to on as many as it is told."""
_BEGIN = "begin"
Verdict = Literal["passed", "failed", "built, not run"]


class Failure(Frozen):
    """Something that does not hold, as the error that it would be."""

    kind: Literal["parity", "precision", "quality"]
    message: str
    hint: str | None = None


class GraphReport(Frozen):
    """One graph.

    Attributes:
        graph: Name in the artifact.
        verdict: ``built, not run``: its device is not here, so only what the build recorded is known.
        backend: Who ran it, or would.
        device: Where.
        precision: What the manifest promises.
        not_run: Why it could not be run here.
        parity: Against the source; None without one.
        oracles: Self-consistency.
        attestation: Precision as computed, or as recorded by the build.
        goldens: Against the stored samples; None where the artifact has none, or for graphs other than the main one.
        failures: Everything that does not hold.
    """

    graph: str
    verdict: Verdict
    backend: str
    device: str
    precision: Precision
    not_run: str | None = None
    parity: Parity | None = None
    oracles: tuple[OracleResult, ...] = ()
    attestation: Attestation | None = None
    goldens: Difference | None = None
    failures: tuple[Failure, ...] = ()


class VerifyReport(Frozen):
    """Everything that was tried on an artifact.

    Attributes:
        artifact: Digest.
        against: Digest of what it was compared with; None: nothing.
        is_parent: Whether that is what the artifact was made from.
        verdict: ``failed`` if anything does not hold; else ``built, not run`` if a graph could not be run here.
        losses: Of texts in less than the precision of what they are compared with: what that changed.
        failures: Of the losses.
    """

    artifact: str
    against: str | None
    is_parent: bool
    verdict: Verdict
    graphs: tuple[GraphReport, ...]
    losses: tuple[QualityLoss, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything was run and holds."""
        return self.verdict == "passed"

    def raise_if_failed(self) -> None:
        """Raise for what does not hold. Graphs that were not run do not raise; ``verdict`` tells of them.

        Raises:
            ParityError: Outputs or samples differ; with everything else that fails.
            PrecisionError: Only the precision deviates.
            QualityError: Only texts changed by more than they may.
        """
        raise_failures([*(failure for graph in self.graphs for failure in graph.failures), *self.failures])


def raise_failures(failures: Sequence[Failure], precision_hint: str | None = None) -> None:
    """Raise one error for all failures; do nothing when there are none.

    Args:
        failures: What does not hold.
        precision_hint: What to do when only the precision deviates, instead of the hint of the first failure.
    """
    if failures:
        text = "\n".join(failure.message for failure in failures)
        if all(failure.kind == "precision" for failure in failures):
            raise PrecisionError(text, hint=precision_hint or failures[0].hint)
        if all(failure.kind == "quality" for failure in failures):
            raise QualityError(text, hint=failures[0].hint)
        raise ParityError(text, hint=next(failure.hint for failure in failures if failure.kind != "precision"))


def verify(
    artifact: Artifact,
    against: Artifact | None = None,
    where: Where = Where(),  # noqa: B008 - frozen
    *,
    on_event: OnEvent = ignore,
) -> VerifyReport:
    """Try everything that can be tried of an artifact here.

    Args:
        artifact: What is judged.
        against: What it should equal, usually its parent; none: only what needs no reference.
        where: Who runs the artifact, if not who its manifest names.
        on_event: Who watches.

    Raises:
        ArtifactError: The two share no graph, or one with other inputs or outputs, or the reference cannot be run here.
        BackendError: A runtime that is here refused a graph.
    """
    names = [name for name in artifact.manifest.graphs if against is None or name in against.manifest.graphs]
    if not names:
        raise ArtifactError(
            f"'{artifact.path}' and '{against.path if against else ''}' have no graph in common.",
            hint="'gantools inspect ART' prints the graphs",
        )
    if against is not None:
        for name in names:
            _check_alike(name, artifact, against)
    reports = []
    for done, name in enumerate(names):
        on_event(Progress("verify", done, len(names), "graphs"))
        path, entry = artifact.graph(name)
        reports.append(verify_graph(name, path, entry, artifact, against, where))
    on_event(Progress("verify", len(names), len(names), "graphs"))
    verdicts = {report.verdict for report in reports}
    losses: tuple[QualityLoss, ...] = ()
    failures: list[Failure] = []
    if against is not None and is_judged(artifact) and is_judged(against) and "built, not run" not in verdicts:
        losses = _text_losses(artifact, against, where)
        with _collected(failures):
            raise_if_lost(losses, f"the precision {artifact.graph()[1].precision}")
    verdicts |= {"failed"} if failures else set()
    order: tuple[Verdict, ...] = ("failed", "built, not run", "passed")
    return VerifyReport(
        artifact=artifact.digest,
        against=against.digest if against else None,
        is_parent=against is not None and against.digest == artifact.manifest.parent,
        verdict=next(verdict for verdict in order if verdict in verdicts),
        graphs=tuple(reports),
        losses=losses,
        failures=tuple(failures),
    )


def _check_alike(name: str, artifact: Artifact, against: Artifact) -> None:
    one, other = (each.graph(name)[1].spec for each in (artifact, against))
    for kind, a, b in (("takes", one.inputs, other.inputs), ("gives", one.outputs, other.outputs)):
        ours, theirs = ([tensor.name for tensor in tensors] for tensors in (a, b))
        if set(ours) != set(theirs):
            raise ArtifactError(
                f"'{artifact.path}' and '{against.path}' are not of the same generator: '{name}' of the first {kind} "
                f"{', '.join(ours)}, of the second {', '.join(theirs)}.",
                hint="give --against what 'gantools optimize' made it of",
            )


def verify_graph(
    name: str,
    path: Path,
    entry: GraphFile,
    sampled: Artifact,
    against: Artifact | None,
    where: Where = Where(),  # noqa: B008 - frozen
    *,
    profiled: bool = True,
) -> GraphReport:
    """Try everything that can be tried of one graph here.

    Args:
        name: Its name in the artifact.
        path: Its file.
        entry: Its manifest entry.
        sampled: The artifact that says how it samples, whose golden samples it should give, and that carries real
            images if it takes any.
        against: Holds the graph of the same name that this one should equal.
        where: Who runs it.
        profiled: Whether its attestation says how much time each precision takes, which costs some runs.
    """
    backend, device = where.backend or entry.backend, where.device or entry.device
    report = GraphReport(graph=name, verdict="passed", backend=backend, device=device, precision=entry.precision)
    not_run = unavailable(backend, device)
    session = None
    if not_run is None:
        try:
            session = Session(path, entry, where)
        except BackendError as err:
            if entry.requires is None:
                raise
            not_run = err.message
    if session is None:
        built = attest_build(entry)
        failures: list[Failure] = []
        if built is not None:
            with _collected(failures):
                check_precision(built, name)
        verdict: Verdict = "failed" if failures else "built, not run"
        return report.model_copy(
            update={"verdict": verdict, "not_run": not_run, "attestation": built, "failures": tuple(failures)}
        )
    with session:
        return _ran(report, session, sampled, against, where, profiled)


def _text_losses(artifact: Artifact, against: Artifact, where: Where) -> tuple[QualityLoss, ...]:
    """What the texts of an artifact lost, held to what it was allowed when it was made, or else to what is usual."""
    sampler, precision = artifact.manifest.sampler, artifact.graph()[1].precision
    if precision == against.graph()[1].precision:
        return ()
    allowed = {loss.metric: loss.budget for loss in artifact.manifest.steps[-1].losses}
    with (
        open_reference(against, against.manifest.sampler.graph, where.threads) as before,
        open_reference(against, SCORE, where.threads) as scored,
        Session.of(artifact, None, where) as writing,
        Session.of(artifact, SCORE, where) as scoring,
    ):
        gate = TextGate(before, scored, sampler, _TEXTS)
        return gate.losses(writing, scoring, budgets_of(precision, allowed))


def unavailable(backend: str, device: str) -> str | None:
    """Why nothing can be run on this backend and device here; None: it can."""
    found = BACKENDS.load(backend).probe(device)
    return None if found.ok else f"{found.reason.rstrip('.')}."


def _ran(
    report: GraphReport,
    session: Session,
    sampled: Artifact,
    against: Artifact | None,
    where: Where,
    profiled: bool,
) -> GraphReport:
    sampler, examples = sampled.manifest.sampler, examples_of(sampled)
    tolerance = tolerance_of(report.precision)
    failures: list[Failure] = []
    found: dict[str, object] = {}
    if against is not None:
        name = f"'{against.manifest.name}' {against.digest[:12]}"
        with open_reference(against, report.graph, where.threads) as source:
            wider = tolerance_of(report.precision, source.graph.precision)
            differences = measure(session, source, sampler, wider, examples=examples)
        found["parity"] = parity_of(differences, report.graph, name, batch_sizes_of(session.spec))
        with _collected(failures):
            raise_if_far(differences, report.graph, name)
    found["oracles"] = oracles = run_oracles(session, sampler, tolerance, examples=examples)
    with _collected(failures):
        check_oracles(oracles, report.graph)
    seeds = range(session.spec.tuned_batch)
    timed = trial_inputs(session.spec, sampler, seeds, examples=examples) if profiled else None
    attestation = attest(session, timed)
    if attestation.layers or report.graph != _BEGIN:  # what a text begins with may be a row of a table
        found["attestation"] = attestation
        with _collected(failures):
            check_precision(attestation, report.graph)
    if report.graph == sampler.graph and sampled.manifest.goldens is not None:
        found["goldens"] = difference = _golden_difference(session, sampler, sampled)
        with _collected(failures):
            raise_if_far([difference], report.graph, "what its golden samples were made with")
    verdict = "failed" if failures else "passed"
    return report.model_copy(update={**found, "failures": tuple(failures), "verdict": verdict})


def open_reference(artifact: Artifact, name: str, threads: int | None = None) -> Session:
    """The graph that others are compared with. An fp32 ONNX graph is run by ONNX Runtime on the CPU, whoever ships it.

    Raises:
        ArtifactError: It cannot be run here.
    """
    path, entry = artifact.graph(name)
    as_reference = entry.format == "onnx" and entry.precision == "fp32"
    where = Where("onnxruntime", "cpu", threads) if as_reference else Where(threads=threads)
    if reason := unavailable(where.backend or entry.backend, where.device or entry.device):
        raise ArtifactError(
            f"graph '{name}' of '{artifact.path}' cannot serve as a reference here: {reason}",
            hint="compare with the exported artifact",
        )
    return Session(path, entry, where)


def _golden_difference(session: Session, sampler: Sampler, artifact: Artifact) -> Difference:
    goldens = artifact.manifest.goldens
    assert goldens is not None
    try:
        stored = np.load(artifact.folder / goldens.file, allow_pickle=False)
    except ValueError as err:
        raise ArtifactError(f"the golden samples '{goldens.file}' are no array: {err}.", hint="export again") from err
    sample = SAMPLERS.load(sampler.kind)
    made = np.concatenate(list(sample(session, sampler, goldens.seeds, session.spec.largest_batch, {})))
    output = session.spec.outputs[0]
    return compare_arrays(output, made, stored, tolerance_of(session.graph.precision))


@contextmanager
def _collected(failures: list[Failure]) -> Iterator[None]:
    """Turn an error of what does not hold into an entry of the report."""
    try:
        yield
    except PrecisionError as err:
        failures.append(Failure(kind="precision", message=err.message, hint=err.hint))
    except ParityError as err:
        failures.append(Failure(kind="parity", message=err.message, hint=err.hint))
    except QualityError as err:
        failures.append(Failure(kind="quality", message=err.message, hint=err.hint))
