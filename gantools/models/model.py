"""What an architecture is. ``Model`` separates what learns (``nets``) from what ships (``graphs``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

from torch import nn

from gantools.core.artifact import ImageOutput, TextOutput
from gantools.core.errors import RecipeError
from gantools.core.sampler import Sampler
from gantools.core.spec import Frozen, GraphSpec

_OTHER = "choose parts of one modality: model, discriminator, objective and data"


@dataclass(frozen=True)
class ExportGraph:
    """One graph that ships.

    Attributes:
        module: Takes the inputs of ``spec`` by position, in order, and returns its outputs. It shares its parameters
            with the nets, so it is always as trained as they are.
        spec: Its interface.
    """

    module: nn.Module
    spec: GraphSpec


@dataclass(frozen=True)
class Model:
    """Everything an architecture builds.

    Attributes:
        nets: What an objective trains, by name: ``"G"``, ``"D"``.
        graphs: What export writes, by name. ``"generator"`` returns uint8 for applications and ``"generator_float"``
            float32 in [-1, 1], for parity and metrics.
        sampler: How seeds become inputs of a graph.
        modality: What a sample is.
        output: Its size.
        averaged: Names of the nets of which a moving average ships: the generating ones.
        classes: How many classes the inputs ``label`` tell apart; 0: there are none.
        frozen: Names of the nets that have learned before, in another training, and stay as they are.
        judges: Names of the discriminators that it is trained against, all alike.
    """

    nets: dict[str, nn.Module]
    graphs: Mapping[str, ExportGraph]
    sampler: Sampler
    modality: Literal["image", "text"]
    output: ImageOutput | TextOutput
    averaged: tuple[str, ...]
    classes: int = 0
    frozen: tuple[str, ...] = ()
    judges: tuple[str, ...] = ("D",)

    @property
    def image(self) -> ImageOutput:
        """What an image is. Raises RecipeError: it makes something else."""
        if not isinstance(self.output, ImageOutput):
            raise RecipeError(f"the model makes {self.modality}, and images are asked for.", hint=_OTHER)
        return self.output

    @property
    def text(self) -> TextOutput:
        """What a text is. Raises RecipeError: it makes something else."""
        if not isinstance(self.output, TextOutput):
            raise RecipeError(f"the model makes {self.modality}s, and text is asked for.", hint=_OTHER)
        return self.output

    def with_net(self, name: str, net: nn.Module, graphs: Mapping[str, ExportGraph]) -> Model:
        """The same model with one net more, and the graphs that are made of it."""
        return replace(self, nets={**self.nets, name: net}, graphs={**self.graphs, **graphs})

    def eval(self) -> Model:
        """Put every net and graph in inference mode, without gradients of their parameters; returns the model."""
        for module in (*self.nets.values(), *(graph.module for graph in self.graphs.values())):
            module.eval().requires_grad_(False)
        return self


@dataclass(frozen=True)
class ImageShape:
    """What a discriminator looks at: (batch, channels, resolution, resolution) float32 in [-1, 1], NCHW.

    Attributes:
        resolution: Edge, in pixels.
        channels: 1 for grey, 3 for RGB.
        classes: How many classes a second input ``label`` (batch,) int64 tells apart; 0: there is no such input.
        given: Channels of the image, of the same size, that each was made of; 0: they are made of none.
    """

    resolution: int
    channels: int
    classes: int = 0
    given: int = 0


@dataclass(frozen=True)
class TextShape:
    """What a discriminator of text reads: tokens (batch, steps) int64, or shares of them.

    Shares are (batch, steps, vocabulary) float32, which sum to 1 over the vocabulary: one-hot rows are tokens, and
    others what a generator thinks of, through which gradients flow.

    Attributes:
        vocabulary: How many tokens there are.
        steps: The most tokens of a text.
        classes: How many classes a second input ``label`` (batch,) int64 tells apart; 0: there is no such input.
    """

    vocabulary: int
    steps: int
    classes: int = 0


C = TypeVar("C", bound=Frozen)
S = TypeVar("S", ImageShape, TextShape)


@dataclass(frozen=True)
class Architecture(Generic[C]):
    """A row of the table of models.

    Attributes:
        Config: Its options, with every check.
        build: Config -> freshly initialized model. Random numbers come from torch's global generator.
        defaults: Sections of a recipe that are filled in where the recipe has none, such as the discriminator it is
            usually trained against: ``{"discriminator": {"name": "dcgan"}}``.
        judged: (Config, model with a net ``"D"``) -> model, for architectures whose own graphs ask the discriminator;
            none: it stays beside them.
    """

    Config: type[C]
    build: Callable[[C], Model]
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    judged: Callable[[C, Model], Model] | None = None


@dataclass(frozen=True)
class DiscriminatorRow(Generic[C, S]):
    """A row of the table of discriminators.

    Attributes:
        Config: Its options, with every check.
        build: (Config, what it looks at) -> module. Called with images or texts and, where there are classes, labels,
            it returns logits (batch,), or (batch, patches) when it judges parts of an image. Positive logits mean real.
            One whose attribute ``conditional`` is true is also called with ``given=`` the images they were made of.
        modality: What it judges.
    """

    Config: type[C]
    build: Callable[[C, S], nn.Module]
    modality: Literal["image", "text"] = "image"
