"""The interface of a graph: tensors with named dynamic axes, written once and read by every stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

DType = Literal["float32", "float16", "uint8", "int32", "int64", "bool"]


class Frozen(BaseModel):
    """Base of all values that are written to disk: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AxisRange(Frozen):
    """Limits of a dynamic axis.

    Attributes:
        min: The least size.
        opt: The size that engines are tuned for.
        max: The largest size.
        step: Every size is a multiple of it: 8 for a network that halves an image three times and doubles it again.
    """

    min: int
    opt: int
    max: int
    step: int = 1

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 1 <= self.min <= self.opt <= self.max:
            raise ValueError(f"needs 1 <= min <= opt <= max, got {self.min}:{self.opt}:{self.max}")
        if self.step < 1 or self.min % self.step or self.opt % self.step:
            raise ValueError(f"needs min and opt to be multiples of step, got {self.min}:{self.opt} and {self.step}")
        return self

    def clamped(self, size: int) -> int:
        """The allowed size next to ``size``, not above it unless it is below ``min``."""
        return max(self.min, min(size, self.max) // self.step * self.step)

    @classmethod
    def parse(cls, text: str) -> AxisRange:
        """Read ``"1:16:64"`` (min:opt:max), or with a step ``"64:256:1024:8"``."""
        numbers = [int(part) for part in text.split(":")]
        low, opt, high, step = numbers if len(numbers) == 4 else (*numbers, 1)
        return cls(min=low, opt=opt, max=high, step=step)


class TensorSpec(Frozen):
    """One input or output.

    Attributes:
        name: Name in the graph.
        dtype: Element type.
        shape: Sizes; a string is the name of a dynamic axis.
        doc: Meaning and range, for people: ``"N(0, 1)"``, ``"RGB, 0..255"``.
        state_of: For a recurrent input, the output that feeds it at the next step.
    """

    name: str
    dtype: DType
    shape: tuple[int | str, ...]
    doc: str = ""
    state_of: str | None = None

    @property
    def has_rows(self) -> bool:
        """Whether each sample of a batch has a row of its own; else there is one value for all of them."""
        return bool(self.shape) and self.shape[0] in ("batch", 1)

    def row(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape of what belongs to one sample, with every dynamic axis replaced by its size in ``sizes``."""
        return self.concrete({"batch": 1, **sizes})[1 if self.has_rows else 0 :]

    def concrete(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape with every dynamic axis replaced by its size in ``sizes``, and ``"4*height"`` by four times it."""
        return tuple(_size(size, sizes) if isinstance(size, str) else size for size in self.shape)


def _size(text: str, sizes: Mapping[str, int]) -> int:
    times, _, name = text.rpartition("*")
    return int(times or 1) * sizes[name]


class GraphSpec(Frozen):
    """Inputs, outputs and the limits of every named axis of the inputs.

    An output may name sizes that are no axes and follow from the inputs, such as ``"4*height"``.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    axes: dict[str, AxisRange] = {}

    @field_validator("inputs", "outputs")
    @classmethod
    def _named_once(cls, tensors: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
        names = [tensor.name for tensor in tensors]
        if len(set(names)) != len(names):
            raise ValueError(f"tensor names repeat: {names}")
        return tensors

    @model_validator(mode="after")
    def _axes_declared(self) -> Self:
        used = {size for tensor in self.inputs for size in tensor.shape if isinstance(size, str)}
        if missing := sorted(used - set(self.axes)):
            raise ValueError(f"axes without limits: {', '.join(missing)}")
        return self

    @property
    def tuned_batch(self) -> int:
        """Samples in the run that engines are tuned for."""
        limits = self.axes.get("batch")
        return limits.opt if limits else 1

    @property
    def largest_batch(self) -> int:
        """The most samples in one run."""
        limits = self.axes.get("batch")
        return limits.max if limits else 1

    @property
    def fixed(self) -> dict[str, int]:
        """Axes that have one size only. Runtimes plan better for shapes that they know, so backends tell them."""
        return {name: limits.opt for name, limits in self.axes.items() if limits.min == limits.max}

    def sizes(self, which: Literal["min", "opt", "max"], **override: int) -> dict[str, int]:
        """A size for every dynamic axis, each at its ``which`` limit unless given in ``override``."""
        return {name: override.get(name, getattr(limits, which)) for name, limits in self.axes.items()}

    def with_axis(self, name: str, limits: AxisRange) -> GraphSpec:
        """The same spec with other limits for one axis."""
        return self.model_copy(update={"axes": {**self.axes, name: limits}})
