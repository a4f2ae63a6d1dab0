"""Limits on what may become worse from one report to the next, for continuous integration.

A gate is ``FIGURE:LIMIT``, such as ``p99:+5%`` or ``samples_per_s:-5%``. It fails where a regression beyond the limit
is proven: where the near end of the 95 % interval is beyond it. A ``~`` at its end asks for less: that the figure
itself is beyond it. Which one is right depends on what a mistake costs:

- by the interval, noise fails one in forty of the figures whose true change lies just at the limit, and a regression
  somewhat beyond it may pass; more calls make the interval narrow. That is for gates that stop a change;
- by the figure, a change beyond the limit is caught at least every other time, however few the calls, and as often
  noise fails one that lies just at the limit.

Load, cold start, memory and energy are one figure in each report and have no interval: the figure itself decides. No
gate passes because something is missing: a percentile that the calls do not support, a figure that one of both reports
lacks, a row that failed or vanished. Where both lack a figure that more calls would not bring, the row is not about it;
a gate that judged no row fails.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from gantools.bench.changes import FIGURES, PERCENTS, Change
from gantools.bench.compare import GateResult, Pair, ReportComparison
from gantools.core.errors import RecipeError, RegressionError
from gantools.core.spec import Frozen

_OF_CALLS = (*PERCENTS, "samples_per_s")  # more calls make these known, so that their absence is never let pass
_MOST_NAMED = 10
_FORM = re.compile(
    r"(?P<figure>[a-z0-9_]+)(?::(?P<sign>[+-])(?P<number>\d+(?:\.\d+)?)(?P<percent>%?))?(?P<loose>~?)", re.ASCII
)
_FORMS = (
    f"--fail-if takes FIGURE, FIGURE:+5%, samples_per_s:-5% or quality:+0.001, each with a ~ behind it if wished, and "
    f"FIGURE is one of {', '.join(FIGURES)}"
)


class Gate(Frozen):
    """One limit.

    Attributes:
        text: As it was given.
        figure: Its name in ``FIGURES``.
        limit: How much worse is allowed: a share, or for quality an amount in the metric's unit.
        amount: Whether it is an amount.
        by_figure: Whether the figure itself decides, not its interval.
    """

    text: str
    figure: str
    limit: float
    amount: bool = False
    by_figure: bool = False


def parse_gate(text: str) -> Gate:
    """Read ``p99:+5%``; ``p99`` alone allows nothing.

    Raises:
        RecipeError: No such figure, a limit that is none, or one in the direction of better.
    """
    found = _FORM.fullmatch(text)
    if not found or found["figure"] not in FIGURES:
        raise RecipeError(f"{_FORMS}; got '{text}'.")
    figure, sign, number = found["figure"], found["sign"], float(found["number"] or 0)
    amount = number != 0 and not found["percent"]
    if amount and figure != "quality":
        raise RecipeError(f"a limit of {figure} is a share such as {sign}5%, got '{text}'.")
    worse: Literal["+", "-"] = "-" if FIGURES[figure].higher_is_better else "+"
    # Which way quality becomes worse depends on the metric, which the reports know.
    if sign and sign != worse and figure != "quality":
        raise RecipeError(
            f"{figure} becomes worse by {'falling' if worse == '-' else 'rising'}: its limit is such as {worse}5%, "
            f"got '{text}'."
        )
    limit = number if amount else number / 100
    return Gate(text=text, figure=figure, limit=limit, amount=amount, by_figure=bool(found["loose"]))


def judge(comparison: ReportComparison, gates: Sequence[Gate]) -> ReportComparison:
    """The comparison with what each gate says of every row and scenario that it is about."""
    lost = [result for pair in comparison.pairs if gates and (result := _lost(pair))]
    results = [*lost]
    for gate in gates:
        of_gate = [result for pair in comparison.pairs if (result := _result(gate, pair))]
        if not of_gate and not lost:
            nothing = f"nothing in both reports has a figure for '{gate.figure}', so that nothing was judged."
            of_gate = [GateResult(gate=gate.text, name="no row", passed=False, sentence=nothing)]
        results += of_gate
    return comparison.model_copy(update={"gates": tuple(results)})


def check_gates(comparison: ReportComparison) -> None:
    """Refuse a comparison of which a gate failed.

    Raises:
        RegressionError: With a line for each failure.
    """
    failed = [result for result in comparison.gates if not result.passed]
    if failed:
        lines = [f"{result.gate}: {result.name}: {result.sentence}" for result in failed[:_MOST_NAMED]]
        if more := len(failed) - len(lines):
            lines.append(f"and {more} more")
        raise RegressionError(
            f"{len(failed)} of {len(comparison.gates)} checks failed:\n  " + "\n  ".join(lines),
            hint="a limit with ~ looks at the figure, one without at what its interval proves",
        )


def _lost(pair: Pair) -> GateResult | None:
    """What A measured and B did not is told once, and not by every gate."""
    if pair.state == "only in A":
        sentence = "it is not in B."
    elif pair.state == "failed in B":
        sentence = f"it failed in B: {pair.reason.removeprefix('failed: ').rstrip('.')}."
    else:
        return None
    return GateResult(gate="every gate", name=pair.name, passed=False, sentence=sentence)


def _result(gate: Gate, pair: Pair) -> GateResult | None:
    """What a gate says of a pair; None where it is not about it."""
    change = pair.change(gate.figure)
    if change is None or (gate.figure not in _OF_CALLS and change.before is None and change.after is None):
        return None
    passed, sentence = _judged(gate, change)
    return GateResult(gate=gate.text, name=pair.name, passed=passed, sentence=sentence)


def _judged(gate: Gate, change: Change) -> tuple[bool, str]:
    """Whether a change passes, and why."""
    if change.change is None:
        return False, f"{change.missing}."
    limit = _limit(gate, change)
    if isinstance(limit, str):
        return False, limit
    # Turned over so that more is worse.
    sign = -1.0 if change.higher_is_better else 1.0
    ends = sorted(sign * end for end in change.interval) if change.interval else None
    point, most = sign * change.change, sign * limit
    allowed = f"the allowed {_limit_text(gate, change)}"
    if gate.by_figure or (ends is None and not change.missing):
        alone = "" if ends else ", one figure in each report"
        if point > most:
            return False, f"{change} is beyond {allowed}{alone}."
        return True, f"{change} is within {allowed}{alone}."
    if ends is None:
        return False, f"{change.missing}; '{gate.text}~' looks at the figure alone."
    if ends[0] > most:
        return False, f"{change} is beyond {allowed} with the whole interval."
    if ends[1] > most:
        return True, f"{change} is not proven to be beyond {allowed}, nor to be within it."
    return True, f"{change} is within {allowed} with the whole interval."


def _limit(gate: Gate, change: Change) -> float | str:
    """The largest change that is allowed, on the scale of ``change``; or why there is none."""
    sign = -1.0 if change.higher_is_better else 1.0
    if change.scale == "ratio":
        return 1 + sign * gate.limit
    if gate.amount or gate.limit == 0:
        return sign * gate.limit
    low, high = change.before_interval or (0.0, 0.0)
    if low <= 0 <= high or change.before is None:
        return (
            f"{change.of} of A is {change.value_text(change.before)} [{low:.4f}, {high:.4f}], and of what may be zero "
            "no share can be taken; give an amount such as 'quality:+0.001'."
        )
    return sign * gate.limit * abs(change.before)


def _limit_text(gate: Gate, change: Change) -> str:
    sign = "-" if change.higher_is_better else "+"
    return f"{sign}{gate.limit:g}" if gate.amount else f"{sign}{gate.limit * 100:g}%"
