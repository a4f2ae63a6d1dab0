"""How far a measured latency is from what the machine could do at best (Williams, Waterman & Patterson 2009, figure 1).

A call cannot be faster than its products take at the highest rate that was reached in their precision, nor than its
bytes take at the highest rate that so many were moved with. Both can happen at once, so the larger of them bounds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gantools.bench.ceilings import Ceilings
from gantools.bench.results import Roofline
from gantools.core.artifact import Artifact
from gantools.core.errors import MissingDependencyError
from gantools.core.optional import require
from gantools.core.spec import GraphSpec

if TYPE_CHECKING:
    from gantools.optimize.work import Work


class Found(NamedTuple):
    """A roofline, or None and one sentence that says why there is none."""

    roofline: Roofline | None
    reason: str = ""


def of_artifact(
    artifact: Artifact,
    graph: str | None,
    sizes: Mapping[str, int],
    ceilings: Ceilings,
    p50_ms: float | None,
    *,
    computed: Mapping[str, str] | None = None,
) -> Found:
    """The roofline of an artifact's graph. See ``roofline``; of a compiled graph by what its manifest says.

    Args:
        artifact: Of a checkpoint, the artifact that was exported of it.
        graph: Its name; None: the one an application runs.
        sizes: Of its axes.
        ceilings: Of the machine and device that ran it.
        p50_ms: What was measured.
        computed: As in ``roofline``.
    """
    path, entry = artifact.graph(graph)
    if entry.format != "onnx":
        tuned = entry.spec.sizes("opt") | {"batch": sizes.get("batch", 1)}
        if entry.work is None or any(tuned.get(axis, size) != size for axis, size in sizes.items()):
            return Found(None, f"'{entry.file}' is compiled for {entry.format}, and nobody counted its products.")
        from gantools.optimize.work import Work

        more = sizes.get("batch", 1) - 1
        counts = {name: first + more * each for name, (first, each) in entry.work.multiply_adds.items()}
        first, each = entry.work.least_bytes
        return of_work(Work(counts, first + more * each), ceilings, p50_ms, computed=computed)
    return roofline(path, entry.spec, sizes, ceilings, p50_ms, computed=computed)


def roofline(
    path: Path,
    spec: GraphSpec,
    sizes: Mapping[str, int],
    ceilings: Ceilings,
    p50_ms: float | None,
    *,
    computed: Mapping[str, str] | None = None,
) -> Found:
    """The roofline of an ONNX file, in whose types every layer's precision is.

    Args:
        path: Of the file.
        spec: Its interface.
        sizes: Of its axes; those that are not named are at their ``opt``.
        ceilings: Of the machine and device that ran it.
        p50_ms: What was measured; None: only the bound is worked out.
        computed: Precision of the types -> the one that the runtime computes it in, where it does not keep to them:
            ``{"fp32": "tf32"}``.
    """
    if not path.is_file():
        return Found(None, f"'{path.name}' is not there, so its products cannot be counted.")
    try:
        for module in ("onnx", "onnx_ir", "onnxscript"):
            require(module, extra="optimize", why="to count the products of a graph")
    except MissingDependencyError as err:
        return Found(None, err.message)
    from gantools.optimize.work import work_of

    try:
        work = work_of(path, spec, sizes)
    except ValueError as err:
        return Found(None, f"the products of '{path.name}' cannot be counted: {err}.")
    return of_work(work, ceilings, p50_ms, computed=computed)


def of_work(
    work: Work, ceilings: Ceilings, p50_ms: float | None, *, computed: Mapping[str, str] | None = None
) -> Found:
    """The roofline of what was counted before. Arguments are those of ``roofline``."""
    arithmetic_ms = 0.0
    for precision, count in work.multiply_adds.items():
        known = ceilings.multiply_adds_per_s.get((computed or {}).get(precision, precision))
        if known is None:
            return Found(None, f"{count:,} of its products are in {precision}, of which no rate was measured here.")
        arithmetic_ms += count / known.rate * 1000
    memory_ms = work.least_bytes / ceilings.bandwidth(work.least_bytes) * 1000
    bound_ms = max(arithmetic_ms, memory_ms)
    return Found(
        Roofline(
            multiply_adds=work.multiply_adds,
            least_bytes=work.least_bytes,
            arithmetic_ms=arithmetic_ms,
            memory_ms=memory_ms,
            bound_ms=bound_ms,
            share=bound_ms / p50_ms if p50_ms is not None else None,
            binds="arithmetic" if arithmetic_ms >= memory_ms else "memory",
        )
    )
