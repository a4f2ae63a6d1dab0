"""Samples of the averaged generator during the training, and their KID, which chooses the best checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gantools.core.events import OnEvent, ignore
from gantools.data import ImageSet
from gantools.metrics.features import load_extractor
from gantools.metrics.kid import distance, statistics
from gantools.metrics.reference import reference_rows
from gantools.models.model import Model
from gantools.samplers.feedforward import inputs_of

_BATCH = 128

Images = npt.NDArray[np.uint8]


@torch.inference_mode()
def sample(model: Model, seeds: Sequence[int], device: torch.device) -> Images:
    """Run the graph that ships, in float32, on the noise that applications will use.

    Args:
        model: In inference mode.
        seeds: One for each image.
        device: Where the model is.

    Returns:
        (len(seeds), height, width, channels) uint8, NHWC, 0..255.
    """
    graph = model.graphs[model.sampler.graph]
    parts = []
    for start in range(0, len(seeds), _BATCH):
        drawn = inputs_of(graph.spec.inputs, model.sampler, seeds[start : start + _BATCH])
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
        self._extractor = load_extractor(extractor, on_event=on_event)
        self._samples = samples
        self._references = statistics(reference_rows(references, self._extractor, on_event=on_event).features)

    def score(self, model: Model, device: torch.device) -> dict[str, Any]:
        """The quality of a model, as it is kept in a checkpoint's ``state.json``."""
        images = sample(model, range(self._samples), device)
        value = distance(statistics(self._extractor.features(images)), self._references)
        return {"kid": value, "samples": self._samples, "extractor": self._extractor.name}
