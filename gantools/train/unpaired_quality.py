"""How far what the averaged generator makes lies from the kind it should be: a KID that chooses the best checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gantools.core.events import OnEvent, ignore
from gantools.data.pairs.unpaired import UnpairedSet
from gantools.metrics.features import load_extractor
from gantools.models.model import Model
from gantools.train.pair_quality import KEY, SHOWN, Pixels, restore
from gantools.train.quality import Distance


class UnpairedScorer:
    """KID between patches that the generator made and patches of what comes out: always of the same ones.

    Args:
        learned: What the training learns from.
        held_out: What it does not; none: patches of what it learns from are judged.
        samples: How many patches.
        extractor: Name of the feature extractor; none: it is only asked to show pictures.
        on_event: Who watches while it looks at the patches.
    """

    def __init__(
        self,
        learned: UnpairedSet,
        held_out: UnpairedSet | None,
        samples: int,
        extractor: str | None,
        on_event: OnEvent = ignore,
    ) -> None:
        pairs = held_out or learned
        given, targets = pairs.draw(np.arange(samples) % len(pairs), KEY)
        self._given, self._distance = given, None
        if extractor is not None:
            found = load_extractor(extractor, on_event=on_event)
            self._distance = Distance(found, found.features(targets[:, 0], on_event=on_event), samples)

    def score(self, model: Model, device: torch.device) -> dict[str, Any]:
        """As ``gantools.train.quality.Scorer``."""
        assert self._distance is not None
        return self._distance.of(restore(model, self._given, device))

    def show(self, model: Model, device: torch.device) -> Pixels:
        """Pairs for people: what is given, and what the model makes."""
        places = np.linspace(0, len(self._given) - 1, min(SHOWN, len(self._given))).astype(int)
        made = restore(model, self._given[places], device)
        return np.stack(
            [image for one, mine in zip(self._given[places, -1], made, strict=True) for image in (one, mine)]
        )

    def examples(self) -> Pixels:
        """What the graphs of an artifact shall be tried with: (n, height, width, channels) uint8."""
        return self._given[:SHOWN, -1]
