from collections.abc import Sequence

import pytest

from gantools.core.errors import DataError, UnknownNameError
from gantools.core.proof import MetricCard
from gantools.metrics.text.bleu import sentence_bleu
from gantools.metrics.text.card import FEATURE_METRICS, METHOD, NOTHING_VARIES, digest, text_cards
from gantools.metrics.text.hashed import HashedNgrams
from gantools.metrics.text.splitters import treebank
from tests.metrics.text.by_definition import written

OF_WORDS = [
    *(f"bleu-{n}" for n in (2, 3, 4, 5)),
    *(f"self-bleu-{n}" for n in (2, 3, 4, 5)),
    *(f"distinct-{n}" for n in (1, 2, 3)),
    "duplicates",
    "length-mean",
    "length-deviation",
    "length-distance",
    "empty",
    "unknown",
]
OF_COPIES = ["novelty", "longest-copy", "new-4-grams"]
OF_FEATURES = [f"{name}-ngrams" for name in FEATURE_METRICS]


def lines(seed: int, count: int) -> list[str]:
    return [f"{' '.join(sentence)}." for sentence in written(seed, count, words=40, longest=12, shortest=4)]


SAMPLES, REFERENCES, TRAINING = lines(0, 90), lines(1, 70), lines(2, 60)


def cards(samples: Sequence[str] = SAMPLES, splitter: str = "treebank") -> dict[str, MetricCard]:
    found = text_cards(
        samples,
        REFERENCES,
        TRAINING,
        seeds="0-89",
        splitter=splitter,
        data="coco/test",
        training_data="coco/train",
    )
    return {card.name: card for card in found}


def test_all_figures_come_in_one_order() -> None:
    assert list(cards()) == [*OF_WORDS, *OF_COPIES, *OF_FEATURES]
    assert len(cards()) == 27


def test_without_training_data_nothing_is_said_of_copies() -> None:
    found = text_cards(SAMPLES, REFERENCES, seeds="0-89")
    assert [card.name for card in found] == [*OF_WORDS, *OF_FEATURES]


def test_only_what_is_named_is_computed_metrics_figures_and_features_alike() -> None:
    """A metric of words brings all of its figures, a figure only itself, and none of it moves a value."""
    found = text_cards(SAMPLES, REFERENCES, TRAINING, seeds="0-89", metrics=("fid", "distinct", "bleu-4", "novelty"))
    assert [card.name for card in found] == [
        "bleu-4",
        "distinct-1",
        "distinct-2",
        "distinct-3",
        "novelty",
        "fid-ngrams",
    ]
    every = {card.name: card for card in text_cards(SAMPLES, REFERENCES, TRAINING, seeds="0-89")}
    assert all(every[card.name] == card for card in found)


def test_a_metric_of_copies_that_was_named_needs_what_was_trained_on() -> None:
    with pytest.raises(DataError, match="'new-4-grams' tells what is copied, and there are no training") as caught:
        text_cards(SAMPLES, REFERENCES, seeds="0-89", metrics=("bleu", "new-ngrams"))
    assert caught.value.hint == "give --training FILE"


def test_a_card_says_what_its_value_may_be_compared_with() -> None:
    found = cards()
    bleu, varied, new, kid = (found[name] for name in ("bleu-4", "self-bleu-4", "novelty", "kid-ngrams"))
    assert bleu.protocol == (
        "n 4, every reference for every sample, smoothing method 1 (0.1), words by treebank, 90 samples, 70 references"
    )
    assert (bleu.data, bleu.data_sha256, bleu.references) == ("coco/test", digest(REFERENCES), 70)
    assert varied.protocol.endswith("words by treebank, 90 samples")
    assert (varied.data, varied.data_sha256, varied.references) == ("", "", 0)
    assert new.protocol == "word for word, words by treebank, 90 samples, 60 training sentences"
    assert (new.data, new.data_sha256, new.references) == ("coco/train", digest(TRAINING), 60)
    assert kid.protocol == "words by treebank, 90 samples, 70 references"
    assert (kid.extractor, kid.extractor_sha256) == ("ngrams", HashedNgrams.sha256)
    assert kid.preparation == HashedNgrams.preparation
    assert {card.seeds for card in found.values()} == {"0-89"}
    assert {card.samples for card in found.values()} == {90}


def test_values_are_those_of_the_functions_and_lie_in_their_intervals() -> None:
    found = cards()
    expected = sentence_bleu([treebank(line) for line in SAMPLES], [treebank(line) for line in REFERENCES])
    for row, n in enumerate((2, 3, 4, 5)):
        assert found[f"bleu-{n}"].value == pytest.approx(expected[row].mean())
    for card in found.values():
        assert card.interval[0] <= card.value <= card.interval[1]
        assert card.interval[0] < card.interval[1]


def test_a_share_that_nothing_contradicts_has_the_interval_of_the_rule_of_three() -> None:
    found = cards()
    assert (found["empty"].value, found["empty"].interval) == (0.0, (0.0, 3 / 90))
    assert (found["novelty"].value, found["novelty"].interval) == (1.0, (1.0 - 3 / 90, 1.0))
    assert {found[name].method for name in ("empty", "unknown", "novelty")} == {NOTHING_VARIES}
    assert {found[name].method for name in ("bleu-4", "length-mean", "kid-ngrams")} == {METHOD}
    copied = cards([*TRAINING, *SAMPLES[:30]])["novelty"]
    assert copied.method == METHOD
    assert copied.value == pytest.approx(1 / 3)


def test_another_splitter_is_another_protocol_also_of_features() -> None:
    one, other = cards(), cards(splitter="whitespace")
    assert not {card.protocol for card in one.values()} & {card.protocol for card in other.values()}
    assert one["bleu-2"].value != other["bleu-2"].value


def test_features_see_punctuation_as_it_was_split() -> None:
    """What stands apart in one set and not in the other is no difference of the sentences."""
    apart = [" ".join(treebank(line)) for line in SAMPLES]
    assert apart != SAMPLES
    for one, other in zip(cards(apart).values(), cards().values(), strict=True):
        assert one == other


def test_equal_sentences_have_equal_digests_and_others_others() -> None:
    assert digest(["a b", "c"]) == digest(("a b", "c"))
    assert len({digest(some) for some in (["a b", "c"], ["c", "a b"], ["a", "b", "c"], ["a b", "c", ""], [])}) == 5
    assert digest([]) == ""


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(DataError, match="got 39 samples"):
        text_cards(SAMPLES[:39], REFERENCES, seeds="0-38")


def test_missing_references_are_refused() -> None:
    with pytest.raises(DataError, match="there are no reference sentences"):
        text_cards(SAMPLES, [], seeds="0-89")


def test_metrics_of_classes_are_refused() -> None:
    with pytest.raises(DataError, match="metric 'is' needs class probabilities") as caught:
        text_cards(SAMPLES, REFERENCES, seeds="0-89", metrics=("kid", "is"))
    assert caught.value.hint == ("known for text: fid, kid, precision, recall, density, coverage, mauve, authenticity")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="no metric of texts is called 'blue'; did you mean 'bleu'") as caught:
        text_cards(SAMPLES, REFERENCES, seeds="0-89", metrics=("kid", "blue"))
    assert {"bleu", "bleu-4", "self-bleu", "novelty", "kid"} <= set(str(caught.value.hint)[7:].split(", "))
    assert "is" not in str(caught.value.hint)[7:].split(", ")
    with pytest.raises(UnknownNameError, match="no splitter is called 'tree'"):
        text_cards(SAMPLES, REFERENCES, seeds="0-89", splitter="tree")
    with pytest.raises(UnknownNameError, match="no text feature extractor is called 'bert'"):
        text_cards(SAMPLES, REFERENCES, seeds="0-89", extractors=("bert",))
