"""Candidates against each other, on this machine: latency, throughput, size, and what each cost in quality.

First all of them with their runtimes' own settings, interleaved, beside the graph as it was exported. Then those that
are nearly fastest in other settings too: fewer threads, another layout. A setting is taken only where it is faster for
certain, and where the graph gives the same in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

from gantools.core.artifact import Artifact, Settings
from gantools.core.errors import GantoolsError
from gantools.core.events import Note, OnEvent, Progress
from gantools.core.proof import QualityLoss
from gantools.core.spec import Frozen
from gantools.optimize.plan import Plan
from gantools.optimize.race import LEAST_GAIN
from gantools.optimize.targets import TARGETS
from gantools.runtime.session import Session, Where
from gantools.timing.environment import default_threads
from gantools.timing.measure import BenchPlan, Timings, measure, reason
from gantools.timing.stats import Ratio, ratio_of_medians
from gantools.timing.throughput import runs_per_second
from gantools.verify.attest import attest
from gantools.verify.parity import SEEDS_FROM, check
from gantools.verify.report import open_reference
from gantools.verify.tolerances import tolerance_of
from gantools.verify.trials import examples_of, trial_inputs

EXPORTED = "as exported"
_NEARLY = 1.25  # times the latency of the fastest: settings may make up for that
_PLAN = BenchPlan(batches=(1,), min_calls=300, max_seconds=3.0, rounds=20)
_THROUGHPUT_SECONDS = 1.0
_MOST_STREAMS = 8  # each holds the graph once
_STREAMS_OF_A_GPU = 2  # one copies while the other computes


class Outcome(Frozen):
    """What became of a candidate.

    Attributes:
        name: Target and precision, and settings other than the runtime's own; or ``as exported``.
        rejected: Why it is out; None: it is not.
        p50_ms: Median latency of one run at the sizes it is tuned for, from host memory to host memory.
        samples_per_s: The most samples that were made in a second.
        streams: How many runs at a time that was with, the threads divided among them.
        faster: How many times faster than as exported, by latency.
        bytes: Of the graph's file.
        computed: Precision -> share of the layers that multiply and add, as the runtime tells.
        losses: What it cost.
        on_front: Whether no other candidate is at least as good in latency, throughput, size and loss.
    """

    name: str
    rejected: str | None = None
    p50_ms: float | None = None
    samples_per_s: float | None = None
    streams: int = 1
    faster: Ratio | None = None
    bytes: int | None = None
    computed: dict[str, float] = {}
    losses: tuple[QualityLoss, ...] = ()
    on_front: bool = False


class Entrant(Frozen):
    """An artifact in the settings it is run in.

    Attributes:
        candidate: Name of the artifact among those that were made.
        threads: CPU threads; None: as many as all.
        settings: Of the backend, by its own names.
    """

    candidate: str
    threads: int | None = None
    settings: Settings = {}


class Contest:
    """Times artifacts of one parent.

    Args:
        source: The parent.
        made: Name -> artifact.
        plan: With the threads.
        on_event: Who watches.
    """

    def __init__(self, source: Artifact, made: Mapping[str, Artifact], plan: Plan, on_event: OnEvent) -> None:
        self.source, self.made, self.plan, self.on_event = source, made, plan, on_event
        self.threads = plan.threads or default_threads()
        self.entrants: dict[str, Entrant] = {}
        self._surely_faster: set[str] = set()
        spec = next(iter(made.values())).graph()[1].spec
        self.batch = spec.tuned_batch
        seeds = range(SEEDS_FROM, SEEDS_FROM + self.batch)
        self.inputs = trial_inputs(spec, source.manifest.sampler, seeds, examples=examples_of(source))

    def held(self, outcomes: Mapping[str, Outcome]) -> tuple[dict[str, Outcome], str | None]:
        """Time all, then the settings of those that are nearly fastest.

        Args:
            outcomes: Candidate -> what is known of it before it is timed; candidates that are out stay so.

        Returns:
            Outcomes of all entrants and of the source, and the name of the fastest; None: none could be timed.
        """
        self.entrants = {name: Entrant(candidate=name) for name in self.made}
        found = dict(outcomes) | self._timed(self.entrants, outcomes)
        medians = {name: one.p50_ms for name in self.entrants if (one := found[name]).p50_ms is not None}
        limit = _NEARLY * min(medians.values(), default=0.0)
        near = {name: self.entrants[name] for name, value in medians.items() if value <= limit}
        if others := {name: one for candidate in near for name, one in self._variants(candidate).items()}:
            found |= self._timed({**near, **others}, outcomes)
            self.entrants |= others
        for name, entrant in self.entrants.items():
            found[name] = self._with_throughput(found[name], entrant)
        return with_front(found), self._fastest(found)

    def _fastest(self, outcomes: Mapping[str, Outcome]) -> str | None:
        timed = {name: one.p50_ms for name in self.entrants if (one := outcomes[name]).p50_ms is not None}
        taken = {name: value for name, value in timed.items() if name in self.made or name in self._surely_faster}
        return min(taken, key=lambda name: taken[name], default=None)

    def _variants(self, candidate: str) -> dict[str, Entrant]:
        """Other settings of a candidate."""
        entry = self.made[candidate].graph()[1]
        variants: dict[str, Entrant] = {}
        threads = self.threads // 2 if entry.device == "cpu" else 0
        while self.plan.threads is None and threads >= 1:
            name = f"{candidate}, {threads} thread{'s' if threads > 1 else ''}"
            variants[name] = Entrant(candidate=candidate, threads=threads)
            threads //= 2
        for name, some in TARGETS.load(entry.backend).settings(entry.device).items():
            variants[f"{candidate}, {name}"] = Entrant(candidate=candidate, settings=some)
        return variants

    def _open(self, entrant: Entrant, threads: int | None = None) -> Session:
        where = Where(threads=threads or entrant.threads or self.threads, settings=entrant.settings)
        return Session.of(self.made[entrant.candidate], None, where)

    def _timed(self, entrants: Mapping[str, Entrant], known: Mapping[str, Outcome]) -> dict[str, Outcome]:
        """Time together whatever opens and gives the same."""
        outcomes: dict[str, Outcome] = {}
        sessions: dict[str, Session] = {}
        with ExitStack() as stack:
            for name, entrant in entrants.items():
                before = known.get(entrant.candidate, Outcome(name=name)).model_copy(update={"name": name})
                try:
                    session = stack.enter_context(self._open(entrant))
                    if name != entrant.candidate:
                        self._check_same(session)
                except GantoolsError as err:
                    outcomes[name] = before.model_copy(update={"rejected": err.message})
                    continue
                sessions[name] = session
                path = self.made[entrant.candidate].graph()[0]
                facts = {"bytes": path.stat().st_size, "computed": attest(session).computed}
                outcomes[name] = before.model_copy(update=facts)
            sessions[EXPORTED] = stack.enter_context(Session.of(self.source, None, Where(threads=self.threads)))
            facts = {"bytes": self.source.graph()[0].stat().st_size, "computed": attest(sessions[EXPORTED]).computed}
            outcomes[EXPORTED] = Outcome(name=EXPORTED).model_copy(update=facts)
            text = f"timing {len(sessions)} graphs at batch {self.batch}, {self.threads} threads"
            self.on_event(Note(text))
            calls = {name: partial(session.run, self.inputs) for name, session in sessions.items()}
            timings = measure(
                calls,
                _PLAN.model_copy(update={"threads": self.threads}),
                on_round=lambda done, total: self.on_event(Progress("timing", done, total, "rounds")),
            )
        rounds = {name: _rounds(timing) for name, timing in timings.items() if not timing.failure}
        for name, timing in timings.items():
            if timing.failure:
                outcomes[name] = outcomes[name].model_copy(update={"rejected": timing.failure})
                continue
            p50 = float(np.median(timing.values_ms))
            found: dict[str, Any] = {"p50_ms": p50, "samples_per_s": self.batch / p50 * 1000}
            if name != EXPORTED and EXPORTED in rounds:
                found["faster"] = ratio_of_medians(rounds[EXPORTED], rounds[name])
            outcomes[name] = outcomes[name].model_copy(update=found)
            candidate = entrants[name].candidate if name != EXPORTED else name
            if candidate != name and candidate in rounds:
                gain = ratio_of_medians(rounds[candidate], rounds[name])
                if (gain.interval[0] if gain.interval else gain.value) > 1 + LEAST_GAIN:
                    self._surely_faster.add(name)
        return outcomes

    def _check_same(self, session: Session) -> None:
        """Whether a graph in other settings is still the one that was proved."""
        name = self.source.manifest.sampler.graph
        with open_reference(self.source, name, self.plan.threads) as source:
            check(
                session,
                source,
                self.source.manifest.sampler,
                tolerance=tolerance_of(session.graph.precision, source.graph.precision),
                name=name,
                source=f"'{self.source.manifest.name}' {self.source.digest[:12]}",
                examples=examples_of(self.source),
            )

    def _with_throughput(self, outcome: Outcome, entrant: Entrant) -> Outcome:
        """The more of one run at a time, and of several that share the threads."""
        on_cpu = self.made[entrant.candidate].graph()[1].device == "cpu"
        streams = min(self.threads, _MOST_STREAMS) if on_cpu else _STREAMS_OF_A_GPU
        if outcome.p50_ms is None or outcome.samples_per_s is None or streams < 2 or entrant.threads:
            return outcome
        try:
            with ExitStack() as stack:
                sessions = [
                    stack.enter_context(self._open(entrant, self.threads // streams or 1)) for _ in range(streams)
                ]
                calls = [partial(session.run, self.inputs) for session in sessions]
                rate = self.batch * runs_per_second(calls, _THROUGHPUT_SECONDS)
        except Exception as err:  # as in timing: whatever a runtime raises is told, and takes nothing else along
            self.on_event(Note(f"{outcome.name} with {streams} streams: {reason(err)}"))
            return outcome
        if rate <= outcome.samples_per_s:
            return outcome
        return outcome.model_copy(update={"samples_per_s": rate, "streams": streams})


def with_front(outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """The same, with the front marked."""
    figures = {
        name: (one.p50_ms, -one.samples_per_s, one.bytes, max(one.losses[0].loss, 0.0) if one.losses else 0.0)
        for name, one in outcomes.items()
        if one.rejected is None and one.p50_ms is not None and one.samples_per_s is not None and one.bytes is not None
    }

    def dominated(name: str) -> bool:
        mine = figures[name]
        return any(
            other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in figures.values()
        )

    return {
        name: one.model_copy(update={"on_front": name in figures and not dominated(name)})
        for name, one in outcomes.items()
    }


def _rounds(timing: Timings) -> Any:
    return np.reshape(timing.values_ms, (-1, timing.block))
