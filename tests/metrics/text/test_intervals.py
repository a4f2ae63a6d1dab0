"""Do the intervals on text cards hold what they say, in many draws from one distribution?"""

import numpy as np

from gantools.metrics.text import TEXT_METRICS
from gantools.metrics.text.card import text_cards
from tests.metrics.text.by_definition import written

RUNS, SAMPLES = 120, 120


def lines(seed: int, count: int) -> list[str]:
    return [" ".join(sentence) for sentence in written(seed, count, words=200, longest=12, shortest=3)]


def test_intervals_hold_the_expected_value_as_often_as_they_say() -> None:
    """Not less often, that is: the jackknife of a figure of pairs of samples, such as self-BLEU, is too wide."""
    population, references, training = lines(0, RUNS * SAMPLES), lines(1, 200), lines(2, 200)
    found: dict[str, list[tuple[float, float, float]]] = {}
    for run in range(RUNS):
        samples = population[run * SAMPLES : (run + 1) * SAMPLES]
        for card in text_cards(samples, references, training, seeds=str(run), metrics=list(TEXT_METRICS)):
            found.setdefault(card.name, []).append((card.value, *card.interval))
    held = {}
    for name, values in found.items():
        value, low, high = np.array(values).T
        held[name] = float(((low <= value.mean()) & (value.mean() <= high)).mean())
    assert len(held) == 20
    # At 95 %, 120 draws have a standard error of 2 points.
    assert {name: share for name, share in held.items() if share < 0.89} == {}
