"""The judge alone, on figures that are made up."""

import math
from collections.abc import Iterable

import pytest

from gantools.core.recipe import SafetySection
from gantools.train.watch import WINDOW, Finding, Memory, Score, Value, Watch


def watch(**options: object) -> Watch:
    return Watch(SafetySection.model_validate(options), Memory())


def window(done: int, **terms: float) -> list[Value]:
    """The values of the window that ends after ``done`` steps."""
    return [Value(step, name, value) for step in range(done - WINDOW, done) for name, value in terms.items()]


def windows(judge: Watch, values: Iterable[dict[str, float]], start: int = 0) -> list[list[Finding]]:
    found = []
    for number, terms in enumerate(values, start + 1):
        found.append(judge.losses(number * WINDOW, window(number * WINDOW, **terms)))
    return found


def score(step: int, kid: float, width: float = 0.001, variance: float = 1.0, rank: float = 1.0) -> Score:
    return Score(step=step, kid=kid, low=kid - width, high=kid + width, variance=variance, rank=rank)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_first_step_and_term_that_is_not_finite_is_named(bad: float) -> None:
    values = [Value(step, "D.real", bad if step >= 11 else 0.5) for step in range(20)]
    (finding,) = watch().losses(20, values)
    assert finding.fatal
    assert finding.text == f"the loss term 'D.real' became {bad} at step 12"
    (also,) = watch(enabled=False).losses(20, values)
    assert also.fatal, "no setting lets a training go on with what is no number"


def test_a_loss_that_explodes_warns_and_then_fails() -> None:
    judge = watch(explosion=20)
    assert windows(judge, [{"D.real": 0.7, "G.fake": -3.0}] * 12) == [[]] * 12
    (warning,), (failure,) = windows(judge, [{"D.real": 0.7, "G.fake": -70.0}] * 2, start=12)
    assert warning.text == "the loss term 'G.fake' is -70 at step 260, 23 times as usual"
    assert (warning.fatal, failure.fatal) == (False, True)


def test_one_window_of_explosion_is_forgiven() -> None:
    judge = watch()
    loud, quiet = {"D.real": 50.0}, {"D.real": 0.7}
    found = windows(judge, [quiet] * 12 + [loud, quiet, loud, quiet])
    assert [len(findings) for findings in found[12:]] == [1, 0, 1, 0]
    assert not any(finding.fatal for findings in found for finding in findings)


def test_a_term_near_zero_may_grow_a_hundredfold() -> None:
    judge = watch()
    assert windows(judge, [{"D.r1": 0.001}] * 12 + [{"D.r1": 0.5}] * 3) == [[]] * 15


def test_nothing_is_an_explosion_before_there_is_a_history() -> None:
    assert windows(watch(), [{"D.real": 1.0}] * 5 + [{"D.real": 1000.0}] * 4) == [[]] * 9


def test_a_discriminator_that_is_always_right_is_told_once() -> None:
    judge = watch()
    found = windows(judge, [{"D.accuracy": 1.0}] * 40)
    told = [(number + 1, findings[0]) for number, findings in enumerate(found) if findings]
    assert len(told) == 1
    assert told[0][0] * WINDOW == 500
    assert "100.0% of all samples right for 500 steps at step 500" in told[0][1].text
    assert not told[0][1].fatal
    assert windows(watch(max_accuracy=1), [{"D.accuracy": 1.0}] * 40) == [[]] * 40


def test_a_kid_that_stays_twice_as_bad_fails_after_patience() -> None:
    judge = watch(patience=3, worse=2)
    assert judge.score(score(100, 0.010)) == []
    assert judge.score(score(200, 0.019)) == [], "less than twice"
    (first,) = judge.score(score(300, 0.030))
    assert first.text == "at step 300 KID is 0.0300, and was 0.0100 at step 100 (bad score 1 of 3 in a row)"
    assert judge.score(score(400, 0.012)) == [], "and the count begins again"
    found = [judge.score(score(step, 0.030))[0].fatal for step in (500, 600, 700)]
    assert found == [False, False, True]


def test_scores_whose_intervals_meet_are_no_complaint() -> None:
    judge = watch(patience=1)
    judge.score(score(100, 0.001, width=0.004))
    assert judge.score(score(200, 0.008, width=0.004)) == []


def test_a_better_score_is_never_bad() -> None:
    judge = watch(patience=1)
    assert judge.score(score(100, 0.5, variance=0.01, rank=0.01)) == [], "the first is the best so far"
    assert judge.score(score(200, 0.4, variance=0.01, rank=0.01)) == []
    (collapsed,) = judge.score(score(300, 0.41, variance=0.9, rank=0.1))
    assert collapsed.fatal
    assert "10% of the real ones' effective rank" in collapsed.text


@pytest.mark.parametrize(
    ("variance", "rank", "named"), [(0.1, 1.0, "10% of the real ones' variance"), (1.0, 0.2, "20%")]
)
def test_samples_without_variety_are_a_collapse(variance: float, rank: float, named: str) -> None:
    judge = watch(patience=1)
    judge.score(score(100, 0.01))
    (finding,) = judge.score(score(200, 0.0101, variance=variance, rank=rank))
    assert finding.fatal
    assert named in finding.text
    lenient = watch(patience=1, min_diversity=0)
    lenient.score(score(100, 0.01))
    assert lenient.score(score(200, 0.0101, variance=variance, rank=rank)) == []


def test_a_saturated_discriminator_makes_any_worse_kid_bad() -> None:
    judge = watch(patience=1)
    judge.score(score(100, 0.010))
    assert judge.score(score(200, 0.014)) == []
    windows(judge, [{"D.accuracy": 0.999}] * 25)
    (finding,) = judge.score(score(600, 0.014))
    assert finding.text.startswith("at step 600 the discriminator is nearly always right, and KID is 0.0140")


def test_switched_off_nothing_finite_is_judged() -> None:
    judge = watch(enabled=False)
    assert windows(judge, [{"D.real": 0.7}] * 12 + [{"D.real": 1e6}] * 3) == [[]] * 15
    assert judge.score(score(100, 0.01)) == []
    assert judge.score(score(200, 5.0, variance=0.0)) == []
    assert judge.memory == Memory()


def test_judgements_do_not_depend_on_where_a_training_was_interrupted() -> None:
    """Memory is saved in the middle of a window and read again: the same findings, the same memory."""
    terms = [{"D.real": 0.7, "D.accuracy": 0.999}] * 30 + [{"D.real": 90.0, "D.accuracy": 0.999}] * 2
    straight = watch()
    expected = windows(straight, terms)
    values = [value for number, one in enumerate(terms, 1) for value in window(number * WINDOW, **one)]
    interrupted, found = watch(), []
    for done in range(7, len(terms) * WINDOW + 1):
        fresh = [value for value in values if value.step == done - 1] if done > 7 else values[: 2 * 7]
        found.append(interrupted.losses(done, fresh))
        interrupted = Watch(SafetySection(), Memory.model_validate_json(interrupted.memory.model_dump_json()))
    assert [one for one in found if one] == [one for one in expected if one]
    assert len([one for one in expected if one]) == 3
    assert {key: pytest.approx(value) for key, value in straight.memory.medians.items()} == interrupted.memory.medians


def test_going_back_forgets_what_went_wrong_and_keeps_what_was_usual() -> None:
    judge = watch()
    windows(judge, [{"D.real": 0.7}] * 12 + [{"D.real": 90.0}])
    judge.score(score(100, 0.01))
    judge.score(score(200, 0.5))
    memory = judge.memory
    assert (memory.exploding, memory.bad) == (1, 1)
    again = memory.gone_back(attempt=1, learning_rate_scale=0.5)
    assert (again.exploding, again.saturated, again.bad) == (0, 0, 0)
    assert (again.attempt, again.learning_rate_scale) == (1, 0.5)
    assert (again.best, again.medians) == (memory.best, memory.medians)
