"""A discriminator as a graph that ships: how real does a picture look?"""

from __future__ import annotations

from torch import Tensor, nn

from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.models.model import ExportGraph, ImageShape

GRAPH = "discriminator"


class Scorer(nn.Module):
    """(batch, height, width, channels) uint8, NHWC, 0..255, and labels -> score (batch,) float32, positive for real.

    Args:
        discriminator: Images in [-1, 1], NCHW, and labels -> logits (batch,) or (batch, patches), which are averaged.
    """

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        scaled = image.float().permute(0, 3, 1, 2) / 127.5 - 1.0
        logits: Tensor = self.discriminator(scaled) if label is None else self.discriminator(scaled, label)
        return logits.mean(1) if logits.ndim == 2 else logits


def scorer_graphs(discriminator: nn.Module, shape: ImageShape) -> dict[str, ExportGraph]:
    """The graph of a discriminator, by name."""
    size = ("batch", shape.resolution, shape.resolution, shape.channels)
    inputs = [TensorSpec(name="image", dtype="uint8", shape=size, doc="0..255, NHWC")]
    if shape.classes:
        inputs.append(TensorSpec(name="label", dtype="int64", shape=("batch",), doc=f"0..{shape.classes - 1}"))
    score = TensorSpec(name="score", dtype="float32", shape=("batch",), doc="logit, positive for real")
    axes = {"batch": AxisRange(min=1, opt=16, max=64)}
    return {
        GRAPH: ExportGraph(Scorer(discriminator), GraphSpec(inputs=tuple(inputs), outputs=(score,), axes=axes)),
    }
