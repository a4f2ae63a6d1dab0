"""How seeds become the inputs of a graph, as data."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from gantools.core.spec import Frozen


class NoiseInput(Frozen):
    """A graph input that is drawn from a sample's seed, unless the caller gives it.

    Attributes:
        distribution: ``normal``: N(0, 1); ``uniform``: U(0, 1), ends excluded; ``category``: a class label,
            one of 0 .. categories - 1, all equally likely.
        stream: Philox stream, so that two inputs of one sample are independent.
        categories: How many there are, for ``category``.
    """

    distribution: Literal["normal", "uniform", "category"]
    stream: int = Field(ge=0, lt=2**32)
    categories: int | None = Field(default=None, ge=1, lt=2**24)

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if (self.distribution == "category") != (self.categories is not None):
            raise ValueError("categories belong to the distribution 'category', and to no other")
        return self


class Setting(Frozen):
    """A graph input (batch,) float32 that a caller may turn, such as truncation.

    Attributes:
        default: What it is when the caller says nothing.
        low: Least sensible value.
        high: Largest sensible value.
    """

    default: float
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.default <= self.high:
            raise ValueError(f"needs low <= default <= high, got {self.low}, {self.default}, {self.high}")
        return self


class Sampler(Frozen):
    """How seeds become samples. A seed alone always gives a sample; every input can also be given by the caller.

    Attributes:
        kind: Name in the table of samplers.
        graph: The graph an application runs.
        noise: Inputs that are drawn.
        settings: Inputs that have a default.
        constants: Inputs that are filled with one value unless the caller gives them.
        image: The input (batch, height, width, channels) uint8 that takes an image, for graphs that make an image of an
            image; none: they make it of a seed.
    """

    kind: str
    graph: str
    noise: dict[str, NoiseInput] = {}
    settings: dict[str, Setting] = {}
    constants: dict[str, int] = {}
    image: str | None = None
