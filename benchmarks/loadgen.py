"""The scenarios of MLPerf LoadGen against an artifact, and what our side of it costs: one JSON line.

    python benchmarks/loadgen.py ARTIFACT [--seconds 10] [--bound-ms 20] [--batch 8] [--threads N]

``nothing`` is a session that returns at once what was made before: its latencies are those of LoadGen, of two changes
of thread and of our desk, and no session's are shorter. Of each scenario the line has our figures and LoadGen's own
summary, which has to say the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from gantools.bench.results import Scenario, ScenarioResult
from gantools.bench.scenarios import ScenarioPlan, run_scenario
from gantools.core.artifact import Artifact, load_artifact
from gantools.core.events import Event, Note
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session, Where
from gantools.timing.environment import LoadWatch, default_threads, environment
from gantools.verify.trials import examples_of, trial_inputs

SCENARIOS: tuple[Scenario, ...] = ("single-stream", "multi-stream", "server", "offline")


class Nothing:
    """What scenarios use of a session, with nothing in it: its outputs are always those of the first seeds."""

    def __init__(self, session: Session, artifact: Artifact) -> None:
        self.spec, self.graph = session.spec, session.graph
        batch = session.spec.largest_batch
        sampler, examples = artifact.manifest.sampler, examples_of(artifact)
        self._outputs = session.run(trial_inputs(session.spec, sampler, range(batch), examples=examples))

    def run(self, inputs: Mapping[str, Any]) -> Arrays:  # noqa: ARG002 - nothing is done with them
        """The same as ever."""
        return self._outputs


def figures(result: ScenarioResult) -> dict[str, Any]:
    """A result without its single latencies."""
    return result.model_dump(mode="json", exclude={"latencies_ms", "name"})


def tell(event: Event) -> None:
    """Show what a search tries."""
    if isinstance(event, Note):
        print(event.text, file=sys.stderr)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0, help="least duration of each test")
    parser.add_argument(
        "--bound-ms", type=float, default=20.0, help="server: what 99 %% of queries have to stay within"
    )
    parser.add_argument("--batch", type=int, default=8, help="most samples that are run together")
    parser.add_argument("--threads", type=int, help="CPU threads of the session; as many as physical cores")
    given = parser.parse_args()
    artifact = load_artifact(given.artifact)
    threads = given.threads or default_threads()
    plans = [
        ScenarioPlan(
            scenario=scenario,
            seconds=given.seconds,
            batch=given.batch,
            bound_ms=given.bound_ms if scenario == "server" else None,
        )
        for scenario in SCENARIOS
    ]
    accuracy = ScenarioPlan(scenario="offline", mode="accuracy", batch=given.batch)
    watch = LoadWatch()
    with Session.of(artifact, where=Where(threads=threads)) as session:
        nothing = run_scenario(cast("Session", Nothing(session, artifact)), artifact, plans[0], "nothing")
        results = [run_scenario(session, artifact, plan, artifact.manifest.name, tell) for plan in [*plans, accuracy]]
    load = watch.stop()
    for warning in load.warnings:
        print(warning, file=sys.stderr)
    line = {
        "artifact": artifact.manifest.name,
        "digest": artifact.digest,
        "threads": threads,
        "environment": environment().model_dump(mode="json"),
        "load": load.model_dump(mode="json"),
        "nothing": figures(nothing),
        "scenarios": [figures(result) for result in results],
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
