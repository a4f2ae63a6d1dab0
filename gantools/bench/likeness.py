"""In what two reports differ besides their figures, and whether the figures may be compared all the same."""

from __future__ import annotations

from collections.abc import Iterator

from gantools.bench.results import BenchReport, ScenarioResult
from gantools.core.errors import RecipeError
from gantools.core.spec import Frozen

# Batches and pauses decide which rows there are, and the seed only their order; threads are told by themselves.
_HARMLESS = ("batches", "gap_ms", "seed", "threads")


class Difference(Frozen):
    """One thing that is not the same.

    Attributes:
        what: What it is.
        before: In the first report.
        after: In the second.
        unlike: Whether it makes figures incomparable; the others, such as versions, may be what is compared.
    """

    what: str
    before: str
    after: str
    unlike: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.before} in A, {self.after} in B"


def differences(before: BenchReport, after: BenchReport) -> tuple[Difference, ...]:
    """What differs, that which makes figures incomparable first."""
    found = [
        Difference(what=what, before=one, after=other, unlike=unlike)
        for what, one, other, unlike in _compared(before, after)
        if one != other
    ]
    return tuple(sorted(found, key=lambda one: not one.unlike))


def check_alike(found: tuple[Difference, ...]) -> None:
    """Refuse what was measured on another machine, with other threads or by another plan.

    Raises:
        RecipeError: Something makes the figures incomparable.
    """
    if unlike := [str(one) for one in found if one.unlike]:
        raise RecipeError(
            "the reports were not measured alike:\n  " + "\n  ".join(unlike),
            hint="measure both in the same way on one machine, or compare them all the same with --allow-unlike",
        )


def _compared(before: BenchReport, after: BenchReport) -> Iterator[tuple[str, str, str, bool]]:
    one, other = before.environment, after.environment
    yield "CPU", one.cpu, other.cpu, True
    yield "instruction sets", ", ".join(one.isa) or "not told", ", ".join(other.isa) or "not told", True
    yield "cores", _cores(before), _cores(after), True
    yield "CPUs allowed", str(len(one.affinity)), str(len(other.affinity)), True
    yield "governor", one.governor or "not told", other.governor or "not told", True
    yield "GPU", _gpus(before), _gpus(after), True
    yield "threads", str(before.plan.threads), str(after.plan.threads), True
    yield "processes", _processes(before), _processes(after), True
    for name in type(before.plan).model_fields:
        if name not in _HARMLESS:
            values = [str(getattr(each.plan, name)) for each in (before, after)]
            yield f"plan: {name}", values[0], values[1], True
    runs = {(run.name, run.scenario, run.mode): run for run in after.scenarios}
    for run in before.scenarios:
        if same := runs.get((run.name, run.scenario, run.mode)):
            yield f"bound of {run.name}, {run.scenario}", _bound(run), _bound(same), True
    yield "GPU and driver", "; ".join(one.gpus) or "none", "; ".join(other.gpus) or "none", False
    yield "which CPUs", str(one.affinity), str(other.affinity), False
    yield "memory", f"{one.memory_bytes / 2**30:.1f} GiB", f"{other.memory_bytes / 2**30:.1f} GiB", False
    yield "system", f"{one.system}, kernel {one.kernel}", f"{other.system}, kernel {other.kernel}", False
    yield "Python", one.python, other.python, False
    yield "commit", one.git_commit or "none", other.git_commit or "none", False
    for name in sorted(one.libraries | other.libraries):
        yield name, one.libraries.get(name, "not installed"), other.libraries.get(name, "not installed"), False
    yield "warnings", " ".join(before.load.warnings) or "none", " ".join(after.load.warnings) or "none", False


def _cores(report: BenchReport) -> str:
    return f"{report.environment.cores_physical} and {report.environment.cores_logical} logical"


def _gpus(report: BenchReport) -> str:
    """Names and memory without drivers: ``name, driver, memory`` is how nvidia-smi prints them."""
    parts = [[part.strip() for part in gpu.split(",")] for gpu in report.environment.gpus]
    return "; ".join(", ".join((each[0], *each[2:])) for each in parts) or "none"


def _bound(run: ScenarioResult) -> str:
    bound = f"p{run.bound_percent} within {run.bound_ms:g} ms" if run.bound_ms is not None else "none"
    if run.rate_per_s is not None and not run.tried:  # given and not found, so that it is no result
        bound += f", {run.rate_per_s:g} arrivals/s"
    return bound if run.scenario != "multi-stream" else f"{bound}, {run.samples_per_query} samples a query"


def _processes(report: BenchReport) -> str:
    return "one for each variant" if report.isolated else "one for all variants"
