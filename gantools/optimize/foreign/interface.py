"""What the inputs and outputs of a foreign graph mean. What its shapes and types do not say, the user does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir
from pydantic import field_validator

from gantools.core.errors import ArtifactError, RecipeError
from gantools.core.registry import unknown_name
from gantools.core.sampler import NoiseInput, Setting
from gantools.core.spec import AxisRange, DType, Frozen, TensorSpec

IMAGE_AXES = ("height", "width")
DEFAULT_AXES = {
    "batch": AxisRange(min=1, opt=1, max=8),
    "height": AxisRange(min=16, opt=256, max=4096),
    "width": AxisRange(min=16, opt=256, max=4096),
}
_ROLES = "image, normal, uniform, category:COUNT, or LOW:DEFAULT:HIGH for a setting"
_FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16)
_PIXELS = (*_FLOATS, ir.DataType.UINT8)
_WHOLE = (ir.DataType.INT64, ir.DataType.INT32)


class Adoption(Frozen):
    """What a foreign file does not say of itself.

    Attributes:
        input_range: Values of black and white in the images it takes; none: it takes none, or bytes.
        output_range: Values of black and white in the images it makes; none: as ``input_range``, or -1 and 1.
        roles: Input -> what it is, where its shape and type do not tell: see ``interface_of``.
        output: The output that is the image; none: the first that may be one.
        axes: Limits of dynamic axes. Images have ``height`` and ``width``, their number is ``batch``.
    """

    input_range: tuple[float, float] | None = None
    output_range: tuple[float, float] | None = None
    roles: dict[str, str] = {}
    output: str | None = None
    axes: dict[str, AxisRange] = {}

    @field_validator("input_range", "output_range")
    @classmethod
    def _ordered(cls, limits: tuple[float, float] | None) -> tuple[float, float] | None:
        if limits is not None and not limits[0] < limits[1]:
            raise ValueError(f"black must lie below white, got {limits[0]:g}..{limits[1]:g}")
        return limits

    @property
    def range_out(self) -> tuple[float, float]:
        """Values of black and white in the images it makes."""
        return self.output_range or self.input_range or (-1.0, 1.0)


@dataclass(frozen=True)
class Port:
    """A value of the foreign graph that is an image.

    Attributes:
        name: In the foreign graph.
        dtype: Its type there.
        channels: 1 or 3.
        channels_last: Whether it is NHWC; else NCHW.
        shape: batch, height and width: sizes, or the names of axes.
    """

    name: str
    dtype: ir.DataType
    channels: int
    channels_last: bool
    shape: tuple[int | str, int | str, int | str]


@dataclass(frozen=True)
class Interface:
    """What a foreign graph takes.

    Attributes:
        inputs: As the artifact's graphs have them, in the foreign order.
        image: The one that is an image; none: it makes images of noise.
        noise: Those that are drawn from a seed.
        settings: Those that have a default.
        axes: Names of the dynamic axes.
    """

    inputs: tuple[TensorSpec, ...]
    image: Port | None
    noise: Mapping[str, NoiseInput]
    settings: Mapping[str, Setting]
    axes: tuple[str, ...]


def interface_of(graph: ir.Graph, options: Adoption) -> Interface:
    """Read the inputs of a foreign graph.

    A float or uint8 input of rank 4 with 1 or 3 channels, and with more than one pixel, is an image; any other float
    is N(0, 1) noise. ``options.roles`` overrules both.

    Raises:
        ArtifactError: An input has a type or a shape that generators do not take, or there are several images.
        RecipeError: A role is none, does not fit, or the range of an image is missing.
        UnknownNameError: A role is given to an input that there is not.
    """
    names = [str(value.name) for value in graph.inputs]
    for name in options.roles:
        if name not in names:
            raise unknown_name("input of this graph", name, names)
    inputs: list[TensorSpec] = []
    images: list[Port] = []
    noise: dict[str, NoiseInput] = {}
    settings: dict[str, Setting] = {}
    for value in graph.inputs:
        name, role = str(value.name), options.roles.get(str(value.name)) or _guessed(value)
        if role == "image":
            port = port_of(value, _named_axes(value))
            images.append(port)
            inputs.append(_tensor(name, "uint8", (*port.shape, port.channels), "image, 0..255, NHWC"))
            continue
        shape = tuple(_axis_name(value, place, size) for place, size in enumerate(_sizes(value)))
        known = _drawn(name, role, len(noise))
        if isinstance(known, Setting):
            settings[name] = known
        else:
            noise[name] = known
        whole = isinstance(known, NoiseInput) and known.distribution == "category"
        if value.dtype not in (_WHOLE if whole else _FLOATS):
            raise RecipeError(
                f"input '{name}' is {_type(value)}, which '{role}' is not.", hint=f"--input {name}=ROLE: {_ROLES}"
            )
        inputs.append(_tensor(name, "int64" if whole else "float32", shape, role))
    if len(images) > 1:
        raise ArtifactError(
            f"inputs {', '.join(repr(one.name) for one in images)} are all images, and one is all that is understood.",
            hint=f"say what the others are: --input {images[1].name}=normal",
        )
    if images and options.input_range is None and images[0].dtype != ir.DataType.UINT8:
        raise RecipeError(
            f"input '{images[0].name}' is an image, and the file does not say in which range.",
            hint=f"give --input-range 0..1 (or -1..1, or 0..255); if it is noise, --input {images[0].name}=normal",
        )
    axes = dict.fromkeys(size for tensor in inputs for size in tensor.shape if isinstance(size, str))
    return Interface(tuple(inputs), images[0] if images else None, noise, settings, tuple(axes))


def is_channels_last(shape: Sequence[int | str | None]) -> bool | None:
    """Whether images of this shape are NHWC; False: NCHW; None: they are no images of 1 or 3 channels."""
    if len(shape) != 4 or (shape[1] not in (1, 3) and shape[3] not in (1, 3)):
        return None
    return shape[1] not in (1, 3)


def port_of(value: ir.Value, shape: tuple[int | str, ...]) -> Port:
    """A value as an image.

    Args:
        value: Of the foreign graph.
        shape: Its sizes and axis names.

    Raises:
        RecipeError: It is none.
    """
    channels_last = is_channels_last(shape)
    if channels_last is None or value.dtype not in _PIXELS:
        raise RecipeError(
            f"'{value.name}' is {_type(value)} {_text(shape)}, which is no image: of rank 4, with 1 or 3 channels.",
            hint="see its inputs and outputs in a viewer such as netron",
        )
    batch, *rest = shape
    channels = int(rest.pop(2 if channels_last else 0))
    return Port(str(value.name), value.dtype, channels, channels_last, (batch, rest[0], rest[1]))


def _guessed(value: ir.Value) -> str:
    sizes = _sizes(value)
    last = is_channels_last(sizes)
    if value.dtype in _PIXELS and last is not None and 1 not in (sizes[1:3] if last else sizes[2:]):
        return "image"
    if value.dtype not in _FLOATS:
        raise RecipeError(
            f"what input '{value.name}', {_type(value)} {_text(sizes)}, is cannot be told from its type.",
            hint=f"--input {value.name}=ROLE: {_ROLES}",
        )
    return "normal"


def _drawn(name: str, role: str, stream: int) -> NoiseInput | Setting:
    try:
        if role in ("normal", "uniform"):
            return NoiseInput.model_validate({"distribution": role, "stream": stream})
        if found := re.fullmatch(r"category:(\d+)", role):
            return NoiseInput(distribution="category", stream=stream, categories=int(found[1]))
        low, default, high = map(float, role.split(":"))
        return Setting(low=low, default=default, high=high)
    except ValueError as err:
        raise RecipeError(f"input '{name}' cannot be '{role}'.", hint=f"it may be {_ROLES}") from err


def _sizes(value: ir.Value) -> tuple[int | str | None, ...]:
    if value.shape is None:
        raise ArtifactError(f"the file does not say what shape input '{value.name}' has.", hint="export it with shapes")
    return tuple(size if isinstance(size, int) else size.value for size in value.shape)


def _named_axes(value: ir.Value) -> tuple[int | str, ...]:
    """Sizes of an image, with ``batch``, ``height`` and ``width`` for those that are dynamic."""
    sizes = _sizes(value)
    names = (
        ("batch", "height", "width", "channels")
        if is_channels_last(sizes)
        else ("batch", "channels", "height", "width")
    )
    return tuple(size if isinstance(size, int) else name for size, name in zip(sizes, names, strict=False))


def _axis_name(value: ir.Value, place: int, size: int | str | None) -> int | str:
    if isinstance(size, int):
        return size
    return "batch" if place == 0 else size or f"{value.name}_{place}"


def _tensor(name: str, dtype: DType, shape: tuple[int | str, ...], doc: str) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=shape, doc=doc)


def _type(value: ir.Value) -> str:
    return value.dtype.name.lower() if value.dtype else "of unknown type"


def _text(sizes: tuple[int | str | None, ...]) -> str:
    return "(" + ", ".join("?" if size is None else str(size) for size in sizes) + ")"
