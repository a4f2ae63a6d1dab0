"""What is measured: an artifact or a checkpoint, by whom, and over which span."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gantools.bench.results import Span
from gantools.core.artifact import Artifact, GraphFile, load_artifact
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

    @property
    def entry(self) -> tuple[Path, GraphFile]:
        """File and manifest entry of what is opened."""
        path, entry = self.artifact.graph(self.graph)
        if self.checkpoint is None:
            return path, entry
        name = self.graph or self.artifact.manifest.sampler.graph
        precision = (self.where.settings or {}).get("precision", "fp32")
        changes = {"file": name, "format": "checkpoint", "precision": precision, "backend": "torch", "requires": None}
        return self.checkpoint, entry.model_copy(update=changes | {"settings": {}, "islands": ()})

    @property
    def backend(self) -> str:
        """Who runs it."""
        return self.where.backend or self.entry[1].backend

    @property
    def device(self) -> str:
        """Where it is run."""
        return self.where.device or self.entry[1].device

    def open(self, threads: int) -> Session:
        """Open what is measured, with so many CPU threads."""
        return Session(*self.entry, replace(self.where, threads=threads))

    def call(self, session: Session, batch: int) -> Callable[[], object]:
        """What is timed, ready to be called.

        Raises:
            BackendError: The span is ``device``, and the device's memory is the host's.
        """
        sampler = self.artifact.manifest.sampler
        inputs = trial_inputs(session.spec, sampler, range(batch), examples=examples_of(self.artifact))
        if self.span == "run":
            return lambda: session.run(inputs)
        if self.span == "device":
            return session.on_device(inputs)
        generator = Generator(self.artifact, session, SAMPLERS.load(sampler.kind))
        given = {sampler.image: inputs[sampler.image]} if sampler.image else None
        if self.span == "sample":
            return lambda: generator.sample(range(batch), batch=batch, inputs=given)
        from gantools.media.grid import png_bytes  # Pillow is no need of the other spans

        return lambda: [png_bytes(image) for image in generator.sample(range(batch), batch=batch, inputs=given)]

    def to_words(self) -> dict[str, Any]:
        """The target as JSON, for another process."""
        return {
            "name": self.name,
            "artifact": str(self.artifact.path),
            "graph": self.graph,
            "backend": self.where.backend,
            "device": self.where.device,
            "settings": None if self.where.settings is None else dict(self.where.settings),
            "span": self.span,
            "checkpoint": None if self.checkpoint is None else str(self.checkpoint),
        }

    @classmethod
    def from_words(cls, words: dict[str, Any]) -> BenchTarget:
        """What ``to_words`` told. The artifact is read again.

        Raises:
            ArtifactError: It has gone or changed.
        """
        return cls(
            name=words["name"],
            artifact=load_artifact(words["artifact"]),
            graph=words["graph"],
            where=Where(words["backend"], words["device"], None, words["settings"]),
            span=words["span"],
            checkpoint=None if words["checkpoint"] is None else Path(words["checkpoint"]),
        )
