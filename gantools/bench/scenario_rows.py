"""LoadGen's scenarios for several variants, one after the other, each in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

from gantools.bench.isolation import Worker
from gantools.bench.results import ScenarioResult
from gantools.bench.scenarios import ScenarioPlan
from gantools.bench.target import BenchTarget
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.optional import require
from gantools.timing.environment import default_threads
from gantools.timing.measure import reason


def scenario_rows(
    targets: Sequence[BenchTarget],
    plans: Sequence[ScenarioPlan],
    threads: int | None = None,
    on_event: OnEvent = ignore,
) -> tuple[ScenarioResult, ...]:
    """Every plan on every variant. They are not interleaved: a scenario is one run.

    Args:
        targets: What to measure; LoadGen drives sessions, so those with another span than ``run`` are left out.
        plans: The scenarios.
        threads: CPU threads of every variant; none: as many as there are physical cores to run on.
        on_event: Who watches.

    Returns:
        A result for each; one whose process crashed says so.

    Raises:
        MissingDependencyError: LoadGen is not installed.
    """
    require("mlperf_loadgen", extra="loadgen", why="to run scenarios")
    driven = [target for target in targets if target.span == "run"]
    results: list[ScenarioResult] = []
    for target in driven:
        results += _of(target, plans, threads or default_threads(), len(results), len(driven), on_event)
    return tuple(results)


def _of(
    target: BenchTarget, plans: Sequence[ScenarioPlan], threads: int, before: int, variants: int, on_event: OnEvent
) -> list[ScenarioResult]:
    """A process for each scenario: what one has done to caches and allocators is not the next one's."""
    results = []
    for number, plan in enumerate(plans):
        on_event(Progress("scenarios", before + number, variants * len(plans), "tests"))
        try:
            with Worker(target, threads) as worker:
                results.append(worker.scenario(plan, target.name))
        except Exception as err:  # whatever a runtime raises is the reason in its row
            failed = f"failed: {reason(err)}"
            results.append(ScenarioResult(name=target.name, scenario=plan.scenario, mode=plan.mode, status=failed))
    return results
