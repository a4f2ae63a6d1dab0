"""Two reports against each other: what is worse for certain, what cannot be told, and what no gate lets pass."""

import json
from pathlib import Path
from typing import Any

import pytest

from gantools.bench.changes import FIGURES, Change
from gantools.bench.compare import ReportComparison, compare_reports, load_report
from gantools.bench.gates import check_gates, judge, parse_gate
from gantools.bench.results import BenchReport, BenchRow
from gantools.core.errors import ArtifactError, RecipeError, RegressionError
from gantools.timing.environment import Load
from gantools.timing.measure import BenchPlan
from tests.bench.synthetic import MACHINE, card, full_row, report, row, scenario


def compared(before: BenchRow, after: BenchRow) -> ReportComparison:
    return compare_reports(report(before), report(after))


def change(before: BenchRow, after: BenchRow, figure: str) -> Change:
    found = compared(before, after).pairs[0].change(figure)
    assert found is not None
    return found


def gated(found: ReportComparison, *texts: str) -> list[tuple[bool, str]]:
    judged = judge(found, [parse_gate(text) for text in texts])
    return [(result.passed, result.sentence) for result in judged.gates]


def test_a_report_compared_with_itself_has_no_difference() -> None:
    whole = report(full_row("a", 1, 1.0), full_row("b", 1, 2.0), scenarios=(scenario("a"),))
    found = compare_reports(whole, whole)
    changes = [change for pair in found.pairs for change in pair.changes if change.change is not None]
    assert len(changes) == 2 * 9 + 4
    assert {change.change for change in changes} == {1.0, 0.0}
    assert {change.verdict for change in changes} == {"no difference", "not judged"}
    assert found.differences == ()


def test_slower_is_worse_and_more_samples_are_better() -> None:
    before, after = row(median=1.0, seed=1), row(median=1.1, seed=2)
    median, rate = change(before, after, "p50"), change(before, after, "samples_per_s")
    assert (median.verdict, rate.verdict) == ("worse", "worse")
    assert median.interval is not None
    assert rate.interval is not None
    assert median.interval[0] < 1.1 < median.interval[1]
    assert rate.interval == (1 / median.interval[1], 1 / median.interval[0])
    assert change(after, before, "p50").verdict == "better"
    assert change(after, before, "samples_per_s").verdict == "better"
    assert str(median).startswith("+")


def test_what_noise_explains_is_no_difference() -> None:
    before, after = row(seed=1, spread=0.2), row(seed=2, spread=0.2)
    assert change(before, after, "p50").verdict == "no difference"
    stalled = row(seed=2, spread=0.2, stall=50.0)
    assert change(before, stalled, "p50").verdict == "no difference"


def test_a_planted_tail_is_seen_by_p99_alone() -> None:
    values = list(row(seed=2).values_ms)
    values[::40] = [value * 3 for value in values[::40]]
    found = compared(row(seed=1), row(values_ms=values))
    verdicts = {name: one.verdict for name in ("p50", "p90", "p99") if (one := found.pairs[0].change(name))}
    assert verdicts["p99"] == "worse"
    assert gated(found, "p50:+5%", "p99:+5%")[0][0]
    assert not gated(found, "p50:+5%", "p99:+5%")[1][0]


def test_the_default_gate_fails_where_the_near_end_is_beyond_the_limit_and_the_other_where_the_figure_is() -> None:
    noisy = compared(row(seed=3, spread=0.8), row(median=1.15, seed=4, spread=0.8))
    (one,) = [each for each in noisy.pairs[0].changes if each.figure == "p50"]
    assert one.change is not None
    assert one.interval is not None
    assert one.interval[0] < 1.05 < one.change, "the case is one of doubt"
    assert gated(noisy, "p50:+5%") == [
        (True, f"{one} is not proven to be beyond the allowed +5%, nor to be within it.")
    ]
    assert gated(noisy, "p50:+5%~") == [(False, f"{one} is beyond the allowed +5%.")]
    sure = compared(row(seed=3), row(median=1.1, seed=4))
    assert [passed for passed, _ in gated(sure, "p50:+5%", "p50:+15%", "p50", "samples_per_s:-5%")] == [
        False,
        True,
        False,
        False,
    ]
    assert gated(sure, "p50:+15%")[0][1].endswith("is within the allowed +15% with the whole interval.")
    assert gated(sure, "samples_per_s:-12%")[0][0]


def test_faster_passes_every_gate_of_speed() -> None:
    found = compared(full_row("a", 1, 1.0), full_row("a", 1, 0.5))
    texts = ["p50", "p90", "p99", "samples_per_s", "load", "cold", "memory", "energy", "quality"]
    assert [passed for passed, _ in gated(found, *texts)] == [True] * len(texts)


def test_figures_that_a_report_has_once_are_judged_by_themselves() -> None:
    before, after = full_row("a", 1, 1.0), full_row("a", 16, 1.0).model_copy(update={"batch": 1})
    assert change(before, after, "memory").verdict == "not judged"
    found = compared(before, after)
    assert gated(found, "memory:+10%", "memory:+15%") == [
        (False, "+11.5% is beyond the allowed +10%, one figure in each report."),
        (True, "+11.5% is within the allowed +15%, one figure in each report."),
    ]


@pytest.mark.parametrize(
    ("before", "after", "gate", "match"),
    [
        ({"count": 240}, {}, "p99:+5%", "A has 240 calls, and p99 needs 760 more."),
        ({}, {"count": 240}, "p99:+5%", "B has 240 calls, and p99 needs 760 more."),
        ({"count": 5}, {"count": 15}, "samples_per_s:-5%", "A has 5 calls, and samples_per_s needs 15 more and B has"),
        ({"block": 200}, {"block": 200}, "p50:+5%", "there are 5 rounds, and an interval needs 10; 'p50:+5%~' looks"),
        ({}, {"load_ms": 3.0}, "load", "A was measured without telling how long opening takes."),
        ({"cold": None}, {}, "cold", "A was measured without a process for each variant."),
        ({}, {"memory": None}, "memory:+10%", "B was measured without a process for each variant."),
        ({}, {"energy": None}, "energy", "B was measured without a meter that can be read."),
        ({}, {"quality": ()}, "quality:+10%", "there is no metric card in B."),
        ({}, {"quality": (card(0.1, "fid-digits-cnn"),)}, "quality:+10%", "A was scored by kid-digits-cnn (abab"),
        ({}, {"status": "failed: it broke."}, "p50", "it failed in B: it broke."),
        ({"load_ms": 0.0}, {}, "load", "A has zero, of which no ratio can be taken."),
    ],
)
def test_what_is_missing_fails_the_gate_and_says_what_it_takes(
    before: dict[str, Any], after: dict[str, Any], gate: str, match: str
) -> None:
    one, other = full_row("a", 1, 1.0), full_row("a", 1, 1.0)
    if gate == "load" and "load_ms" in after:
        one = one.model_copy(update={"load_ms": None})
    rows = [
        full_row("a", 1, 1.0, **changes) if changes else whole for changes, whole in ((before, one), (after, other))
    ]
    ((passed, sentence),) = gated(compared(*rows), gate)
    assert not passed
    assert match in sentence


def test_a_row_that_vanished_fails_and_one_that_is_new_or_was_never_measured_does_not() -> None:
    broken = row("c", status="failed: no runtime.", p50_ms=None)
    before = report(row("a"), row("b"), broken)
    found = compare_reports(before, report(row("a"), broken, row("d")))
    assert [(pair.name, pair.state) for pair in found.pairs] == [
        ("a, batch 1", "in both"),
        ("b, batch 1", "only in A"),
        ("c, batch 1", "failed in both"),
        ("d, batch 1", "only in B"),
    ]
    results = judge(found, [parse_gate("p50:+5%")]).gates
    assert [(one.name, one.passed) for one in results] == [("b, batch 1", False), ("a, batch 1", True)]
    with pytest.raises(RegressionError, match=r"1 of 2 checks failed:\n  every gate: b, batch 1: it is not in B\."):
        check_gates(judge(found, [parse_gate("p50:+5%")]))
    assert RegressionError.exit_code == 4


def test_what_failed_before_cannot_become_worse() -> None:
    broken = row("c", status="failed: no runtime.", p50_ms=None)
    for after in (report(row("a")), report(row("a"), broken), report(row("a"), row("c"))):
        found = judge(compare_reports(report(row("a"), broken), after), [parse_gate("p50:+5%")])
        assert [(one.name, one.passed) for one in found.gates] == [("a, batch 1", True)]


def test_many_failures_are_counted_and_the_first_named() -> None:
    rows = [row(f"v{index}", count=20) for index in range(14)]
    found = judge(compare_reports(report(*rows), report(*rows)), [parse_gate("p99")])
    with pytest.raises(RegressionError, match="14 of 14 checks failed:") as caught:
        check_gates(found)
    assert caught.value.message.count("p99 needs 980 more") == 20
    assert caught.value.message.endswith("and 4 more")


def test_a_gate_that_judged_nothing_fails() -> None:
    found = compared(row("a"), row("a"))
    ((passed, sentence),) = gated(found, "energy:+5%")
    assert not passed
    assert sentence == "nothing in both reports has a figure for 'energy', so that nothing was judged."


def test_quality_is_a_difference_because_a_metric_may_be_zero_or_below() -> None:
    def with_kid(value: float) -> BenchRow:
        return row(quality=(card(value),))

    found = compared(with_kid(0.0100), with_kid(0.0130))
    (one,) = [each for each in found.pairs[0].changes if each.figure == "quality"]
    assert one.interval == pytest.approx((0.003 - 0.0006 * 2**0.5, 0.003 + 0.0006 * 2**0.5))
    assert one.verdict == "worse"
    assert [
        passed for passed, _ in gated(found, "quality:+10%", "quality:+35%", "quality:+0.001", "quality:+0.004")
    ] == [
        False,
        True,
        False,
        True,
    ]
    near_zero = compared(with_kid(0.0001), with_kid(0.0002))
    ((passed, sentence),) = gated(near_zero, "quality:+10%")
    assert not passed
    assert "of what may be zero no share can be taken; give an amount such as 'quality:+0.001'." in sentence
    assert gated(near_zero, "quality:+0.001", "quality")[0][0]


def test_coverage_becomes_worse_by_falling() -> None:
    def covering(value: float) -> BenchRow:
        return row(quality=(card(value, "coverage-digits-cnn"),))

    found = compared(covering(0.9), covering(0.7))
    assert [passed for passed, _ in gated(found, "quality:-10%", "quality:-30%")] == [False, True]
    assert gated(found, "quality:-10%")[0][1].endswith("is beyond the allowed -10% with the whole interval.")
    assert gated(compared(covering(0.7), covering(0.9)), "quality")[0][0]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("p98:+5%", "--fail-if takes FIGURE, FIGURE:+5%, samples_per_s:-5% or quality:"),
        ("p99:5%", "got 'p99:5%'"),
        ("p99:+5%!", "got 'p99:+5%!'"),
        ("", "got ''"),
        ("p99:+5", "a limit of p99 is a share such as +5%, got 'p99:+5'."),
        ("p99:-5%", "p99 becomes worse by rising: its limit is such as +5%, got 'p99:-5%'."),
        ("samples_per_s:+5%", "samples_per_s becomes worse by falling: its limit is such as -5%"),
    ],
)
def test_a_gate_that_is_none_is_a_sentence_with_the_forms(text: str, match: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_gate(text)
    assert match in caught.value.message
    assert caught.value.exit_code == 2


def test_every_figure_can_be_a_gate() -> None:
    assert len(FIGURES) == 10
    for name in FIGURES:
        assert parse_gate(name).limit == 0
        assert parse_gate(f"{name}~").by_figure
    assert parse_gate("p99:+2.5%").limit == 0.025


def test_scenarios_are_paired_and_invalid_ones_fail() -> None:
    def with_runs(*runs: Any) -> BenchReport:
        return report(row("a"), scenarios=runs)

    before = with_runs(
        scenario("a", "server", bound_ms=15.0),
        scenario("a", "offline", 900.0, 1, samples_per_s=1000.0),
        scenario("a", "offline", mode="accuracy", valid=None, matches=True),
        scenario("a", "single-stream"),
    )
    after = with_runs(
        scenario("a", "server", 3.0, bound_ms=15.0),
        scenario("a", "offline", 900.0, 1, samples_per_s=800.0),
        scenario("a", "offline", mode="accuracy", valid=None, matches=False),
        scenario("a", "single-stream", valid=False, invalid_because=("Min queries: NO",)),
    )
    found = compare_reports(before, after)
    results = {result.name: result for result in judge(found, [parse_gate("p99:+5%")]).gates}
    assert not results["a, server"].passed
    assert "a, offline" not in results
    assert results["a, offline, accuracy"].sentence == "it failed in B: its outputs differ from those of plain runs."
    assert results["a, single-stream"].sentence == "it failed in B: LoadGen calls it invalid: Min queries: NO."
    rates = {result.name: result for result in judge(found, [parse_gate("samples_per_s:-10%")]).gates}
    assert rates["a, offline"].sentence == "-20.0% is beyond the allowed -10%, one figure in each report."
    assert {result.name for result in judge(found, [parse_gate("load")]).gates} == {
        "a, offline, accuracy",
        "a, single-stream",
    }, "a scenario has no such figure, but it has to be there"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"environment": MACHINE.model_copy(update={"cpu": "Other CPU"})}, "CPU: Some CPU in A, Other CPU in B"),
        ({"environment": MACHINE.model_copy(update={"isa": ("avx2",)})}, "instruction sets: avx2, fma in A, avx2 in B"),
        ({"environment": MACHINE.model_copy(update={"cores_physical": 4})}, "cores: 2 and 2 logical in A, 4 and"),
        ({"environment": MACHINE.model_copy(update={"affinity": (0,)})}, "CPUs allowed: 2 in A, 1 in B"),
        (
            {"environment": MACHINE.model_copy(update={"governor": "powersave"})},
            "governor: not told in A, powersave in B",
        ),
        ({"environment": MACHINE.model_copy(update={"gpus": ("X, 550, 8 GiB",)})}, "GPU: none in A, X, 8 GiB in B"),
        ({"plan": BenchPlan(batches=(1,), threads=1)}, "threads: 2 in A, 1 in B"),
        ({"plan": BenchPlan(batches=(1,), threads=2, rounds=30)}, "plan: rounds: 20 in A, 30 in B"),
        ({"isolated": True}, "processes: one for all variants in A, one for each variant in B"),
        (
            {"scenarios": (scenario("a", bound_ms=15.0, rate_per_s=50.0),)},
            "bound of a, server: p99 within 15 ms in A, p99 within 15 ms, 50 arrivals/s in B",
        ),
        ({"scenarios": (scenario("a", bound_ms=30.0),)}, "bound of a, server: p99 within 15 ms in A, p99 within 30 ms"),
    ],
)
def test_what_was_not_measured_alike_is_refused_unless_allowed(change: dict[str, Any], match: str) -> None:
    before = report(row("a"), scenarios=(scenario("a", bound_ms=15.0),))
    after = report(row("a"), **({"scenarios": before.scenarios} | change))
    with pytest.raises(RecipeError, match="the reports were not measured alike:") as caught:
        compare_reports(before, after)
    assert match in caught.value.message
    assert "--allow-unlike" in str(caught.value.hint)
    found = compare_reports(before, after, allow_unlike=True)
    assert [one.what for one in found.differences if one.unlike] == [match.partition(": ")[0]] or "plan" in match


def test_versions_and_warnings_are_told_and_do_not_refuse() -> None:
    newer = MACHINE.model_copy(
        update={"libraries": {"numpy": "2.5.0", "openvino": "2026.1"}, "git_commit": "fedcba", "gpus": ()}
    )
    noisy = Load(elapsed_seconds=1, load_average=None, other_share=0.5, steal_share=0, warnings=("others ran.",))
    plan = BenchPlan(batches=(1, 4), threads=2, seed=3)
    found = compare_reports(report(row("a")), report(row("a"), environment=newer, load=noisy, plan=plan))
    assert [str(one) for one in found.differences] == [
        "commit: 0123456789ab in A, fedcba in B",
        "numpy: 2.4.0 in A, 2.5.0 in B",
        "onnxruntime: 1.27.0 in A, not installed in B",
        "openvino: not installed in A, 2026.1 in B",
        "warnings: none in A, others ran. in B",
    ]
    driver = [MACHINE.model_copy(update={"gpus": (f"X, {version}, 8 GiB",)}) for version in ("550", "560")]
    found = compare_reports(*(report(row("a"), environment=one) for one in driver))
    assert [(one.what, one.unlike) for one in found.differences] == [("GPU and driver", False)]


def test_rows_are_paired_by_name_span_batch_and_pause() -> None:
    rows = (row("a"), row("a", 4), row("a", gap_ms=50.0), row("a (sample)", span="sample"))
    found = compare_reports(report(*rows), report(*reversed(rows)))
    assert [(pair.name, pair.state) for pair in found.pairs] == [
        ("a, batch 1, run", "in both"),
        ("a, batch 4, run", "in both"),
        ("a, batch 1, pauses of 50 ms, run", "in both"),
        ("a (sample), batch 1, sample", "in both"),
    ]


def test_reports_without_a_common_row_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"no variant is in both reports .* A has a, B has b\."):
        compare_reports(report(row("a")), report(row("b")))


def test_the_comparison_is_one_document() -> None:
    found = judge(compared(row("a"), row("a")), [parse_gate("p50:+5%")])
    document = json.loads(found.to_json())
    assert document["schema"] == 1
    assert ReportComparison.model_validate(document) == found


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    whole = report(full_row("a", 1, 1.0), scenarios=(scenario("a"),))
    (tmp_path / "a.json").write_text(whole.to_json())
    assert load_report(tmp_path / "a.json") == whole


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (None, "cannot read the report"),
        ("{", "is not JSON"),
        ("[]", "has schema None, and this gantools reads benchmark reports of schema 2."),
        ('{"schema": 1}', "has schema 1, and"),
        ('{"schema": 2}', "is not a benchmark report: plan: Field required."),
    ],
)
def test_a_file_that_is_no_report_is_named(text: str | None, match: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"a\.json") as caught:
        load_report(tmp_path / "a.json")
    assert match in caught.value.message
    assert caught.value.hint
