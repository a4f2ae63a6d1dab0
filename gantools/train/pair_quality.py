"""Pictures of the averaged generator beside those it should make: their PSNR, which chooses the best checkpoint."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gantools.data.pairs.pairs import PairSet
from gantools.metrics.interval import jackknife, plainly
from gantools.metrics.pairs import psnr
from gantools.models.model import Model

KEY = 20201124  # of the patches, which are the same at every score
_BATCH = 32
SHOWN = 12
LEARNED, HELD_OUT = "clips that are learned from", "clips that are held out"

Pixels = npt.NDArray[np.uint8]


class PairScorer:
    """PSNR of patches that are always the same, so that two scores differ by the weights alone.

    Of clips it is that of the last frame.

    Args:
        learned: What the training learns from.
        held_out: What it does not; none: patches of what it learns from are judged.
        samples: How many patches, spread over all rows.
    """

    def __init__(self, learned: PairSet, held_out: PairSet | None, samples: int) -> None:
        self._of = LEARNED if held_out is None else HELD_OUT
        pairs = held_out or learned
        given, targets = pairs.draw(np.arange(samples) % len(pairs), KEY)
        self._given, self._targets, self._pairs = given, targets[:, -1], pairs
        self._begun = fmean(
            psnr(pairs.shown(one[-1]), target) for one, target in zip(given, self._targets, strict=True)
        )

    def score(self, model: Model, device: torch.device) -> dict[str, Any]:
        """The quality of a model, as it is kept in a checkpoint's ``state.json``.

        Returns:
            ``psnr`` in dB, mean over patches, over all channels of RGB, with its interval ``psnr_low`` and
            ``psnr_high``; ``psnr_given``: of what is given, enlarged by bicubic interpolation; and of what they are.
        """
        made = restore(model, self._given, device)
        values = np.array([psnr(image, target) for image, target in zip(made, self._targets, strict=True)])
        mean, low, high = jackknife(plainly(lambda rows: float(rows.mean())), values[:, None])
        figures = {"psnr": mean, "psnr_low": low, "psnr_high": high, "psnr_given": self._begun}
        return {**figures, "samples": len(values), "psnr_of": self._of}

    def show(self, model: Model, device: torch.device) -> Pixels:
        """Rows of three for people: what is given, what the model makes, what it should make."""
        places = np.linspace(0, len(self._given) - 1, min(SHOWN, len(self._given))).astype(int)
        made = restore(model, self._given[places], device)
        return np.stack(
            [
                image
                for place, mine in zip(places, made, strict=True)
                for image in (self._pairs.shown(self._given[place, -1]), mine, self._targets[place])
            ]
        )

    def examples(self) -> Pixels:
        """What the graphs of an artifact shall be tried with: (n, height, width, channels) uint8."""
        return self._given[:SHOWN, -1]


@torch.inference_mode()
def restore(model: Model, given: Pixels, device: torch.device) -> Pixels:
    """Run the graph that ships, in float32.

    Args:
        model: In inference mode.
        given: (n, frames, height, width, channels) uint8.
        device: Where the model is.

    Returns:
        What it makes of the last frame, (n, height, width, channels) uint8.
    """
    graph = model.graphs[model.sampler.graph]
    fed = [one for one in graph.spec.inputs if one.state_of]
    made = []
    for start in range(0, len(given), _BATCH):
        clips = torch.from_numpy(given[start : start + _BATCH]).to(device)
        sizes = dict(zip(("batch", "height", "width"), (len(clips), *clips.shape[2:4]), strict=True))
        state = [torch.zeros(one.concrete(sizes), device=device) for one in fed]
        for frame in clips.unbind(1) if fed else [clips[:, -1]]:
            results: Tensor | tuple[Tensor, ...] = graph.module(frame, *state)
            image, *state = results if isinstance(results, tuple) else (results,)
        made.append(image.cpu())
    return torch.cat(made).numpy()
