"""Quality against diversity: what is compared with what, and what is said of it."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gantools.core.errors import DataError, RecipeError
from gantools.core.events import Event, Progress
from gantools.core.sampler import Setting
from gantools.metrics.text.card import digest
from gantools.verify.tradeoff import Curve, Point, Tradeoff, tradeoff, verdict
from tests.metrics.text.by_definition import written

LINES = [" ".join(sentence) for sentence in written(0, 700, words=40, longest=12, shortest=4)]
REFERENCES = LINES[:300]


class Writer:
    """Repeats a few sentences when it is cold, and writes words in any order when it is warm."""

    def __init__(self, *, temperature: bool = True) -> None:
        settings = {"temperature": Setting(default=1.0, low=0.0, high=2.0)} if temperature else {}
        manifest = SimpleNamespace(sampler=SimpleNamespace(settings=settings))
        self.artifact = SimpleNamespace(manifest=manifest, digest="d" * 64)
        self.asked: list[tuple[int, dict[str, float]]] = []

    def sample(self, seeds: Sequence[int], *, settings: dict[str, float]) -> list[str]:
        self.asked.append((len(seeds), settings))
        heat, rng = settings["temperature"], np.random.default_rng(1)
        lines = LINES[300 : 300 + max(5, int(200 * min(heat, 1.0)))]
        chosen = [lines[seed % len(lines)].split() for seed in seeds]
        return [" ".join(rng.permutation(words) if heat > 1 else words) for words in chosen]


def measured(writers: dict[str, Any], **options: Any) -> Tradeoff:
    return tradeoff(
        writers, options.pop("references", REFERENCES), samples=options.pop("samples", 500), data="d", **options
    )


def test_every_point_is_made_of_as_many_sentences_against_the_same_others() -> None:
    """Also that of real sentences, none of which is its own reference."""
    writer, events = Writer(), list[Event]()
    found = measured({"one": writer}, temperatures=(0.2, 1.5), settings={"top_p": 0.9}, on_event=events.append)
    (curve,) = found.curves
    points = [*curve.points, found.real]
    assert [point.temperature for point in points] == [0.2, 1.0, 1.5, None]
    bleu = [point.card("bleu", 4) for point in points]
    assert {(card.samples, card.references) for card in bleu} == {(150, 150)}
    assert len({card.data_sha256 for card in bleu}) == 1
    assert bleu[0].data_sha256 != digest(REFERENCES)
    assert {point.card("self-bleu", 5).samples for point in points} == {150}
    assert writer.asked == [(150, {"top_p": 0.9, "temperature": heat}) for heat in (0.2, 1.0, 1.5)]
    assert found.settings == {"top_p": 0.9}
    assert bleu[3].value < 0.9, "a sentence that were its own reference would have 1"
    progress = [event.done for event in events if isinstance(event, Progress) and event.stage == "curve"]
    assert progress == [0, 1, 2, 3, 4]


def test_fewer_samples_than_half_of_the_references_are_as_many_as_asked_for() -> None:
    found = measured({"one": Writer()}, temperatures=(), samples=60)
    assert {(card.samples, card.references) for card in found.real.cards[:4]} == {(60, 240)}
    assert [point.temperature for point in found.curves[0].points] == [1.0]


def test_a_generator_that_repeats_itself_has_the_point_of_one() -> None:
    cold, usual = measured({"one": Writer()}, temperatures=(0.1,)).curves[0].points
    assert cold.at(4)[0] == pytest.approx(1.0)
    assert usual.at(4)[0] < 0.5


def made(name: str, *points: tuple[float, float, float]) -> Curve:
    """A curve of temperature, self-BLEU and BLEU, with intervals of 0.02."""
    real = measured({"one": Writer()}, temperatures=(), samples=40).real
    at = {name: next(card for card in real.cards if card.name == name) for name in ("bleu-4", "self-bleu-4")}

    def point(heat: float, varied: float, good: float) -> Point:
        values = {"bleu-4": good, "self-bleu-4": varied}
        cards = [
            at[figure].model_copy(update={"value": value, "interval": (value - 0.01, value + 0.01)})
            for figure, value in values.items()
        ]
        return Point(temperature=heat, cards=tuple(cards))

    return Curve(name=name, digest="", points=tuple(point(*one) for one in points))


@pytest.mark.parametrize(
    ("judged", "says"),
    [
        (
            (0.4, 0.38),
            "the game at temperature 1 has BLEU-4 0.380 (0.370 to 0.390) and likelihood 0.350: it lies above",
        ),
        ((0.4, 0.32), "it lies below the baseline's curve."),
        ((0.4, 0.355), "likelihood 0.350: which the samples do not tell apart."),
        ((0.7, 0.5), "No temperature in the sweep gives likelihood the self-BLEU-4 of 0.700."),
    ],
)
def test_a_game_is_judged_against_the_whole_curve_of_the_baseline(judged: tuple[float, float], says: str) -> None:
    baseline = made("likelihood", (0.5, 0.6, 0.45), (1.0, 0.4, 0.35), (1.5, 0.2, 0.1))
    found = Tradeoff(real=baseline.points[0], curves=(made("the game", (1.0, *judged)), baseline))
    assert says in verdict(found, 4)
    assert baseline.quality_at(0.5, 4) == pytest.approx(0.4)
    assert verdict(Tradeoff(real=found.real, curves=found.curves[:1]), 4) == ""


def test_what_has_no_curve_is_refused() -> None:
    with pytest.raises(RecipeError, match="'other' has no setting 'temperature', so it has no curve"):
        measured({"one": Writer(), "other": Writer(temperature=False)})
    with pytest.raises(DataError, match="needs 80 real sentences and 40 samples or more, got 79 and 500"):
        measured({"one": Writer()}, references=REFERENCES[:79])
