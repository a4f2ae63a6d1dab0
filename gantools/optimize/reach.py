"""How far a pixel of a graph that makes images of images looks: what its input pixels within some distance decide.

Counted from the operations, so it is a bound and no estimate. An operation that is not known here looks everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor, lcm
from pathlib import Path

import onnx_ir as ir

from gantools.optimize.rewrites.reading import constant, integer, integers, text

_ROWS, _COLUMNS = 2, 3  # in NCHW, which convolutions take
# Their value at a place depends on that place of their inputs alone.
_PLACEWISE = {
    *("Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "Identity", "Log", "Neg", "Reciprocal", "Round", "Sign", "Sin"),
    *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mul"),
    *("Not", "Or", "Pow", "Sqrt", "Sub", "Sum", "Where", "Cast", "Clip", "Dropout", "BatchNormalization", "LRN"),
    *("Celu", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "PRelu", "Relu", "Selu", "Sigmoid"),
    *("Softplus", "Softsign", "Tanh", "ThresholdedRelu", "QuantizeLinear", "DequantizeLinear"),
}
_RADIUS = {"nearest": 1, "linear": 1, "cubic": 2}
_STARTS_AT_ZERO = ("half_pixel", "pytorch_half_pixel", "asymmetric")


@dataclass(frozen=True)
class Reach:
    """What a part of an image needs around it to come out as it does in the whole.

    Attributes:
        halo: Pixels of the input on each side, at most.
        align: A part begins at a multiple of it, so that strides meet the same pixels.
        rounded: Operations whose weights depend on where they are, by rounding: there parts equal the whole to the last
            bits of a float only.
    """

    halo: int
    align: int
    rounded: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Span:
    """Place p of an axis depends on input places from ``step * p + low`` to ``step * p + high``, low <= 0 <= high."""

    step: Fraction = Fraction(1)
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)

    def after(self, step: Fraction, low: Fraction, high: Fraction) -> _Span:
        """Of an operation whose place p takes places from ``step * p + low`` to ``step * p + high`` of this.

        Each place looks at the input pixel that it lies in, at least. Then whoever looks at a place beyond the edge of
        a part, where there is padding instead, looks beyond that edge in the image, too.
        """
        low, high = min(low, step - 1, Fraction(0)), max(high, Fraction(0))
        return _Span(self.step * step, self.step * low + self.low, self.step * high + self.high)

    def with_other(self, other: _Span) -> _Span:
        return _Span(self.step, min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class _Local:
    """A value of rank 4 that depends on the image. ``dims`` are those of its rows and columns."""

    rows: _Span
    columns: _Span
    dims: tuple[int, int]

    def after(self, rows: tuple[Fraction, Fraction, Fraction], columns: tuple[Fraction, Fraction, Fraction]) -> _Local:
        return replace(self, rows=self.rows.after(*rows), columns=self.columns.after(*columns))


class _EverywhereError(Exception):
    """A node looks at the whole image, or may do so; its text says how."""


def reach_of(path: Path, image: str, output: str) -> Reach | str:
    """How far a graph's output looks in its image.

    Args:
        path: An ONNX file.
        image: The input (batch, height, width, channels).
        output: The image that comes out, NHWC or NCHW.

    Returns:
        The reach, or why there is none, as a clause.
    """
    graph = ir.load(path).graph
    known: dict[str, _Local] = {}
    steps: list[Fraction] = []
    rounded: list[str] = []
    for value in graph.inputs:
        if value.name == image:
            known[image] = _Local(_Span(), _Span(), (1, 2))
        elif value.shape is not None and {str(size) for size in value.shape} & {"height", "width"}:
            return f"input '{value.name}' has a value for each pixel of the whole"
    try:
        for node in graph:
            found = _of_node(node, known)
            if found is None:
                continue
            if _rounds(node):
                rounded.append(node.name or node.op_type)
            steps += [found.rows.step, found.columns.step]
            known |= {str(one.name): found for one in node.outputs}
    except _EverywhereError as err:
        return str(err)
    if output not in known:
        return f"'{output}' does not depend on the image"
    spans = (known[output].rows, known[output].columns)
    # Input places are whole numbers. The last of the places that a pixel becomes begins a part of a pixel later.
    halo = max(max(floor(-one.low), floor(max(1 - one.step, Fraction(0)) + one.high)) for one in spans)
    return Reach(halo, lcm(*(step.numerator for step in steps)), tuple(rounded))


def _of_node(node: ir.Node, known: dict[str, _Local]) -> _Local | None:
    """Of its outputs; None where they do not depend on the image."""
    given = [known[str(value.name)] for value in node.inputs if value is not None and str(value.name) in known]
    if not given:
        return None
    name = f"'{node.name or node.op_type}' ({node.op_type})"
    rule = _RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
    if rule is None and node.op_type not in _PLACEWISE:
        raise _EverywhereError(f"{name} may look at the whole image")
    first, *others = given
    for other in others:
        if (other.dims, other.rows.step, other.columns.step) != (first.dims, first.rows.step, first.columns.step):
            raise _EverywhereError(f"{name} joins images of different sizes")
        first = replace(first, rows=first.rows.with_other(other.rows), columns=first.columns.with_other(other.columns))
    if rule is None:
        if any(_varies(value, first) for value in node.inputs if value is not None and str(value.name) not in known):
            raise _EverywhereError(f"{name} takes other constants at other places")
        return first
    try:
        return rule(node, first)
    except _EverywhereError as err:
        raise _EverywhereError(f"{name} {err}") from None


def _varies(value: ir.Value, local: _Local) -> bool:
    """Whether something that does not depend on the image has more than one value along rows or columns."""
    fixed = constant(value)
    shape = fixed.shape if fixed is not None else tuple(value.shape) if value.shape is not None else None
    if shape is None:
        return True
    return any(dim >= 4 - len(shape) and shape[dim - (4 - len(shape))] != 1 for dim in local.dims)


def _rounds(node: ir.Node) -> bool:
    """Enlarges by interpolation with weights that have no exact float: their rounding depends on the place."""
    if node.op_type != "Resize" or text(node, "mode", "nearest") == "nearest":
        return False
    return any(factor.numerator & (factor.numerator - 1) for factor in _factors(node))


def _windows(node: ir.Node, local: _Local) -> _Local:
    """Convolutions and pooling."""
    kernel, strides, dilations, pads = _geometry(node, local)
    spans = []
    for axis in range(2):
        width = dilations[axis] * (kernel[axis] - 1)
        same = text(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID")
        low, high = (-width, width) if same else (-pads[axis], width - pads[axis])
        spans.append((Fraction(strides[axis]), Fraction(low), Fraction(high)))
    if integer(node, "ceil_mode", 0) and max(strides) > 1:
        raise _EverywhereError("rounds sizes up")
    return local.after(*spans)


def _transposed(node: ir.Node, local: _Local) -> _Local:
    """Input q meets outputs q * stride - pad + dilation * j, for j below the kernel's size."""
    kernel, strides, dilations, pads = _geometry(node, local)
    if "output_shape" in node.attributes:
        raise _EverywhereError("has an output of fixed size")
    spans = []
    for axis in range(2):
        stride, width = Fraction(1, strides[axis]), dilations[axis] * (kernel[axis] - 1)
        spans.append((stride, (pads[axis] - width) * stride, pads[axis] * stride))
    return local.after(*spans)


def _geometry(node: ir.Node, local: _Local) -> tuple[tuple[int, ...], ...]:
    """Kernel, strides, dilations and leading pads of rows and columns."""
    _need_channels_first(local)
    weight = constant(node.inputs[1]) if node.op_type in ("Conv", "ConvTranspose") else None
    kernel = integers(node, "kernel_shape", weight.shape[2:] if weight is not None else ())
    if len(kernel) != 2:
        raise _EverywhereError("has a kernel of unknown size")
    strides, dilations = (integers(node, name, (1, 1)) for name in ("strides", "dilations"))
    if text(node, "auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER") and max(strides) > 1:
        raise _EverywhereError("pads by the size of the image")
    return kernel, strides, dilations, integers(node, "pads", (0, 0, 0, 0))


def _need_channels_first(local: _Local) -> None:
    if local.dims != (_ROWS, _COLUMNS):
        raise _EverywhereError("works along the channels")


def _depth_to_space(node: ir.Node, local: _Local) -> _Local:
    _need_channels_first(local)
    size = integer(node, "blocksize", 1)
    span = (Fraction(1, size), Fraction(1 - size, size), Fraction(0))
    return local.after(span, span)


def _space_to_depth(node: ir.Node, local: _Local) -> _Local:
    _need_channels_first(local)
    size = integer(node, "blocksize", 1)
    span = (Fraction(size), Fraction(0), Fraction(size - 1))
    return local.after(span, span)


def _factors(node: ir.Node) -> tuple[Fraction, ...]:
    """By how much a Resize enlarges each dimension."""
    scales = constant(node.inputs[2]) if len(node.inputs) > 2 else None
    if scales is None or len(scales) != 4:
        raise _EverywhereError("has sizes that are computed")
    exact = tuple(Fraction(float(one)).limit_denominator(64) for one in scales)
    if any(abs(float(one) - float(scale)) > 1e-6 for one, scale in zip(exact, scales, strict=True)):
        raise _EverywhereError("enlarges by no simple ratio")
    return exact


def _resize(node: ir.Node, local: _Local) -> _Local:
    factors = _factors(node)
    mode = text(node, "mode", "nearest")
    if (
        text(node, "coordinate_transformation_mode", "half_pixel") not in _STARTS_AT_ZERO
        or mode not in _RADIUS
        or integer(node, "antialias", 0)
        or any(factor != 1 for dim, factor in enumerate(factors) if dim not in local.dims)
    ):
        raise _EverywhereError("places pixels by the size of the image")
    spans = []
    for dim in local.dims:
        step, radius = 1 / factors[dim], _RADIUS[mode] if factors[dim] != 1 else 0
        centre = (step - 1) / 2 if radius else Fraction(0)
        spans.append((step, min(centre, Fraction(0)) - radius, max(centre, Fraction(0)) + radius))
    return local.after(*spans)


def _pad(node: ir.Node, local: _Local) -> _Local:
    pads = constant(node.inputs[1])
    if pads is None or len(pads) != 8 or text(node, "mode", "constant") == "wrap":
        raise _EverywhereError("pads by the size of the image")
    spans = [(Fraction(1), Fraction(-int(pads[dim])), Fraction(-int(pads[dim]))) for dim in local.dims]
    return local.after(*spans)


def _transpose(node: ir.Node, local: _Local) -> _Local:
    order = integers(node, "perm", (3, 2, 1, 0))
    return replace(local, dims=(order.index(local.dims[0]), order.index(local.dims[1])))


def _along_channels(node: ir.Node, local: _Local) -> _Local:
    """Concat, Split, Softmax, Gather, reductions, of dimensions that are neither rows nor columns."""
    axes = constant(node.inputs[1]) if node.op_type.startswith("Reduce") and len(node.inputs) > 1 else None
    named = integers(node, "axes", ()) if axes is None else tuple(int(axis) for axis in axes)
    if not node.op_type.startswith("Reduce"):
        named = (integer(node, "axis", -1 if node.op_type in ("Softmax", "LogSoftmax", "LayerNormalization") else 0),)
    if not named or not integer(node, "keepdims", 1):
        raise _EverywhereError("looks at the whole image")
    if {axis % 4 for axis in named} & set(local.dims):
        raise _EverywhereError("looks along a whole side of the image")
    if node.op_type == "Gather" and (index := constant(node.inputs[1])) is not None and index.ndim != 1:
        raise _EverywhereError("takes the image apart")
    return local


def _matrix(node: ir.Node, local: _Local) -> _Local:
    """Colours times a constant matrix, where channels are last."""
    weight = constant(node.inputs[1])
    if weight is None or weight.ndim != 2 or 3 in local.dims:
        raise _EverywhereError("multiplies whole images")
    return local


def _statistics(node: ir.Node, local: _Local) -> _Local:  # noqa: ARG001 - a rule like the others
    raise _EverywhereError("takes the mean of the whole image")


def _slice(node: ir.Node, local: _Local) -> _Local:
    parts = [constant(value) for value in node.inputs[1:]]
    if len(parts) < 3 or any(part is None for part in parts[:3]):
        raise _EverywhereError("cuts by the size of the image")
    starts, ends, axes = ([int(one) for one in part] for part in parts[:3] if part is not None)
    steps = [int(one) for one in parts[3]] if len(parts) > 3 and parts[3] is not None else [1] * len(starts)
    spans = {dim: (Fraction(1), Fraction(0), Fraction(0)) for dim in local.dims}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if axis % 4 in spans:
            if start < 0 or step < 1 or 0 <= end < 2**31 - 1:
                raise _EverywhereError("cuts by the size of the image")
            spans[axis % 4] = (Fraction(step), Fraction(start), Fraction(start))
    return local.after(spans[local.dims[0]], spans[local.dims[1]])


_Rule = Callable[[ir.Node, _Local], _Local]
_RULES: dict[str, _Rule] = {
    "Conv": _windows,
    "AveragePool": _windows,
    "MaxPool": _windows,
    "ConvTranspose": _transposed,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Resize": _resize,
    "Pad": _pad,
    "Transpose": _transpose,
    "MatMul": _matrix,
    "InstanceNormalization": _statistics,
    "GroupNormalization": _statistics,
    "MeanVarianceNormalization": _statistics,
    "GlobalAveragePool": _statistics,
    "Slice": _slice,
}
_RULES |= dict[str, _Rule].fromkeys(
    ("Concat", "Gather", "LayerNormalization", "LogSoftmax", "Softmax", "Split"), _along_channels
)
_RULES |= dict[str, _Rule].fromkeys(("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"), _along_channels)
