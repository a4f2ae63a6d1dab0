"""Metrics of words as their papers define them, one sentence and one n-gram at a time: slow, and easy to believe."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

Sentence = Sequence[str]


def ngrams(sentence: Sentence, n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(sentence[first : first + n]) for first in range(len(sentence) - n + 1))


def bleu(hypothesis: Sentence, references: Sequence[Sentence], order: int) -> float:
    """Papineni et al. 2002, sections 2.1 to 2.3, with 0.1 in the place of a count of 0 (Chen and Cherry 2014)."""
    logs = []
    for n in range(1, order + 1):
        own, matched = ngrams(hypothesis, n), 0
        for gram, count in own.items():
            matched += min(count, max(ngrams(reference, n)[gram] for reference in references))
        if n == 1 and not matched:
            return 0.0
        logs.append(math.log((matched or 0.1) / max(own.total(), 1)))
    # Of two references that are equally close in length, the shorter.
    reference_length = min((abs(len(one) - len(hypothesis)), len(one)) for one in references)[1]
    brevity = min(1.0, math.exp(1.0 - reference_length / len(hypothesis)))
    return brevity * math.exp(sum(logs) / order)


def self_bleu(samples: Sequence[Sentence], order: int) -> list[float]:
    """Zhu et al. 2018."""
    return [bleu(one, [*samples[:row], *samples[row + 1 :]], order) for row, one in enumerate(samples)]


def longest_copy(sample: Sentence, training: Sequence[Sentence]) -> int:
    """The longest run of words that stands in a training sentence too."""
    runs = {tuple(one[a:b]) for one in training for a in range(len(one)) for b in range(a + 1, len(one) + 1)}
    own = (sample[a:b] for a in range(len(sample)) for b in range(a + 1, len(sample) + 1))
    return max((len(run) for run in own if tuple(run) in runs), default=0)


def written(seed: int, count: int, words: int = 12, longest: int = 9, shortest: int = 1) -> list[list[str]]:
    """Sentences in which few words occur often, some of them several times in one sentence."""
    rng = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, words + 1)
    vocabulary = [f"w{number}" for number in range(words)]
    lengths = rng.integers(shortest, longest + 1, count)
    return [list(rng.choice(vocabulary, size, p=weights / weights.sum())) for size in lengths]
