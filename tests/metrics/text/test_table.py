"""What every row of the table of metrics of words must do."""

from dataclasses import replace

import numpy as np
import pytest

from gantools.core.errors import DataError, UnknownNameError
from gantools.metrics.interval import interval, split
from gantools.metrics.text import TEXT_METRICS, metric_of
from gantools.metrics.text.metric import TextMetric, Texts
from tests.metrics.text.by_definition import written

# What each metric is there to see. A row that sees nothing has no place in the table.
SEES = {
    "words in any order": {"bleu", "self-bleu", "distinct", "longest-copy", "new-ngrams"},
    "repeated samples": {"self-bleu", "distinct", "duplicates"},
    "copied training sentences": {"novelty", "longest-copy", "new-ngrams"},
    "lost ends": {"length", "length-distance", "bleu"},
    "lost sentences": {"empty"},
    "lost words": {"unknown"},
}


@pytest.fixture(params=list(TEXT_METRICS))
def named(request: pytest.FixtureRequest) -> tuple[str, TextMetric]:
    return request.param, TEXT_METRICS.load(request.param)


def texts() -> Texts:
    sentences = written(0, 700, words=40, longest=12, shortest=4)
    return Texts(sentences[:200], sentences[200:400], [*sentences[400:], *sentences[:9]])


def values(metric: TextMetric, given: Texts) -> list[float]:
    return [figure.value for figure in metric.figures(given, split(len(given.samples), 20))]


def test_the_table_holds_the_metrics_these_tests_know() -> None:
    assert set(TEXT_METRICS) == set().union(*SEES.values())
    assert len(TEXT_METRICS) == 11


def test_figures_have_the_names_of_their_metric(named: tuple[str, TextMetric]) -> None:
    _, metric = named
    assert tuple(figure.name for figure in metric.figures(texts(), split(200, 20))) == metric.names
    assert all(metric_of(name) is metric for name in metric.names)


def test_a_figure_that_no_metric_gives_is_refused() -> None:
    assert len({name for row in TEXT_METRICS for name in TEXT_METRICS.load(row).names}) == 20
    with pytest.raises(UnknownNameError, match="no figure of words is called 'bleu-44'; did you mean 'bleu-4'"):
        metric_of("bleu-44")


def test_leaving_a_group_out_equals_computing_without_it(named: tuple[str, TextMetric]) -> None:
    _, metric = named
    given = texts()
    given = replace(given, samples=[[], ["<unk>", "w1"], *given.samples, *given.samples[:12]])
    groups = split(len(given.samples), 20)
    found = metric.figures(given, groups)
    assert len(found) >= 1
    left = np.stack([figure.without for figure in found], 1)
    assert left.shape == (20, len(found))
    for number, group in enumerate(groups):
        gone = set(group.tolist())
        few = [sample for row, sample in enumerate(given.samples) if row not in gone]
        np.testing.assert_allclose(left[number], values(metric, replace(given, samples=few)), rtol=1e-9, atol=1e-12)


def test_values_lie_within_their_bounds_and_intervals_around_them(named: tuple[str, TextMetric]) -> None:
    _, metric = named
    for figure in metric.figures(texts(), split(200, 20)):
        assert metric.bounds[0] <= figure.value <= metric.bounds[1]
        low, high = interval(figure.value, figure.without)
        assert low <= figure.value <= high


def test_the_order_of_the_sentences_does_not_matter(named: tuple[str, TextMetric]) -> None:
    _, metric = named
    given = texts()
    turned = Texts(given.samples[::-1], given.references[::-1], given.training[::-1])
    np.testing.assert_allclose(values(metric, turned), values(metric, given), rtol=1e-12)


def test_names_of_words_do_not_matter_but_that_of_the_unknown_one(named: tuple[str, TextMetric]) -> None:
    _, metric = named
    given = texts()
    samples, references, training = (
        [[f"{word[::-1]}!" for word in one] for one in some]
        for some in (given.samples, given.references, given.training)
    )
    renamed = Texts(samples, references, training)
    np.testing.assert_allclose(values(metric, renamed), values(metric, given), rtol=1e-12)


def test_each_fault_is_seen_by_those_that_are_there_to_see_it(named: tuple[str, TextMetric]) -> None:
    name, metric = named
    given = texts()
    faulty = {
        "repeated samples": [*given.samples[:20]] * 10,
        "copied training sentences": given.training[:200],
        "lost ends": [sample[:3] for sample in given.samples],
        "lost sentences": [sample if row % 3 else [] for row, sample in enumerate(given.samples)],
        "lost words": [[word if word != "w1" else "<unk>" for word in sample] for sample in given.samples],
    }
    assert set(faulty) == set(SEES) - {"words in any order"}
    sound, cases = values(metric, given), 0
    for fault, samples in faulty.items():
        if name in SEES[fault]:
            changes = np.array(values(metric, replace(given, samples=samples))) - sound
            assert abs(changes).max() > 0.05
            cases += 1
    assert cases >= 1


def test_words_in_another_order_are_seen() -> None:
    """Sentences of a fixed order, against the same ones shuffled: pairs of words are no longer known."""
    given, rng = texts(), np.random.default_rng(0)
    ordered = replace(
        given,
        samples=[sorted(sample) for sample in given.samples],
        references=[sorted(sample) for sample in given.references],
        training=[sorted(sample) for sample in given.training],
    )
    shuffled = replace(ordered, samples=[list(rng.permutation(sample)) for sample in given.samples])
    seen = set()
    for name in TEXT_METRICS:
        changes = np.array(values(TEXT_METRICS.load(name), shuffled)) - values(TEXT_METRICS.load(name), ordered)
        if abs(changes).max() > 0.05:
            seen.add(name)
    assert seen == SEES["words in any order"]


def test_values_do_not_change_with_the_number_of_samples_unless_it_says_so(named: tuple[str, TextMetric]) -> None:
    """Means over draws of 40 and of 400 samples of the same distribution."""
    _, metric = named
    given = replace(texts(), references=written(8, 200))
    drawn = written(9, 6000)  # with short ones, of which some repeat

    def means(count: int, runs: int) -> tuple[float, float]:
        found = [
            values(metric, replace(given, samples=drawn[run * count : (run + 1) * count]))[0] for run in range(runs)
        ]
        return float(np.mean(found)), float(np.std(found) / np.sqrt(runs))

    (few, error), (many, other_error) = means(40, 150), means(400, 15)
    moved = abs(few - many) > 5.0 * np.hypot(error, other_error)
    assert moved == ("samples" in metric.biased_by)


def test_missing_references_are_refused() -> None:
    given = Texts(written(0, 50))
    names = [name for name in TEXT_METRICS if TEXT_METRICS.load(name).against == "references"]
    assert names == ["bleu", "length-distance"]
    for name in names:
        with pytest.raises(DataError, match="there are no reference sentences"):
            TEXT_METRICS.load(name).figures(given, split(50, 20))
