"""What is written down of how an artifact was made and how good it is: values that nobody has to believe unseen."""

from __future__ import annotations

from typing import Any

from gantools.core.spec import Frozen


class MetricCard(Frozen):
    """A metric value with everything needed to know what it may be compared with.

    Attributes:
        name: Protocol name; equal names and digests make values comparable.
        interval: Confidence interval of ``value`` at ``confidence``, by ``method``.
        extractor_sha256: Digest of the feature extractor: of its file, or of its weights and what is made of them.
        data_sha256: Content digest of the reference data; empty for a metric without references.
        seeds: The seeds of the scored samples, such as ``"0-1796"``.
        protocol: The free choices of the metric, such as ``"k 3"``.
        preparation: How the extractor resizes and scales images.
    """

    name: str
    value: float
    interval: tuple[float, float]
    confidence: float
    method: str
    samples: int
    references: int
    extractor: str
    extractor_sha256: str
    data: str
    data_sha256: str
    seeds: str
    protocol: str = ""
    preparation: str = ""


class Parity(Frozen):
    """How far a graph's outputs lie from its source's, over all batch sizes that were tried.

    Attributes:
        source: What it was compared with.
        graph: The graph that was compared.
        max_abs: Largest absolute difference, in the output's own units.
        limit: The largest that was accepted.
        psnr_db: Peak signal-to-noise ratio over everything compared; None when outputs are equal.
        batch_sizes: Sizes tried.
    """

    source: str
    graph: str
    max_abs: float
    limit: float
    psnr_db: float | None
    batch_sizes: tuple[int, ...]


class QualityLoss(Frozen):
    """How much worse samples of a graph are than those of its source for the same seeds.

    Attributes:
        metric: Name in the table of metrics, or ``levels``: the mean absolute difference in levels of 0..255. Of texts
            ``nats``: how much less likely a token of known texts is; or ``tokens``: the share that is other ones.
        loss: In the metric's unit; above 0 where the graph is worse.
        interval: Confidence interval of ``loss`` at ``confidence``, a jackknife over pairs of samples.
        budget: The most that was allowed.
        source: The metric of the source's samples; None for ``levels`` and ``tokens``.
        final: Of the graph's.
    """

    metric: str
    loss: float
    interval: tuple[float, float]
    confidence: float
    budget: float
    samples: int
    seeds: str
    source: float | None = None
    final: float | None = None
    extractor: str = ""
    extractor_sha256: str = ""
    data: str = ""
    data_sha256: str = ""

    @property
    def ok(self) -> bool:
        """Whether the loss is within the budget for certain: with the upper end of its interval."""
        return self.interval[1] <= self.budget

    def __str__(self) -> str:
        low, high = self.interval
        of = f"{self.metric} of {self.extractor}" if self.extractor else self.metric
        return f"{of} lost {self.loss:.4g} ({low:.4g} to {high:.4g}) over {self.samples} pairs, allowed {self.budget:g}"


class Step(Frozen):
    """One stage that made this artifact, with its options, the versions it used and the proof it gave."""

    stage: str
    options: dict[str, Any] = {}
    tools: dict[str, str] = {}
    parity: tuple[Parity, ...] = ()
    losses: tuple[QualityLoss, ...] = ()
    notes: tuple[str, ...] = ()
