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
    """Limits of a dynamic axis. Engines are tuned for ``opt`` and refuse sizes outside [``min``, ``max``]."""

    min: int
    opt: int
    max: int

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 1 <= self.min <= self.opt <= self.max:
            raise ValueError(f"needs 1 <= min <= opt <= max, got {self.min}:{self.opt}:{self.max}")
        return self

    @classmethod
    def parse(cls, text: str) -> AxisRange:
        """Read ``"1:16:64"`` (min:opt:max)."""
        low, opt, high = (int(part) for part in text.split(":"))
        return cls(min=low, opt=opt, max=high)


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

    def concrete(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape with every dynamic axis replaced by its size in ``sizes``."""
        return tuple(sizes[size] if isinstance(size, str) else size for size in self.shape)


class GraphSpec(Frozen):
    """Inputs, outputs and the limits of every named axis they use."""

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
        used = {size for tensor in (*self.inputs, *self.outputs) for size in tensor.shape if isinstance(size, str)}
        if missing := sorted(used - set(self.axes)):
            raise ValueError(f"axes without limits: {', '.join(missing)}")
        return self

    def sizes(self, which: Literal["min", "opt", "max"], **override: int) -> dict[str, int]:
        """A size for every dynamic axis, each at its ``which`` limit unless given in ``override``."""
        return {name: override.get(name, getattr(limits, which)) for name, limits in self.axes.items()}

    def with_axis(self, name: str, limits: AxisRange) -> GraphSpec:
        """The same spec with other limits for one axis."""
        return self.model_copy(update={"axes": {**self.axes, name: limits}})
