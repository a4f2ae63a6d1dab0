"""Samples of the averaged generator during the training: their KID, which chooses the best checkpoint, and variety."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantools.core.events import OnEvent, ignore
from gantools.data import ImageSet
from gantools.metrics.features import Extractor, load_extractor
from gantools.metrics.interval import interval, split
from gantools.metrics.kid import leave_out, statistics
from gantools.metrics.metric import Features
from gantools.metrics.reference import reference_rows
from gantools.models.model import Model
from gantools.samplers.feedforward import inputs_of

_BATCH = 128


@torch.inference_mode()
def sample(model: Model, seeds: Sequence[int], device: torch.device) -> npt.NDArray[Any]:
    """Run the graph that ships, in float32, on the noise that applications will use.

    Args:
        model: In inference mode.
        seeds: One for each image.
        device: Where the model is.

    Returns:
        (len(seeds), height, width, channels) uint8, NHWC, 0..255; of texts, tokens (len(seeds), steps) int32.
    """
    graph = model.graphs[model.sampler.graph]
    sizes = graph.spec.sizes("max")
    parts = []
    for start in range(0, len(seeds), _BATCH):
        drawn = inputs_of(graph.spec.inputs, model.sampler, seeds[start : start + _BATCH], sizes)
        inputs = [torch.from_numpy(drawn[tensor.name]).to(device) for tensor in graph.spec.inputs]
        parts.append(graph.module(*inputs).cpu().numpy())
    return np.ascontiguousarray(np.concatenate(parts))


class Scorer:
    """KID against the real images, always with the same seeds, so that two scores differ by the weights alone.

    Made before the first step, because a missing runtime should be known then.

    Args:
        references: The real images.
        samples: How many generated images to score.
        extractor: Name of the feature extractor.
        on_event: Who watches while it looks at the real images.
    """

    def __init__(self, references: ImageSet, samples: int, extractor: str, on_event: OnEvent = ignore) -> None:
        found, self._samples = load_extractor(extractor, on_event=on_event), samples
        self._distance = Distance(found, reference_rows(references, found, on_event=on_event).features, samples)

    def score(self, model: Model, device: torch.device) -> dict[str, Any]:
        """The quality of a model, as it is kept in a checkpoint's ``state.json``; see ``Distance.of``."""
        return self._distance.of(sample(model, range(self._samples), device))


class Distance:
    """How far images lie from real ones, and how much they vary.

    Args:
        extractor: What looks at them.
        references: Its features of the real images, (n, d).
        samples: How many images will be looked at.
    """

    def __init__(self, extractor: Extractor, references: Features, samples: int) -> None:
        self._extractor, self._references = extractor, statistics(references)
        # As many as there are samples, because the rank of few rows is small.
        places = np.linspace(0, len(references) - 1, min(samples, len(references))).astype(int)
        self._variety = variety(references[places])

    def of(self, images: npt.NDArray[Any]) -> dict[str, Any]:
        """The figures of images (n, height, width, channels) uint8.

        Returns:
            ``kid`` with its interval ``kid_low`` and ``kid_high``; ``variance`` and ``rank``, the samples' variety as
            shares of the real images' own; and how all this was measured.
        """
        features = self._extractor.features(images)
        kid, deleted = leave_out(features, split(len(features)), self._references)
        low, high = interval(kid, deleted)
        variance, rank = (a / b if b else 1.0 for a, b in zip(variety(features), self._variety, strict=True))
        figures = {"kid": kid, "kid_low": low, "kid_high": high, "variance": variance, "rank": rank}
        return {**figures, "samples": len(images), "extractor": self._extractor.name}


def variety(features: Features) -> tuple[float, float]:
    """How much the features of images differ from each other.

    Args:
        features: (n, d).

    Returns:
        Their total variance, and their effective rank (Roy and Vetterli, "The effective rank", 2007): e to the entropy
        of the covariance's eigenvalues, which is d for a sphere and near 1 for a line.
    """
    centered = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    small = centered.T @ centered if centered.shape[1] < len(centered) else centered @ centered.T
    eigenvalues = np.clip(np.linalg.eigvalsh(small), 0.0, None)
    total = float(eigenvalues.sum())
    shares = eigenvalues[eigenvalues > 0] / total
    return total / (len(centered) - 1), float(np.exp(-(shares * np.log(shares)).sum()))
