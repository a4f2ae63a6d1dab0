"""Reports that nobody measured, with every field filled, for tests of what shows and compares them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gantools.bench.latency import compare
from gantools.bench.results import (
    SPANS,
    BenchReport,
    BenchRow,
    ColdStart,
    Energy,
    Memory,
    Roofline,
    ScenarioResult,
    ServerTry,
)
from gantools.core.proof import MetricCard
from gantools.timing.environment import Environment, Load
from gantools.timing.measure import BenchPlan
from gantools.timing.stats import percentile
from gantools.verify.attest import Attestation

MACHINE = Environment(
    cpu="Some CPU",
    isa=("avx2", "fma"),
    cores_physical=2,
    cores_logical=2,
    affinity=(0, 1),
    governor=None,
    memory_bytes=24 * 2**30,
    system="Debian",
    kernel="6.1",
    python="CPython 3.11.2",
    libraries={"numpy": "2.4.0", "onnxruntime": "1.27.0"},
    gpus=(),
    git_commit="0123456789ab",
)
QUIET = Load(elapsed_seconds=60.0, load_average=(0.1, 1.0), other_share=0.0, steal_share=0.0, warnings=())
CEILINGS = {
    "multiply_adds_per_s": {"fp32": {"rate": 8e10}, "bf16": {"rate": 3e11}, "int8": {"rate": 6e11}},
    "bytes_per_s": {str(2**20): 6e10, str(2**28): 1.2e10},
}


def calls_ms(
    median: float, count: int = 1000, *, spread: float = 0.03, stall: float = 0.0, seed: int = 0
) -> list[float]:
    """Latencies of a log-normal body; ``stall`` ms are planted every 250 calls."""
    values = median * np.exp(np.random.default_rng(seed).normal(0, spread, count))
    if stall:
        values[100::250] += stall
    return [float(value) for value in values]


def card(value: float = 0.0013, name: str = "kid-digits-cnn") -> MetricCard:
    return MetricCard(
        name=name,
        value=value,
        interval=(value - 0.0006, value + 0.0006),
        confidence=0.95,
        method="jackknife",
        samples=500,
        references=600,
        extractor="digits-cnn",
        extractor_sha256="ab" * 32,
        data="builtin:digits",
        data_sha256="cd" * 32,
        seeds="0-499",
    )


def row(name: str = "a", batch: int = 1, median: float = 1.0, **changes: Any) -> BenchRow:
    """A measured row with percentiles of its values; ``changes`` are fields, or arguments of ``calls_ms``."""
    shape = {key: changes.pop(key) for key in ("count", "spread", "stall", "seed") if key in changes}
    values = changes.pop("values_ms", None) or calls_ms(median, **shape)
    found = np.array(values)
    p50, p90, p99 = (percentile(found, percent) for percent in (50, 90, 99))
    known: dict[str, Any] = {
        "name": name,
        "span": "run",
        "artifact": "ab" * 32,
        "backend": "onnxruntime",
        "device": "cpu",
        "batch": batch,
        "asked": "fp32",
        "attested": Attestation(asked="fp32", source="runtime", computed={"fp32": 1.0}, layers=4),
        "values_ms": tuple(values),
        "block": max(1, len(values) // 20),
        "count": len(values),
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
        "samples_per_s": batch / p50 * 1000 if p50 else None,
        "steady": True,
    }
    return BenchRow(**(known | changes))


def full_row(
    name: str, batch: int, median: float, *, kid: float = 0.0013, share: float = 0.62, **changes: Any
) -> BenchRow:
    """A row of which everything is known."""
    products = 2_000_000 * batch
    cold = ColdStart(python_ms=40.0, import_ms=180.0, load_ms=90.0 + median, first_call_ms=12.0)
    known: dict[str, Any] = {
        "p50_interval_ms": (median * 0.99, median * 1.01),
        "cold": cold,
        "load_ms": cold.load_ms,
        "first_call_ms": cold.first_call_ms,
        "memory": Memory(host_before_bytes=30 * 2**20, host_peak_bytes=int((130 + batch) * 2**20)),
        "energy": Energy(joules_per_sample=0.004 * median / batch, watts=40.0, source="RAPL package 0"),
        "roofline": Roofline(
            multiply_adds={"fp32": products},
            least_bytes=1_500_000 + 12_000 * batch,
            arithmetic_ms=median * share,
            memory_ms=median * share / 3,
            bound_ms=median * share,
            share=share,
            binds="arithmetic",
        ),
        "quality": (card(kid),),
    }
    return row(name, batch, median, **(known | changes))


def scenario(
    name: str = "a", kind: str = "server", median: float = 2.0, count: int = 2000, **changes: Any
) -> ScenarioResult:
    values = calls_ms(median, count, spread=0.2, seed=7)
    found = np.array(values)
    p50, p90, p99 = (percentile(found, percent) for percent in (50, 90, 99))
    known: dict[str, Any] = {
        "name": name,
        "scenario": kind,
        "valid": True,
        "queries": count,
        "seconds": 60.0,
        "samples_per_s": count / 60.0,
        "latencies_ms": tuple(values),
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
    }
    return ScenarioResult(**(known | changes))


def tries(*held: bool) -> tuple[ServerTry, ...]:
    return tuple(
        ServerTry(asked_per_s=50.0 * 2**i, reached_per_s=49.0 * 2**i, latency_ms=3.0 * 1.6**i, held=ok)
        for i, ok in enumerate(held)
    )


def report(*rows: BenchRow, **changes: Any) -> BenchReport:
    """A report of rows; every row is compared with the first of its batch, where both medians are known."""
    batches = tuple(sorted({one.batch for one in rows})) or (1,)
    comparisons = []
    for batch in batches:
        measured = [one for one in rows if one.batch == batch and one.p50_ms and not one.gap_ms]
        comparisons += [compare(measured[0], other) for other in measured[1:]]
    known: dict[str, Any] = {
        "plan": BenchPlan(batches=batches, threads=2),
        "spans": {"run": SPANS["run"]},
        "environment": MACHINE,
        "load": QUIET,
        "rows": rows,
        "comparisons": tuple(comparisons),
        "command": "gantools bench art/a art/b --batch 1,16",
    }
    return BenchReport(schema=2, **(known | changes))


def everything() -> BenchReport:
    """A report in which every field is filled."""
    names = {"art/digits": 1.0, "art/digits-ov": 0.42, "art/digits-bf16": 0.31, "torch eager": 3.9}
    rows = []
    for batch in (1, 4, 16, 64):
        for index, (name, median) in enumerate(names.items()):
            time = median * (0.4 + 0.6 * batch**0.8)
            rows.append(
                full_row(
                    name,
                    batch,
                    time,
                    kid=0.0013 + 0.0004 * index,
                    share=min(0.95, 0.2 / median),
                    stall=80.0 if name == "torch eager" and batch == 1 else 0.0,
                    outliers=4 if name == "torch eager" and batch == 1 else 0,
                    flags=("4 calls took more than 20 times the median.",)
                    if (name, batch) == ("torch eager", 1)
                    else (),
                    count=1000 if batch < 64 else 240,
                    seed=index,
                )
            )
        rows.append(
            BenchRow(
                name="art/digits-trt",
                span="run",
                artifact=None,
                backend=None,
                device=None,
                batch=batch,
                status="failed: 'tensorrt' is needed to run graphs with TensorRT, and is not installed.",
            )
        )
    scenarios = (
        scenario("art/digits", "single-stream", 1.0),
        scenario("art/digits-ov", "single-stream", 0.45),
        scenario("art/digits-ov", "server", 3.0, bound_ms=15.0, tried=tries(True, True, True, False, False), batch=16),
        scenario("art/digits", "server", 4.0, bound_ms=15.0, tried=tries(True, True, False)),
        scenario("art/digits-ov", "offline", 900.0, 1, samples_per_query=24576, batch=64, p50_ms=None),
        scenario(
            "art/digits",
            "offline",
            900.0,
            1,
            valid=False,
            invalid_because=("Min duration satisfied : NO", "Min queries satisfied : Yes"),
        ),
        scenario("art/digits-ov", "offline", mode="accuracy", valid=None, matches=True, queries=64, latencies_ms=()),
    )
    return report(*rows, scenarios=scenarios, ceilings=CEILINGS, isolated=True)
