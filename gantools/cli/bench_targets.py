"""What ``gantools bench`` measures: artifacts and checkpoints, on their backends or others, over one or more spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gantools.bench.results import Span
    from gantools.bench.scenarios import ScenarioPlan
    from gantools.bench.target import BenchTarget
    from gantools.core.artifact import Artifact


def checkpoint_targets(artifact: Artifact, checkpoint: Path, *, compiled: bool) -> list[BenchTarget]:
    """The network behind an artifact, run by PyTorch eagerly and, if wished, compiled."""
    from gantools.bench.target import BenchTarget
    from gantools.runtime.session import Where

    modes = {"torch eager": "eager"} | ({"torch.compile": "compile"} if compiled else {})
    return [
        BenchTarget(name, artifact, where=Where(settings={"mode": mode}), checkpoint=checkpoint)
        for name, mode in modes.items()
    ]


def artifact_targets(
    opened: Mapping[str, Artifact], backends: Sequence[str], device: str | None, spans: Sequence[Span]
) -> list[BenchTarget]:
    """Every artifact on every backend, over every span. Names say what they would otherwise share."""
    from gantools.bench.target import BenchTarget
    from gantools.runtime.session import Where

    targets = []
    for span, (name, artifact), backend in product(spans, opened.items(), backends or (None,)):
        labels = [part for part in (backend, span if span != "run" else None) if part is not None]
        label = f"{name} ({', '.join(labels)})" if labels else name
        targets.append(BenchTarget(label, artifact, where=Where(backend=backend, device=device), span=span))
    return targets


def check_spans(names: Sequence[str]) -> tuple[Span, ...]:
    """Spans by name.

    Raises:
        UnknownNameError: There is no such span.
    """
    from gantools.bench.results import SPANS
    from gantools.core.registry import unknown_name

    known = {str(span): span for span in SPANS}
    for name in names:
        if name not in known:
            raise unknown_name("span", name, list(known))
    return tuple(dict.fromkeys(known[name] for name in names))


def scenario_plans(
    names: Sequence[str], seconds: float, bound_ms: float | None, batch: int, *, accuracy: bool
) -> list[ScenarioPlan]:
    """Plans by name; ``all`` is every scenario. ``server`` has the bound.

    Raises:
        UnknownNameError: There is no such scenario.
        RecipeError: The server has no bound.
    """
    from typing import get_args

    from gantools.bench.results import Scenario
    from gantools.bench.scenarios import ScenarioPlan
    from gantools.core.errors import RecipeError
    from gantools.core.registry import unknown_name

    known: dict[str, Scenario] = {str(name): name for name in get_args(Scenario)}
    plans = []
    for name in dict.fromkeys(part for each in names for part in (known if each == "all" else (each,))):
        if name not in known:
            raise unknown_name("scenario", name, [*known, "all"])
        if name == "server" and bound_ms is None:
            raise RecipeError(
                "the scenario 'server' needs a latency that its queries have to stay within.",
                hint="for example --bound-ms 50",
            )
        bound = bound_ms if name == "server" else None
        plans.append(ScenarioPlan(scenario=known[name], seconds=seconds, batch=batch, bound_ms=bound))
    if accuracy and plans:
        plans.append(ScenarioPlan(scenario=plans[0].scenario, mode="accuracy", seconds=seconds, batch=batch))
    return plans
