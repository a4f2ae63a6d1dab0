"""What is measured: an artifact or a checkpoint, by whom, and over which span."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from gantools.bench.results import Span
from gantools.core.artifact import Artifact
from gantools.runtime.session import Session, Where
from gantools.samplers import SAMPLERS, Generator
from gantools.verify.trials import examples_of, trial_inputs


@dataclass(frozen=True)
class BenchTarget:
    """One variant.

    Attributes:
        name: As rows shall call it; no two alike.
        artifact: What is opened, or, for a checkpoint, what says which inputs are noise and what they look like.
        graph: A graph other than the artifact's main one.
        where: Who runs it; its thread count is that of the plan.
        span: What is timed. See ``SPANS``.
        checkpoint: A run or checkpoint folder, to time the network itself through the backend ``torch``.
    """

    name: str
    artifact: Artifact
    graph: str | None = None
    where: Where = field(default_factory=Where)
    span: Span = "run"
    checkpoint: Path | None = None

    def open(self, threads: int) -> Session:
        """Open what is measured, with so many CPU threads."""
        where = replace(self.where, threads=threads)
        if self.checkpoint is None:
            return Session.of(self.artifact, self.graph, where)
        name = self.graph or self.artifact.manifest.sampler.graph
        _, entry = self.artifact.graph(name)
        changes = {"file": name, "format": "checkpoint", "precision": "fp32", "backend": "torch", "requires": None}
        return Session(self.checkpoint, entry.model_copy(update=changes), where)

    def call(self, session: Session, batch: int) -> Callable[[], object]:
        """What is timed, ready to be called."""
        sampler = self.artifact.manifest.sampler
        inputs = trial_inputs(session.spec, sampler, range(batch), examples=examples_of(self.artifact))
        if self.span == "sample":
            generator = Generator(self.artifact, session, SAMPLERS.load(sampler.kind))
            given = {sampler.image: inputs[sampler.image]} if sampler.image else None
            return lambda: generator.sample(range(batch), batch=batch, inputs=given)
        return lambda: session.run(inputs)
