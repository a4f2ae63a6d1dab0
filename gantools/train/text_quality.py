"""Texts of the averaged generator during the training: their KID, which chooses the best checkpoint, and likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gantools.core.events import OnEvent, ignore
from gantools.data.texts import TextSet
from gantools.losses.likelihood import inside, token_nats
from gantools.metrics.interval import interval, split
from gantools.metrics.kid import leave_out, statistics
from gantools.metrics.text.extractors import load_text_extractor
from gantools.models.model import Model
from gantools.runtime.tokens import Tokenizer
from gantools.train.quality import sample, variety

_REFERENCES = 10_000
_BATCH = 64
_LIKELIHOOD = 1_000  # texts whose likelihood is told
LEARNED, HELD_OUT = "texts that are learned from", "texts that are held out"


class TextScorer:
    """As ``quality.Scorer``, of texts: the features are those of sentences.

    Args:
        references: The real texts.
        samples: How many generated texts to score.
        extractor: Name of the feature extractor of texts.
        on_event: Who watches while it looks at the real texts.
        held_out: Texts that are not learned from, for ``nats``; none: it is of the references.
    """

    def __init__(
        self,
        references: TextSet,
        samples: int,
        extractor: str,
        on_event: OnEvent = ignore,
        *,
        held_out: TextSet | None = None,
    ) -> None:
        self._extractor = load_text_extractor(extractor, on_event=on_event)
        self._tokenizer = Tokenizer(references.tokenizer)
        self._samples, self._read = samples, held_out or references
        self._nats_of = LEARNED if held_out is None else HELD_OUT
        chosen = np.linspace(0, len(references.tokens) - 1, min(_REFERENCES, len(references.tokens))).astype(int)
        rows = self._extractor.features(self._tokenizer.decode(references.tokens[chosen]))
        self._statistics = statistics(rows)
        self._variety = variety(rows[np.linspace(0, len(rows) - 1, min(samples, len(rows))).astype(int)])

    def score(self, model: Model, device: torch.device) -> dict[str, Any]:
        """As ``quality.Scorer.score``; beside it ``nats`` of a token, where there is no latent, and of which texts."""
        texts = self._tokenizer.decode(sample(model, range(self._samples), device))
        features = self._extractor.features(texts)
        kid, deleted = leave_out(features, split(len(features)), self._statistics)
        low, high = interval(kid, deleted)
        variance, rank = (a / b if b else 1.0 for a, b in zip(variety(features), self._variety, strict=True))
        figures = {"kid": kid, "kid_low": low, "kid_high": high, "variance": variance, "rank": rank}
        found: dict[str, Any] = {**figures, "samples": self._samples, "extractor": self._extractor.name}
        if "latent" not in model.sampler.noise:  # given a latent, likelihood is of that latent too
            found |= {"nats": self._nats(model, device), "nats_of": self._nats_of}
        return found

    @torch.inference_mode()
    def _nats(self, model: Model, device: torch.device) -> float:
        total = count = 0.0
        labels = self._read.labels
        for start in range(0, min(_LIKELIHOOD, len(self._read.tokens)), _BATCH):
            part = slice(start, start + _BATCH)
            tokens = torch.from_numpy(self._read.tokens[part]).long().to(device)
            label = {} if labels is None else {"label": torch.from_numpy(labels[part]).to(device)}
            total += float(token_nats(model.nets["G"], tokens, **label).sum())
            count += float(inside(tokens).sum())
        return total / count
