"""A discriminator as a graph that ships: how real does a picture look?"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.models.model import ExportGraph, ImageShape

GRAPH = "discriminator"
_ALIGNED = 16  # floats


class Scorer(nn.Module):
    """(batch, height, width, channels) uint8, NHWC, 0..255, and labels -> score (batch,) float32, positive for real.

    A conditional discriminator takes, in place of labels, the images that they were made of, in the same form.

    Args:
        discriminator: Images in [-1, 1], NCHW, and labels -> logits (batch,) or (batch, patches), which are averaged.
    """

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.conditional = bool(getattr(discriminator, "conditional", False))

    def forward(self, image: Tensor, beside: Tensor | None = None) -> Tensor:
        """See the class."""
        logits: Tensor
        if beside is None:
            logits = self.discriminator(_scaled(image))
        elif self.conditional:
            logits = self.discriminator(_scaled(image), given=_scaled(beside))
        else:
            logits = self.discriminator(_scaled(image), beside)
        return _mean(logits) if logits.ndim == 2 else logits


def scorer_graphs(discriminator: nn.Module, shape: ImageShape) -> dict[str, ExportGraph]:
    """The graph of a discriminator, by name."""
    scorer = Scorer(discriminator)
    size = (shape.resolution, shape.resolution)
    inputs = [TensorSpec(name="image", dtype="uint8", shape=("batch", *size, shape.channels), doc="0..255, NHWC")]
    if scorer.conditional:
        doc = "what the image was made of, 0..255, NHWC"
        inputs.append(TensorSpec(name="given", dtype="uint8", shape=("batch", *size, shape.given), doc=doc))
    elif shape.classes:
        inputs.append(TensorSpec(name="label", dtype="int64", shape=("batch",), doc=f"0..{shape.classes - 1}"))
    score = TensorSpec(name="score", dtype="float32", shape=("batch",), doc="logit, positive for real")
    axes = {"batch": AxisRange(min=1, opt=16, max=64)}
    return {GRAPH: ExportGraph(scorer, GraphSpec(inputs=tuple(inputs), outputs=(score,), axes=axes))}


def _mean(logits: Tensor) -> Tensor:
    """Of each row (batch, patches) -> (batch,).

    Rows begin at whole vectors of a processor: where they do not, ONNX Runtime adds each in an order of its own, and
    equal images in one batch get scores that differ in the last bit.
    """
    patches = logits.shape[1]
    missing = -patches % _ALIGNED
    return F.pad(logits, (0, missing)).mean(1) * ((patches + missing) / patches) if missing else logits.mean(1)


def _scaled(image: Tensor) -> Tensor:
    """To [-1, 1], NCHW."""
    return image.float().permute(0, 3, 1, 2) / 127.5 - 1.0
