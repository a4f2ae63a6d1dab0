"""What an objective is: it owns its phases, so that a new trick is a new loss and the training loop stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from gantools.core.spec import Frozen

Nets = Mapping[str, nn.Module]
Makes = Literal["images of seeds", "images of images", "texts"]


@dataclass(frozen=True)
class Phase:
    """One update within a training step.

    Attributes:
        name: Such as ``"D"``, ``"D_r1"``, ``"G"``.
        updates: Names of the nets whose parameters it changes; the others stay as they are. Empty for a phase that
            only measures, or that changes buffers by itself.
        every: It happens in every ``every``-th step ...
        begins: ... after so many finished steps ...
        ends: ... and no more after so many; none: to the end of the training.
        twice: Its loss holds gradients, so networks are differentiated twice; compiled ones cannot be.
    """

    name: str
    updates: tuple[str, ...]
    every: int = 1
    twice: bool = False
    begins: int = 0
    ends: int | None = None

    def is_due(self, step: int) -> bool:
        """Whether it happens after ``step`` finished steps."""
        return self.begins <= step < (self.ends or step + 1) and step % self.every == 0


@dataclass(frozen=True)
class Loss:
    """What a phase minimizes, or a part of it.

    Attributes:
        value: Scalar float32, to be differentiated; none in a phase that updates nothing.
        terms: Its parts by name, scalar float32, detached: what logs show and the not-a-number guard watches.
    """

    value: Tensor | None
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Batch:
    """What one training step works on.

    Attributes:
        real: (batch, channels, height, width) float32 in [-1, 1], NCHW in channels-last memory; of texts, tokens
            (batch, steps) int64. Of a training on films (batch, frames, channels, height, width).
        given: For models that make images of images, what each of ``real`` is to be made of: as ``real``, or smaller.
        noise: Drawn inputs of the generator by name, such as ``latent`` (batch, latent) float32 N(0, 1), and for models
            with classes ``label`` (batch,) int64.
        labels: Classes of the real samples, (batch,) int64; none where the model has no classes.
        due: Names of the phases that happen in this step, in order.
        step: Finished steps before this one.
    """

    real: Tensor
    noise: Mapping[str, Tensor]
    labels: Tensor | None = None
    due: tuple[str, ...] = ()
    step: int = 0
    given: Tensor | None = None
    _made: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """The tensor ``name``, made by the first phase that asks and shared with the later ones of this step.

        Sound for anything that depends only on networks that no phase in between updates.
        """
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]


class Objective:
    """The losses of a training. Every method but ``parts`` has a default.

    Attributes:
        phases: The updates of a step, in order.
        state: What it remembers from step to step, by name: tensors that it changes in place, such as the strength
            of an adaptive augmentation. They are saved with every checkpoint and live on the training's device; after
            each phase float ones are averaged over all processes.
        growing: Names of those whose shape changes: they are restored in the shape that they were saved in.
    """

    phases: tuple[Phase, ...]
    state: Mapping[str, Tensor]
    growing: frozenset[str] = frozenset()

    def parts(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Iterator[Loss]:
        """The loss of a phase, as parts that add up to it.

        Whoever trains differentiates each part before the next is computed, so that memory holds what is needed for one
        of them: parts share nothing that is to be differentiated. And a part calls no network twice that changes its
        buffers when called, such as the vectors of spectral norm: compiled ones keep no copy for their gradients.

        Args:
            phase: One of ``phases``.
            nets: The networks by name.
            batch: The step's images and noise.
            rng: For further random numbers, on the CPU, seeded anew for each step and phase.
        """
        raise NotImplementedError

    def loss(self, phase: Phase, nets: Nets, batch: Batch, rng: torch.Generator) -> Loss:
        """All parts as one; see ``parts``."""
        value: Tensor | None = None
        terms: dict[str, Tensor] = {}
        for part in self.parts(phase, nets, batch, rng):
            terms |= part.terms
            if part.value is not None:
                value = part.value if value is None else value + part.value
        return Loss(value, terms)

    def check(self, nets: Nets) -> None:
        """Refuse networks that the losses are not made for. To be called before the first step.

        Raises:
            RecipeError: Which, and what to choose instead.
        """

    def check_frames(self, frames: int) -> None:
        """Refuse data that the losses are not made for. To be called before the first step.

        Args:
            frames: Of what a batch holds: 1 for single images, more for clips.

        Raises:
            RecipeError: What they would have to be.
        """

    def after(self, phase: Phase, nets: Nets) -> None:
        """What follows the optimizer's step of a phase, such as clipping weights. Without gradients."""


C = TypeVar("C", bound=Frozen)


@dataclass(frozen=True)
class ObjectiveRow(Generic[C]):
    """A row of the table of objectives.

    Attributes:
        Config: Its options, with every check.
        build: Config -> objective.
        nets: The names of the networks it trains.
        makes: What models make that are trained with it.
        needs: What a recipe must set for a model to have them, where it has not always; for people.
    """

    Config: type[C]
    build: Callable[[C], Objective]
    nets: tuple[str, ...]
    makes: Makes = "images of seeds"
    needs: str = ""
