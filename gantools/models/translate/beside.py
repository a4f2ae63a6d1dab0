"""Nets that are trained beside a translator: one that translates back, and one that compares what it sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, Protocol

from torch import Tensor, nn

from gantools.models.model import ExportGraph, Model

Beside = Literal["nothing", "inverse", "projection"]
INVERSE = "inverse"
"""The graph of the net ``"F"``, which takes and gives what the graph ``generator`` does."""


class Looking(Protocol):
    """A translator that says what it sees on the way.

    Attributes:
        feature_widths: Channels of what ``features`` returns.
    """

    feature_widths: tuple[int, ...]

    def features(self, image: Tensor) -> list[Tensor]:
        """The image and maps of it: (batch, channels, height, width) each, of any sizes."""
        ...


class Projection(nn.Module):
    """The head of CUT (Park et al. 2020, section 3): for each map a perceptron of two layers, then unit length.

    Args:
        widths: Channels of the maps.
        width: Length of the vectors that are compared; published: 256.
    """

    def __init__(self, widths: Sequence[int], width: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(inner, width), nn.ReLU(), nn.Linear(width, width)) for inner in widths
        )

    def forward(self, places: list[Tensor]) -> list[Tensor]:
        """For each map its values (batch, places, channels) -> vectors (batch, places, width) float32 of length 1."""
        return [
            nn.functional.normalize(head(values).float(), dim=2)
            for head, values in zip(self.heads, places, strict=True)
        ]


def with_beside(model: Model, kind: Beside, translator: Looking, inverse: Callable[[], Model]) -> Model:
    """A model with what shall be trained beside its net ``"G"``.

    Args:
        model: Of the translator.
        kind: ``inverse``: a second translator ``"F"``, from what comes out to what goes in, which ships as a graph of
            its own; it is judged by a discriminator of its own, ``"D_A"`` (Zhu et al. 2017). ``projection``: the head
            ``"H"``, which never ships (Park et al. 2020).
        translator: The net ``"G"``.
        inverse: Builds the model of another translator.
    """
    if kind == "projection":
        return model.with_net("H", Projection(translator.feature_widths), {})
    if kind == "inverse":
        other = inverse()
        graphs: dict[str, ExportGraph] = {INVERSE: other.graphs["generator"]}
        both = model.with_net("F", other.nets["G"], graphs)
        return replace(both, averaged=(*model.averaged, "F"), judges=("D", "D_A"))
    return model
