"""A discriminator of text as a graph that ships: how real does a text look?"""

from __future__ import annotations

from torch import Tensor, nn

from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.models.discriminators.scorer import GRAPH
from gantools.models.discriminators.words import inside
from gantools.models.model import ExportGraph, TextShape


class TextScorer(nn.Module):
    """tokens (batch, steps) int32, and labels -> score (batch,) float32, positive for real.

    Args:
        discriminator: Tokens (batch, steps) int64, and labels -> logits (batch,), or (batch, steps), which are averaged
            over the text.
    """

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, tokens: Tensor, label: Tensor | None = None) -> Tensor:
        """See the class."""
        read = tokens.long()
        logits: Tensor = self.discriminator(read) if label is None else self.discriminator(read, label)
        if logits.ndim == 1:
            return logits
        here = inside(read)
        return (logits * here).sum(1) / here.sum(1)


def text_scorer_graphs(discriminator: nn.Module, shape: TextShape) -> dict[str, ExportGraph]:
    """The graph of a discriminator of text, by name. It takes texts of the full length, filled with the end."""
    doc = f"0..{shape.vocabulary - 1}"
    inputs = [TensorSpec(name="tokens", dtype="int32", shape=("batch", shape.steps), doc=doc)]
    if shape.classes:
        inputs.append(TensorSpec(name="label", dtype="int64", shape=("batch",), doc=f"0..{shape.classes - 1}"))
    score = TensorSpec(name="score", dtype="float32", shape=("batch",), doc="logit, positive for real")
    axes = {"batch": AxisRange(min=1, opt=16, max=64)}
    return {
        GRAPH: ExportGraph(TextScorer(discriminator), GraphSpec(inputs=tuple(inputs), outputs=(score,), axes=axes)),
    }
