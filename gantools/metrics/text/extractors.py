"""Features of sentences, so that the metrics of features (KID, FID, precision, recall ...) can score text.

Rows have the length sqrt(d), d being their width: the mean square of a feature is 1, as KID's kernel
(x . y / d + 1)^3 expects. It is then (cosine + 1)^3; of rows of length 1 it would be nearly linear, and KID little more
than a distance of means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from gantools.core.errors import DataError
from gantools.core.events import OnEvent, ignore
from gantools.core.registry import Table
from gantools.metrics.features import Floats
from gantools.runtime.session import Where


class TextExtractor(Protocol):
    """What turns sentences into features.

    Attributes:
        name: In the table of text feature extractors.
        sha256: What values may be compared by: a digest of the protocol and of all weights.
        width: d of a row.
        preparation: How a sentence becomes a row.
    """

    name: str
    sha256: str
    width: int
    preparation: str

    def features(self, texts: Sequence[str], *, on_event: OnEvent = ignore) -> Floats:
        """One row for each text, (n, width) float32, of length sqrt(width) or 0; the same in any company, to rounding.

        Raises:
            DataError: No texts.
        """


TEXT_EXTRACTORS: Table[Callable[[Where, OnEvent], TextExtractor]] = Table(
    "text feature extractor",
    {
        "ngrams": "gantools.metrics.text.hashed:hashed_ngrams",
        "minilm": "gantools.metrics.text.minilm:minilm",
    },
)
DEFAULT = "ngrams"


def load_text_extractor(name: str, where: Where = Where(), on_event: OnEvent = ignore) -> TextExtractor:  # noqa: B008
    """Open an extractor by its name in the table.

    Raises:
        UnknownNameError: No such extractor.
        ArtifactError: Its file is not the one that is known.
        MissingDependencyError: It is not installed.
    """
    return TEXT_EXTRACTORS.load(name)(where, on_event)


def check_texts(texts: Sequence[str]) -> None:
    """Refuse what is no set of texts.

    Raises:
        DataError: No texts, or one string in their place.
    """
    if isinstance(texts, str) or not len(texts):
        given = "one string" if isinstance(texts, str) and texts else "none"
        raise DataError(f"features need a list of texts, got {given}.", hint="hand over one string for each sentence")


def scaled(rows: Floats) -> Floats:
    """Rows (n, d) at length sqrt(d); rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    long: Floats = rows * (np.sqrt(rows.shape[1]) / np.where(lengths > 0.0, lengths, 1.0))
    return long.astype(np.float32)
