"""What an optimization costs a generator of texts: pairs of texts of one seed, in any figure they are scored by."""

import numpy as np
import numpy.typing as npt
import pytest

from gantools.core.errors import DataError, RecipeError, UnknownNameError
from gantools.core.events import Event, Progress
from gantools.metrics.text.card import text_cards
from gantools.metrics.text.hashed import HashedNgrams
from gantools.verify.gate import Yardstick, check_budgets
from gantools.verify.sentence_losses import SentenceYardstick, needs_text_features, sentence_losses
from tests.metrics.text.by_definition import written

Tokens = npt.NDArray[np.int32]


def decode(tokens: Tokens) -> list[str]:
    return [" ".join(f"w{number}" for number in row if number) for row in tokens]


def drawn(seed: int, count: int) -> Tokens:
    """Sentences of words that depend on the one before, as tokens from 1 on."""
    rows = np.zeros((count, 12), np.int32)
    for row, sentence in enumerate(written(seed, count, words=40, longest=11, shortest=4)):
        rows[row, : len(sentence)] = [int(word[1:]) + 1 for word in sentence]
    return rows


SOURCE = drawn(0, 200)
WORSE = np.where(np.random.default_rng(0).random(SOURCE.shape) < 0.3, np.where(SOURCE > 0, 77, 0), SOURCE)
YARDSTICK = SentenceYardstick(decode, decode(drawn(1, 300)), "real.txt", HashedNgrams())


def test_equal_texts_lose_nothing_in_any_figure() -> None:
    budgets = {"bleu-4": 0.01, "self-bleu-2": 0.01, "distinct-1": 0.01, "length-distance": 0.1, "kid": 0.01, "fid": 1.0}
    events: list[Event] = []
    found = sentence_losses(SOURCE, SOURCE, budgets, seeds="0-199", yardstick=YARDSTICK, on_event=events.append)
    assert [loss.metric for loss in found] == list(budgets)
    assert {(loss.loss, loss.interval, loss.ok) for loss in found} == {(0.0, (0.0, 0.0), True)}
    progress = [event.done for event in events if isinstance(event, Progress) and event.stage == "gate"]
    assert progress == list(range(7))


@pytest.mark.parametrize("name", ["bleu-4", "bleu-2", "kid", "precision", "self-bleu-3"])
def test_a_loss_is_the_difference_of_cards_in_the_direction_of_worse(name: str) -> None:
    """Words that no real text has: worse in BLEU (higher is better) and KID (lower is)."""
    (loss,) = sentence_losses(SOURCE, WORSE, {name: 1e-3}, seeds="0-199", yardstick=YARDSTICK)
    before, after = (
        text_cards(decode(some), YARDSTICK.references, seeds="0-199", metrics=[name])[0] for some in (SOURCE, WORSE)
    )
    assert loss.source == pytest.approx(before.value)
    assert loss.final == pytest.approx(after.value)
    sign = -1 if name.startswith(("bleu", "precision")) else 1
    assert loss.loss == pytest.approx(sign * (after.value - before.value))
    assert loss.interval[0] < loss.loss < loss.interval[1]
    if name != "self-bleu-3":
        assert loss.interval[0] > 0, "such a loss is seen"
        assert not loss.ok
        assert (loss.data, loss.data_sha256) == ("real.txt", before.data_sha256)
    else:
        assert loss.data == loss.data_sha256 == ""
    assert loss.extractor_sha256 == (HashedNgrams.sha256 if name in ("kid", "precision") else "")


def test_pairs_make_the_interval_narrower_than_that_of_either_value() -> None:
    few = SOURCE.copy()
    few[:20] = WORSE[:20]
    (loss,) = sentence_losses(SOURCE, few, {"bleu-4": 1.0}, seeds="0-199", yardstick=YARDSTICK)
    (card,) = text_cards(decode(SOURCE), YARDSTICK.references, seeds="0-199", metrics=["bleu-4"])
    assert np.ptp(loss.interval) < 0.5 * np.ptp(card.interval)


@pytest.mark.parametrize(
    ("budgets", "error", "says"),
    [
        ({"blue-4": 0.1}, UnknownNameError, "no metric of texts is called 'blue-4'; did you mean 'bleu-4'"),
        ({"bleu": 0.1}, UnknownNameError, "no figure of texts is called 'bleu'; did you mean 'bleu-"),
        ({"levels": 1.0}, UnknownNameError, "no metric of texts is called 'levels'"),
        ({"is": 0.1}, DataError, "metric 'is' needs class probabilities"),
        ({"bleu-4": 0.0}, RecipeError, "the loss of 'bleu-4' may be 0, which no measurement can prove"),
        ({"length-mean": 1.0}, RecipeError, "'length-mean' is neither better nor worse where it is more"),
        ({"novelty": 0.1}, RecipeError, "'novelty' tells what is copied from the training set"),
        ({"kid": 0.1}, RecipeError, "the loss of 'kid' needs real texts to compare with"),
        ({"bleu-4": 0.1}, RecipeError, "the loss of 'bleu-4' needs real texts to compare with"),
    ],
)
def test_budgets_that_cannot_be_judged_are_refused(
    budgets: dict[str, float], error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as caught:
        check_budgets(budgets, Yardstick(sentences=SentenceYardstick(decode)))
    assert says in str(caught.value)


def test_what_needs_nothing_is_judged_without_real_texts() -> None:
    check_budgets(
        {"self-bleu-4": 0.1, "distinct-2": 0.1, "unknown": 0.01}, Yardstick(sentences=SentenceYardstick(decode))
    )
    assert [needs_text_features(name) for name in ("kid", "bleu-4", "duplicates")] == [True, False, False]
