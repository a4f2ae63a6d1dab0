"""Two reports, row by row: what became better, what became worse, what cannot be told.

The reports were not interleaved: whatever the machine did to one, it did not do to the other. ``likeness`` refuses what
was measured on another machine or in another way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from gantools.bench.changes import Change, changes_of_rows, changes_of_scenarios
from gantools.bench.likeness import Difference, check_alike, differences
from gantools.bench.results import SCHEMA, BenchReport, BenchRow, ScenarioResult
from gantools.core.errors import ArtifactError, RecipeError
from gantools.core.spec import Frozen

State = Literal["in both", "only in A", "only in B", "failed in A", "failed in B", "failed in both"]
Key = tuple[str, ...]


class Pair(Frozen):
    """One row or scenario in both reports.

    Attributes:
        name: The variant, with what else tells it from the others: ``a, batch 16``, ``a, server``.
        scenario: Whether it is a run of LoadGen.
        state: Where it is, and where it could not be measured; what failed in A may not be in B at all.
        reason: Why it could not be.
        changes: Its figures, where both reports have it.
    """

    name: str
    scenario: bool = False
    state: State
    reason: str = ""
    changes: tuple[Change, ...] = ()

    def change(self, figure: str) -> Change | None:
        """One of its figures."""
        return next((change for change in self.changes if change.figure == figure), None)


class GateResult(Frozen):
    """What one gate says of one pair.

    Attributes:
        gate: As it was given.
        name: Of the pair.
        passed: Whether the figure is not beyond the limit, as far as the gate has to know it.
        sentence: Why.
    """

    gate: str
    name: str
    passed: bool
    sentence: str


class ReportComparison(Frozen):
    """Two reports, A and B, with every ratio as B by A.

    Attributes:
        before: Of A: a name for people.
        after: Of B.
        differences: What else is not the same.
        pairs: Rows and scenarios, in the order of A.
        gates: What was judged.
    """

    schema_number: Literal[1] = Field(default=1, alias="schema")
    before: str
    after: str
    differences: tuple[Difference, ...]
    pairs: tuple[Pair, ...]
    gates: tuple[GateResult, ...] = ()

    def to_json(self) -> str:
        """The comparison as one JSON document."""
        return self.model_dump_json(by_alias=True, indent=2)


def load_report(path: Path) -> BenchReport:
    """Read a report that ``gantools bench --out FILE.json`` wrote.

    Raises:
        ArtifactError: Missing, not JSON, of another schema, or no report.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ArtifactError(
            f"cannot read the report '{path}': {err.strerror}.",
            hint="'gantools bench ART... --out FILE.json' writes one",
        ) from err
    except ValueError as err:
        raise ArtifactError(
            f"'{path}' is not JSON: {err}.", hint="'gantools bench ART... --out FILE.json' writes a report"
        ) from err
    found = raw.get("schema") if isinstance(raw, dict) else None
    if found != SCHEMA:
        raise ArtifactError(
            f"'{path}' has schema {found}, and this gantools reads benchmark reports of schema {SCHEMA}.",
            hint="measure again: 'gantools bench ART... --out FILE.json'",
        )
    try:
        return BenchReport.model_validate(raw)
    except ValidationError as err:
        problem = err.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise ArtifactError(
            f"'{path}' is not a benchmark report: {place}: {problem['msg']}.",
            hint="'gantools bench schema' prints what a report holds",
        ) from err


def compare_reports(
    before: BenchReport,
    after: BenchReport,
    *,
    names: tuple[str, str] = ("A", "B"),
    allow_unlike: bool = False,
) -> ReportComparison:
    """Pair the rows by name, span, batch and pause, and the scenarios by name, scenario and mode.

    Args:
        before: A.
        after: B.
        names: What people call both.
        allow_unlike: Compare what was measured on another machine or in another way too.

    Raises:
        RecipeError: Not measured alike, or nothing is in both.
    """
    found = differences(before, after)
    if not allow_unlike:
        check_alike(found)
    rows = _paired({_row_key(row): row for row in before.rows}, {_row_key(row): row for row in after.rows})
    runs = _paired({_run_key(one): one for one in before.scenarios}, {_run_key(one): one for one in after.scenarios})
    if not any(one is not None and other is not None for _, one, other in [*rows, *runs]):
        only = [", ".join(dict.fromkeys(row.name for row in each.rows)) or "nothing" for each in (before, after)]
        raise RecipeError(
            f"no variant is in both reports at the same batch size: A has {only[0]}, B has {only[1]}.",
            hint="variants are paired by the names that they were measured by; give the same paths and --batch to both",
        )
    pairs = [_pair(_name(key, before, after), one, other) for key, one, other in rows]
    pairs += [_pair(f"{key[0]}, {key[1]}", one, other) for key, one, other in runs]
    return ReportComparison(schema=1, before=names[0], after=names[1], differences=found, pairs=tuple(pairs))


def _row_key(row: BenchRow) -> Key:
    return (row.name, str(row.batch), f"{row.gap_ms:g}", row.span)


def _run_key(one: ScenarioResult) -> Key:
    return (one.name, one.scenario if one.mode == "performance" else f"{one.scenario}, {one.mode}")


def _name(key: Key, *reports: BenchReport) -> str:
    name, batch, gap, span = key
    pause = f", pauses of {gap} ms" if gap != "0" else ""
    spans = len({row.span for report in reports for row in report.rows}) > 1
    return f"{name}, batch {batch}{pause}{f', {span}' if spans else ''}"


def _paired(before: Mapping[Key, Any], after: Mapping[Key, Any]) -> list[tuple[Key, Any, Any]]:
    return [(key, before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after])]


def _pair(name: str, before: BenchRow | ScenarioResult | None, after: BenchRow | ScenarioResult | None) -> Pair:
    scenario = isinstance(before or after, ScenarioResult)
    if before is None:
        return Pair(name=name, scenario=scenario, state="only in B")
    if after is None:
        lost = _failure(before)
        return Pair(name=name, scenario=scenario, state="failed in A" if lost else "only in A", reason=lost)
    failures = [_failure(before), _failure(after)]
    if any(failures):
        state: State = "failed in both" if all(failures) else "failed in A" if failures[0] else "failed in B"
        return Pair(name=name, scenario=scenario, state=state, reason=failures[1] or failures[0])
    if isinstance(before, BenchRow) and isinstance(after, BenchRow):
        return Pair(name=name, state="in both", changes=changes_of_rows(before, after))
    assert isinstance(before, ScenarioResult)
    assert isinstance(after, ScenarioResult)
    return Pair(name=name, scenario=True, state="in both", changes=changes_of_scenarios(before, after))


def _failure(one: BenchRow | ScenarioResult) -> str:
    """Why its figures mean nothing; empty: they do."""
    if not one.ok:
        return one.status
    if isinstance(one, ScenarioResult):
        if one.valid is False:
            return f"LoadGen calls it invalid: {'; '.join(one.invalid_because) or 'it does not say why'}"
        if one.matches is False:
            return "its outputs differ from those of plain runs"
    return ""
