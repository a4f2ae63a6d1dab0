"""What a benchmark found: rows, comparisons, scenarios, and what is needed to judge them. Its JSON schema is public."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field

from gantools.core.artifact import Precision
from gantools.core.proof import MetricCard, QualityLoss
from gantools.core.spec import Frozen
from gantools.timing.environment import Environment, Load
from gantools.timing.measure import BenchPlan
from gantools.timing.stats import Ratio
from gantools.verify.attest import Attestation

SCHEMA = 2
Span = Literal["run", "device", "sample", "file"]
SPANS: dict[Span, str] = {
    "run": "Session.run on noise drawn beforehand: from numpy arrays in host memory to numpy arrays in host memory "
    "that the caller owns; input checks and every copy are inside, drawing the noise is not.",
    "device": "computing alone: inputs lie on the device before, outputs stay there, and the device is waited for; "
    "copies and input checks are outside.",
    "sample": "Generator.sample: from seeds to samples in host memory; drawing the noise is inside.",
    "file": "from seeds to encoded PNG files in host memory, one for each sample; drawing the noise and encoding are "
    "inside.",
}


class ColdStart(Frozen):
    """From nothing to the first sample, in a process of its own. Files were in the page cache.

    Attributes:
        python_ms: Starting Python, until it can be told what to open.
        import_ms: Importing what opens graphs, and the runtime.
        load_ms: Opening the graph.
        first_call_ms: The first call at the first batch size, with whatever is allocated or compiled in it.
    """

    python_ms: float
    import_ms: float
    load_ms: float
    first_call_ms: float

    @property
    def total_ms(self) -> float:
        """All of it."""
        return self.python_ms + self.import_ms + self.load_ms + self.first_call_ms


class Memory(Frozen):
    """Of the variant's own process.

    Attributes:
        host_before_bytes: Resident before the runtime was imported.
        host_peak_bytes: The highest resident set while this batch size was measured.
        device_bytes: Memory of the GPU that is taken more than before the graph was opened; None on CPUs.
    """

    host_before_bytes: int
    host_peak_bytes: int
    device_bytes: int | None = None


class Energy(Frozen):
    """What the samples cost, idle power included, measured while nothing else of this run was computing.

    Attributes:
        joules_per_sample: Of the whole device that the source meters.
        watts: The mean.
        source: Which meter, and of what.
    """

    joules_per_sample: float
    watts: float
    source: str


class Roofline(Frozen):
    """How fast the machine could be at best, by what it was measured to reach (Williams, Waterman & Patterson 2009).

    Attributes:
        multiply_adds: Precision -> products that one call sums, counted from the graph.
        least_bytes: What one call has to move in any case: weights, inputs and outputs, each once.
        arithmetic_ms: The products at the machine's measured rate in each precision.
        memory_ms: The bytes at the machine's measured rate for so many.
        bound_ms: The larger of both.
        share: ``bound_ms`` as a share of the median, 0..1; above 1 where the machine was slow when its rates were
            measured.
        binds: Which of both it is.
    """

    multiply_adds: dict[str, int]
    least_bytes: int
    arithmetic_ms: float
    memory_ms: float
    bound_ms: float
    share: float | None
    binds: Literal["arithmetic", "memory"]


class BenchRow(Frozen):
    """One variant at one batch size.

    Attributes:
        name: The variant.
        span: What was timed. See ``SPANS``.
        artifact: Digest of the artifact; None for a checkpoint.
        backend: Who ran it; None if it could not be opened.
        device: Where.
        threads: CPU threads it was given.
        batch: Samples in one call.
        gap_ms: Pause before every call; 0: none.
        status: ``ok``, or ``failed: `` and why.
        asked: Precision that was asked for.
        attested: Precision it is computed in, as the runtime tells; None where it does not tell.
        values_ms: Every recorded call, in order.
        block: Recorded calls in each round; value i belongs to round i // block.
        launches: How often it was started; all launches have as many rounds.
        count: How many were recorded.
        p50_ms: Nearest-rank percentile; None where ``count`` is too small to state it, as for the next two.
        p50_interval_ms: Bootstrapped over rounds, from ten launches on over launches; None with too few of them.
        outliers: Calls beyond the third quartile by more than three interquartile ranges (Tukey's far out). Reported,
            never removed.
        spread: Interquartile range as a share of the median.
        samples_per_s: ``batch`` divided by the median.
        warmup_calls: Unrecorded calls before the first recorded one, lead-ins not counted.
        steady: Whether the warm-up reached a steady state before its time was over.
        first_call_ms: The first call at this batch size.
        load_ms: Opening the graph, with the import of its runtime if nothing had imported that before.
        build_seconds: What compiling the artifact's graph took when it was made; None where nothing was compiled.
        cold: From nothing to the first sample, of the launch whose total is the median; None where variants share a
            process.
        memory: None where variants share a process.
        energy: None where no meter is readable.
        roofline: None where the graph cannot be counted, or no rate of its precision was measured.
        quality: Metric cards of the very artifact.
        losses: What optimizing it cost, as its manifest has it.
        flags: One sentence for each thing that makes this row doubtful.
    """

    name: str
    span: Span
    artifact: str | None
    backend: str | None
    device: str | None
    threads: int | None = None
    batch: int
    gap_ms: float = 0.0
    status: str = "ok"
    asked: Precision | None = None
    attested: Attestation | None = None
    values_ms: tuple[float, ...] = ()
    block: int = 1
    launches: int = 1
    count: int = 0
    p50_ms: float | None = None
    p50_interval_ms: tuple[float, float] | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    outliers: int = 0
    spread: float | None = None
    samples_per_s: float | None = None
    warmup_calls: int = 0
    steady: bool = False
    first_call_ms: float | None = None
    load_ms: float | None = None
    build_seconds: float | None = None
    cold: ColdStart | None = None
    memory: Memory | None = None
    energy: Energy | None = None
    roofline: Roofline | None = None
    quality: tuple[MetricCard, ...] = ()
    losses: tuple[QualityLoss, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it was measured."""
        return self.status == "ok"


class Comparison(Frozen):
    """How many times faster a variant is than the first one, at the same batch and over the same span."""

    baseline: str
    name: str
    batch: int
    gap_ms: float = 0.0
    faster: Ratio


Scenario = Literal["single-stream", "multi-stream", "server", "offline"]


class ServerTry(Frozen):
    """One rate that was tried.

    Attributes:
        asked_per_s: Poisson arrivals a second.
        reached_per_s: Answers a second.
        latency_ms: The percentile that the bound is on.
        held: Whether LoadGen found the test valid: within the bound, and so clearly that its early stopping agrees.
        queries: How many were answered. A test that can hold no more is not carried through.
    """

    asked_per_s: float
    reached_per_s: float
    latency_ms: float
    held: bool
    queries: int = 0


class ScenarioResult(Frozen):
    """One run of MLPerf LoadGen against one variant.

    Attributes:
        name: The variant.
        scenario: Of LoadGen.
        mode: ``performance``, or ``accuracy``: every sample of the set once, and their digest.
        status: ``ok``, or ``failed: `` and why.
        valid: LoadGen's own verdict on durations, counts and bounds; None in accuracy mode.
        invalid_because: In LoadGen's own words.
        queries: How many were answered.
        samples_per_query: 1, but for multi-stream and offline.
        seconds: From the first scheduled arrival to the last answer.
        samples_per_s: Answers a second.
        latencies_ms: Of every query, from its scheduled arrival to its answer, in order of arrival; of offline the one.
        p50_ms: Nearest rank, as for the next two; None where the count does not support it.
        bound_ms: Server: what ``bound_percent`` % of queries have to stay within.
        rate_per_s: Server: Poisson arrivals a second, as given or as found.
        tried: Server: the rates that a search tried, in order; the last one is this test.
        batch: The most samples that were run together.
        samples_sha256: Accuracy mode: digest of all outputs in order of the samples.
        matches: Accuracy mode: whether the outputs are those of plain runs of one sample each, up to what the precision
            explains where batches are summed in another order.
        largest_difference: Accuracy mode: from those, in the outputs' own units; 0: they are equal.
        loadgen: LoadGen's own summary, as it prints it: key -> value.
    """

    name: str
    scenario: Scenario
    mode: Literal["performance", "accuracy"] = "performance"
    status: str = "ok"
    valid: bool | None = None
    invalid_because: tuple[str, ...] = ()
    queries: int = 0
    samples_per_query: int = 1
    seconds: float = 0.0
    samples_per_s: float | None = None
    latencies_ms: tuple[float, ...] = ()
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    bound_ms: float | None = None
    bound_percent: int = 99
    rate_per_s: float | None = None
    tried: tuple[ServerTry, ...] = ()
    batch: int = 1
    samples_sha256: str | None = None
    matches: bool | None = None
    largest_difference: float | None = None
    loadgen: dict[str, str] = {}

    @property
    def ok(self) -> bool:
        """Whether it was measured."""
        return self.status == "ok"


class BenchReport(Frozen):
    """Everything measured in one run, with what is needed to judge it.

    Attributes:
        plan: As it was carried out, with the number of threads.
        spans: What the spans of the rows cover.
        ceilings: What the machine was measured to reach, as ``bench.ceilings`` keeps it; None: not measured.
        load: What else ran meanwhile.
        comparisons: Every variant against the first of its span, where both medians are supported.
        command: The command line that makes this report again; empty for reports made in Python.
        isolated: Whether every variant had a process of its own.
    """

    schema_number: Literal[2] = Field(default=2, alias="schema")
    plan: BenchPlan
    spans: dict[Span, str]
    environment: Environment
    ceilings: dict[str, Any] | None = None
    load: Load
    rows: tuple[BenchRow, ...]
    comparisons: tuple[Comparison, ...]
    scenarios: tuple[ScenarioResult, ...] = ()
    command: str = ""
    isolated: bool = False

    def to_json(self, *, indent: int | None = None) -> str:
        """The report as one JSON document."""
        return self.model_dump_json(by_alias=True, indent=indent)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON Schema of what ``to_json`` writes, for whoever reads reports with another program."""
        return cls.model_json_schema(by_alias=True, mode="serialization")

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """What ``to_json`` wrote. Raises pydantic's ValidationError."""
        return cls.model_validate_json(text)

    def row(self, name: str, batch: int) -> BenchRow:
        """The row of a variant at a batch size. Raises KeyError where there is none."""
        for row in self.rows:
            if (row.name, row.batch) == (name, batch):
                return row
        raise KeyError((name, batch))

    @property
    def deviating(self) -> tuple[BenchRow, ...]:
        """Rows that were not computed in the precision that was asked for."""
        return tuple(row for row in self.rows if row.attested is not None and row.attested.deviating)
