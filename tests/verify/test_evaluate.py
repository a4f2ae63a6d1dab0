import numpy as np
import pytest

from gantools.core.errors import DataError, QualityError, UnknownNameError
from gantools.core.events import Event, Progress
from gantools.core.proof import MetricCard
from gantools.metrics import METRICS
from gantools.metrics.features import load_extractor
from gantools.metrics.text.card import text_cards
from gantools.verify.evaluate import compare_cards, evaluate, floor_cards
from tests.metrics.text.by_definition import written
from tests.verify.conftest import Images, Real

EXTRACTOR = "digits-cnn"


@pytest.fixture(scope="module")
def real(digits: Images) -> Real:
    return Real(digits, "d" * 64, "digits")


@pytest.fixture(scope="module")
def cards(real: Real) -> tuple[MetricCard, ...]:
    return evaluate(real.images[:600], real, seeds="0-599", extractor=EXTRACTOR)


def test_a_card_holds_everything_its_value_depends_on(cards: tuple[MetricCard, ...]) -> None:
    assert [card.name for card in cards] == ["kid-digits-cnn", "fid-digits-cnn"]
    for card in cards:
        assert (card.samples, card.references, card.seeds) == (600, 1797, "0-599")
        assert (card.data, card.data_sha256) == ("digits", "d" * 64)
        assert (card.extractor, card.extractor_sha256) == ("digits-cnn", load_extractor(EXTRACTOR).sha256)
        assert card.interval[0] < card.value < card.interval[1]
        assert card.confidence == 0.95
        assert card.preparation.startswith("luma by ITU-R BT.601, Pillow bicubic")
        assert card.method == "delete-a-group jackknife over samples, 20 groups, Student t"
        assert MetricCard.model_validate_json(card.model_dump_json()) == card


def test_the_same_images_have_the_same_cards(real: Real, cards: tuple[MetricCard, ...]) -> None:
    assert evaluate(real.images[:600], real, seeds="0-599", extractor=EXTRACTOR) == cards


def test_metrics_are_those_asked_for(real: Real) -> None:
    (card,) = evaluate(real.images[:100], real, seeds="0-99", extractor=EXTRACTOR, metrics=["fid"])
    assert card.name == "fid-digits-cnn"
    with pytest.raises(UnknownNameError, match="no metric is called 'fit'; did you mean 'fid'"):
        evaluate(real.images[:100], real, seeds="0-99", extractor=EXTRACTOR, metrics=["fit"])


def test_every_metric_has_a_card_with_its_protocol_inside_its_bounds(real: Real) -> None:
    cards = evaluate(real.images[:400], real, seeds="0-399", extractor=EXTRACTOR, metrics=list(METRICS))
    assert [card.name for card in cards] == [f"{name}-digits-cnn" for name in METRICS]
    protocols = {card.name.partition("-")[0]: card.protocol for card in cards}
    assert protocols["recall"] == "k 3"
    assert protocols["coverage"] == "k 5"
    for name, card in zip(METRICS, cards, strict=True):
        low, high = METRICS.load(name).bounds
        assert low <= card.interval[0] <= card.value <= card.interval[1] <= high
    (score,) = (card for card in cards if card.name.startswith("is-"))
    assert (score.protocol, score.references, score.data, score.data_sha256) == ("10 splits", 0, "", "")
    assert score.method == "delete-a-group jackknife over samples, 10 groups, Student t"


def test_references_are_looked_at_once_and_no_more_of_them_than_the_limit(real: Real) -> None:
    extractor, seen = load_extractor(EXTRACTOR), list[Event]()
    (card,) = evaluate(
        real.images[:300], real, seeds="0-299", extractor=extractor, metrics=["kid"], limit=500, on_event=seen.append
    )
    assert card.references == 500
    totals = {event.total for event in seen if isinstance(event, Progress) and event.stage == "features"}
    assert totals == {300, 500}
    seen.clear()
    again = evaluate(
        real.images[:300], real, seeds="0-299", extractor=extractor, metrics=["kid"], limit=500, on_event=seen.append
    )
    assert again == (card,)
    assert {event.total for event in seen if isinstance(event, Progress) and event.stage == "features"} == {300}


def test_the_floor_lies_far_below_noise(real: Real) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 32, 32, 1), dtype=np.uint8)
    floor, bad = floor_cards(real, extractor=EXTRACTOR), evaluate(noise, real, seeds="0-399", extractor=EXTRACTOR)
    assert len(floor) == len(bad) == 2
    for low, high in zip(floor, bad, strict=True):
        assert low.name == high.name
        assert low.interval[1] < 0.01 * high.interval[0]
    assert (floor[0].samples, floor[0].references, floor[0].seeds) == (898, 899, "half of the references")
    assert floor[0].interval[0] < 0.0 + 0.005
    assert floor_cards(real, extractor=EXTRACTOR) == floor


def test_the_floor_has_the_counts_of_the_score_where_there_are_images_enough(real: Real) -> None:
    (kid, fid) = floor_cards(real, extractor=EXTRACTOR, limit=1000, samples=700)
    assert {(card.samples, card.references, card.seeds) for card in (kid, fid)} == {(700, 1000, "other real images")}
    assert kid.interval[0] < 0.005
    (few, _) = floor_cards(real, extractor=EXTRACTOR, limit=1000, samples=800)
    assert (few.samples, few.references, few.seeds) == (500, 500, "half of the references")


def test_comparing_like_cards_gives_the_difference(real: Real, cards: tuple[MetricCard, ...]) -> None:
    noisy = evaluate(real.images[:600] ^ np.uint8(64), real, seeds="0-599", extractor=EXTRACTOR)
    for a, b in zip(cards, noisy, strict=True):
        assert compare_cards(a, b) == b.value - a.value > 0.0


def test_unlike_cards_are_not_compared_and_every_difference_is_named(cards: tuple[MetricCard, ...]) -> None:
    kid, fid = cards
    with pytest.raises(QualityError, match=r"differ in name 'kid-digits-cnn' and 'fid-digits-cnn'\.$"):
        compare_cards(kid, fid)
    other = kid.model_copy(update={"extractor_sha256": "e" * 64, "data_sha256": "a" * 64, "protocol": "k 9"})
    with pytest.raises(QualityError) as caught:
        compare_cards(kid, other)
    assert (
        f"protocol '' and 'k 9'; extractor_sha256 {kid.extractor_sha256[:12]} and eeeeeeeeeeee; "
        "data_sha256 dddddddddddd and aaaaaaaaaaaa." in caught.value.message
    )
    assert caught.value.hint == "score both with the same metric, extractor, reference data and number of samples"
    assert caught.value.exit_code == 4


def test_other_counts_are_compared_only_where_the_metric_has_no_bias(cards: tuple[MetricCard, ...]) -> None:
    kid, fid = (card.model_copy(update={"samples": 1000}) for card in cards)
    assert compare_cards(cards[0], kid) == 0.0
    with pytest.raises(QualityError, match="differ in samples 600 and 1000"):
        compare_cards(cards[1], fid)


def test_scores_without_references_are_compared_whatever_data_was_there(real: Real) -> None:
    (card,) = evaluate(real.images[:300], real, seeds="0-299", extractor=EXTRACTOR, metrics=["is"])
    assert compare_cards(card, card.model_copy(update={"data_sha256": "a" * 64, "references": 7})) == 0.0
    with pytest.raises(QualityError, match="differ in samples 300 and 400"):
        compare_cards(card, card.model_copy(update={"samples": 400}))


def test_cards_of_texts_are_compared_as_those_of_images() -> None:
    lines = [" ".join(sentence) for sentence in written(0, 200, words=40)]
    one, other = (
        {card.name: card for card in text_cards(lines[first : first + 50], lines[100:], seeds="")} for first in (0, 50)
    )
    assert len(one) == 24
    for name in one:
        assert compare_cards(one[name], other[name]) == other[name].value - one[name].value
    with pytest.raises(QualityError, match="differ in name 'bleu-4' and 'self-bleu-4'"):
        compare_cards(one["bleu-4"], one["self-bleu-4"])
    elsewhere = {"data_sha256": "a" * 64, "samples": 60}
    with pytest.raises(QualityError, match=r"differ in data_sha256 \w{12} and aaaaaaaaaaaa\.$"):
        compare_cards(one["bleu-4"], one["bleu-4"].model_copy(update=elsewhere))
    with pytest.raises(QualityError, match=r"differ in samples 50 and 60\.$"):
        compare_cards(one["self-bleu-4"], one["self-bleu-4"].model_copy(update=elsewhere))


def test_images_of_another_size_than_the_references_are_refused(real: Real) -> None:
    with pytest.raises(DataError, match="generated images are 64x64x3 and those of 'digits' are 32x32x1"):
        evaluate(np.zeros((50, 64, 64, 3), np.uint8), real, seeds="0-49", extractor=EXTRACTOR)


def test_too_few_images_for_an_interval_are_refused(real: Real) -> None:
    with pytest.raises(DataError, match="got 30 samples"):
        evaluate(real.images[:30], real, seeds="0-29", extractor=EXTRACTOR)
