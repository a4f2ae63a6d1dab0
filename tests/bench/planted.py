"""Sessions whose every run does something, such as sleeping, and short plans to drive them by."""

from collections.abc import Callable

from gantools.bench.scenarios import ScenarioPlan
from gantools.core.artifact import Artifact
from gantools.runtime.session import Session, Where


class Pace:
    """In place of the fake's clock: what really happens at each run."""

    def __init__(self, what: Callable[[int], None]) -> None:
        self.what, self.runs = what, 0

    def pass_ms(self, milliseconds: float) -> None:
        self.runs += 1
        self.what(self.runs)


def planted(artifact: Artifact, what: Callable[[int], None]) -> Session:
    """A session over the fake backend that does something at each run."""
    return Session.of(artifact, where=Where(settings={"clock": Pace(what)}))


def plan_of(scenario: str, **given: object) -> ScenarioPlan:
    server = {"bound_ms": 200.0, "rate_per_s": 500.0} if scenario == "server" else {}
    return ScenarioPlan.model_validate(
        {"scenario": scenario, "seconds": 0.5, "min_queries": 499, "samples": 11, **server, **given}
    )
