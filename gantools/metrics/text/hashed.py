"""Features without a network: which words, pairs of words and pieces of words a sentence holds.

Feature hashing (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009, section 2): an n-gram's
hash chooses one of 512 features and a sign, so that what collides cancels on average and products of rows are those of
the n-grams. An n-gram that occurs c times weighs sqrt(c). Words and their pairs make one half of a row's square,
3-grams of characters the other: the former see phrases, the latter misspelt and bent words. It knows nothing of
meaning; ``minilm`` does.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from gantools.core.events import OnEvent, Progress, ignore
from gantools.metrics.features import Floats
from gantools.metrics.text.extractors import check_texts, scaled
from gantools.runtime.session import Where

WIDTH = 512
CHARACTERS = 3
# Part of the digest: to be raised when the same sentence would give another row.
PROTOCOL = "gantools hashed n-grams 1"
_BATCH = 1000  # texts between two events


class HashedNgrams:
    """The extractor ``ngrams``. A text's words are split at white space; nothing is changed in them."""

    name = "ngrams"
    width = WIDTH
    preparation = (
        "words by whitespace; 1- and 2-grams of words and 3-grams of characters, CRC-32 into 512 signed features, "
        "square roots of counts, either kind half, rows of length sqrt(512)"
    )
    sha256 = hashlib.sha256(f"{PROTOCOL}\n{preparation}\n".encode()).hexdigest()

    def features(self, texts: Sequence[str], *, on_event: OnEvent = ignore) -> Floats:
        """One row for each text; see ``TextExtractor``."""
        check_texts(texts)
        places: dict[str, tuple[int, float]] = {}
        rows = np.zeros((len(texts), WIDTH), np.float32)
        for number, text in enumerate(texts):
            words = text.split()
            row = rows[number]
            for kind in (_word_grams(words), _character_grams(words)):
                part = np.zeros(WIDTH, np.float32)
                for gram, count in Counter(kind).items():
                    if (place := places.get(gram)) is None:
                        place = places[gram] = _place(gram)
                    part[place[0]] += place[1] * count**0.5
                row += scaled(part[None])[0]
            if (number + 1) % _BATCH == 0 or number + 1 == len(texts):
                on_event(Progress("features", number + 1, len(texts), "texts"))
        return scaled(rows)


def hashed_ngrams(_where: Where = Where(), _on_event: OnEvent = ignore) -> HashedNgrams:  # noqa: B008 - Where is frozen
    """The extractor that needs nothing."""
    return HashedNgrams()


def _word_grams(words: list[str]) -> Iterable[str]:
    # A space before a word and between two: no n-gram of words is one of characters, which hold theirs after "\0".
    yield from (f" {word}" for word in words)
    yield from (f" {one} {other}" for one, other in pairwise(words))


def _character_grams(words: list[str]) -> Iterable[str]:
    line = f" {' '.join(words)} " if words else ""
    yield from (f"\0{line[first : first + CHARACTERS]}" for first in range(len(line) - CHARACTERS + 1))


def _place(gram: str) -> tuple[int, float]:
    """Feature and sign of an n-gram: low bits of its CRC-32, and the highest."""
    code = zlib.crc32(gram.encode())
    return code % WIDTH, 1.0 if code >> 31 else -1.0
