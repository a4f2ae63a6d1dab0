"""What NVIDIA's DLA takes of a graph, by its documentation: which layers it would leave to the GPU, and why.

The rules are those of "DLA Supported Layers and Restrictions" in the TensorRT documentation (docs.nvidia.com, TensorRT,
inference-library): general limits and the table of layers as of 11.4, and where that table is short, as for windows of
pooling, factors of resizing and large kernels, the limits that the developer guides of 8.6 to 10.7 list. Nothing here
was run on a device: the builder there has the last word, and tells it by ``trtexec --useDLACore=0 --allowGPUFallback
--verbose``.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from gantools.optimize.rewrites.reading import constant, integer, integers, sizes, text

LARGEST_BATCH, LARGEST_SIZE = 4096, 8192
_KERNEL, _STRIDE, _DILATION, _PADDING = 32, 8, 32, 31
_SLOW_DECONVOLUTION = range(23, 33)
"""Square kernels and strides of transposed convolutions that TensorRT has switched off, because they compile slowly."""


def refusal(node: ir.Node) -> str | None:
    """Why DLA leaves a layer to the GPU; None: nothing documented speaks against it.

    Args:
        node: Of a graph in which all shapes are known, with one size for each axis.
    """
    rule = _RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
    if rule is None:
        return f"{node.op_type} is no layer of DLA"
    return _too_large(node) or rule(node)


def _too_large(node: ir.Node) -> str | None:
    for value in (*node.inputs, *node.outputs):
        if value is None or value.const_value is not None or value.shape is None:
            continue
        shape = [size for size in value.shape if isinstance(size, int)]
        if shape and shape[0] > LARGEST_BATCH:
            return f"a batch of {shape[0]}, and DLA takes at most {LARGEST_BATCH}"
        if large := [size for size in shape[1:] if size > LARGEST_SIZE]:
            return f"a size of {large[0]}, and DLA takes at most {LARGEST_SIZE}"
    return None


def _flat(node: ir.Node) -> str | None:
    """Layers of two spatial dimensions: batch, channels, height, width."""
    shape = node.inputs[0].shape if node.inputs and node.inputs[0] is not None else None
    if shape is not None and len(shape) != 4:
        return f"{len(shape)} dimensions, and DLA takes 4: batch, channels, height, width"
    return None


def _convolution(node: ir.Node) -> str | None:
    if (problem := _flat(node)) or (problem := _built_in(node, 1, "weights")):
        return problem
    shape = sizes(node.inputs[1])
    kernel = [size for size in shape[2:] if size is not None]
    if any(size > _KERNEL for size in kernel):
        return f"a kernel of {kernel}, and DLA takes 1 to {_KERNEL}"
    if any(one > _STRIDE for one in integers(node, "strides", (1, 1))):
        return f"strides of {list(integers(node, 'strides', (1, 1)))}, and DLA takes 1 to {_STRIDE}"
    if any(one > _DILATION for one in integers(node, "dilations", (1, 1))):
        return f"dilations of {list(integers(node, 'dilations', (1, 1)))}, and DLA takes 1 to {_DILATION}"
    if any(one > _PADDING for one in integers(node, "pads", (0,) * 4)):
        return f"padding of {list(integers(node, 'pads', (0,) * 4))}, and DLA takes 0 to {_PADDING}"
    return None


def _deconvolution(node: ir.Node) -> str | None:
    if (problem := _flat(node)) or (problem := _built_in(node, 1, "weights")):
        return problem
    pads = integers(node, "pads", (0,) * 4)
    if any(pads) or text(node, "auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        return f"padding of {list(pads) if any(pads) else 'SAME'}, and transposed convolutions of DLA have none"
    if any(integers(node, "output_padding", (0, 0))):
        return "output padding, and transposed convolutions of DLA have none"
    if integer(node, "group", 1) > 1:
        return f"{integer(node, 'group', 1)} groups, and transposed convolutions of DLA have one"
    if any(one > 1 for one in integers(node, "dilations", (1, 1))):
        return "dilation, and transposed convolutions of DLA have none"
    height, width = sizes(node.inputs[1])[2:]
    strides = integers(node, "strides", (1, 1))
    if max(height or 1, width or 1, *strides) > _KERNEL:
        return f"a kernel of {[height, width]} with strides {list(strides)}, and DLA takes 1 to {_KERNEL}"
    if height == width and height in _SLOW_DECONVOLUTION:
        return f"a square kernel of {height}, which TensorRT has switched off for DLA"
    return None


def _built_in(node: ir.Node, place: int, what: str) -> str | None:
    value = node.inputs[place] if len(node.inputs) > place else None
    given = value.producer() if value is not None else None
    quantized = given is not None and given.op_type == "DequantizeLinear"
    return None if quantized or constant(value) is not None else f"{what} that are computed, and DLA takes constants"


def _prelu(node: ir.Node) -> str | None:
    return _flat(node) or _built_in(node, 1, "slopes")


def _elementwise(node: ir.Node) -> str | None:
    if node.outputs[0].dtype in (ir.DataType.INT64, ir.DataType.INT32):
        return "whole numbers, and DLA computes in fp16 and int8"
    shape = node.outputs[0].shape
    if shape is not None and len(shape) != 4:
        return f"{len(shape)} dimensions, and DLA takes 4: batch, channels, height, width"
    return None


def _clip(node: ir.Node) -> str | None:
    low, high = (constant(value) if value is not None else None for value in [*node.inputs[1:3], None, None][:2])
    if low is None or high is None or float(low) != 0.0 or not 1.0 <= float(high) <= 127.0:
        return "limits other than 0 to between 1 and 127, which is what clipping of DLA is"
    return _flat(node)


def _concatenation(node: ir.Node) -> str | None:
    return _flat(node) or (None if integer(node, "axis", 1) == 1 else "another axis than the channels")


def _pooling(node: ir.Node) -> str | None:
    if problem := _flat(node):
        return problem
    kernel, strides = integers(node, "kernel_shape", (1, 1)), integers(node, "strides", (1, 1))
    if max(kernel) > 8 or max(strides) > 16 or max(integers(node, "pads", (0,) * 4)) > 7:
        return (
            f"a window of {list(kernel)} with strides {list(strides)}; DLA: windows to 8, padding to 7, strides to 16"
        )
    return None


def _resize(node: ir.Node) -> str | None:
    if problem := _flat(node):
        return problem
    mode, before, after = text(node, "mode", "nearest"), sizes(node.inputs[0]), sizes(node.outputs[0])
    if mode not in ("nearest", "linear"):
        return f"interpolation '{mode}', and DLA has nearest and linear"
    limit = 32 if mode == "nearest" else 4
    for old, new in zip(before[2:], after[2:], strict=True):
        if old is None or new is None or new % old or not 1 <= new // old <= limit:
            return f"a factor that is no whole number from 1 to {limit}, for {mode}"
    if before[:2] != after[:2]:
        return "batch or channels that are resized"
    moved = text(node, "coordinate_transformation_mode", "half_pixel")
    if mode == "linear" and moved != "half_pixel":
        return f"coordinates '{moved}', and linear interpolation of DLA has half_pixel"
    return None


def _four_to_four(node: ir.Node) -> str | None:
    for value in (node.inputs[0], node.outputs[0]):
        if value is not None and value.shape is not None and len(value.shape) != 4:
            return "from or to another number of dimensions than 4"
    before, after = sizes(node.inputs[0]), sizes(node.outputs[0])
    return "a batch that is moved" if before[0] != after[0] else None


def _transpose(node: ir.Node) -> str | None:
    order = integers(node, "perm", ())
    return _four_to_four(node) or ("a batch that is moved" if order and order[0] != 0 else None)


def _slice(node: ir.Node) -> str | None:
    axes = constant(node.inputs[3]) if len(node.inputs) > 3 else None
    return _flat(node) or ("the batch is cut, or an axis that is not known" if axes is None or 0 in axes else None)


def _reduction(node: ir.Node) -> str | None:
    axes = constant(node.inputs[1]) if len(node.inputs) > 1 else integers(node, "axes", ())
    wanted = sorted(int(axis) % 4 for axis in axes) if axes is not None else []
    if node.op_type == "ReduceMean" and wanted != [2, 3]:
        return f"a mean over the axes {wanted}, and DLA takes height and width"
    return _flat(node) or ("the batch is reduced" if not wanted or 0 in wanted else None)


def _softmax(node: ir.Node) -> str | None:
    others = [size for place, size in enumerate(sizes(node.inputs[0])) if place and size is not None]
    return _flat(node) or ("more than 1024 values" if sum(others) - max(others, default=0) > 1024 else None)


_Rule = Callable[[ir.Node], str | None]
_RULES: dict[str, _Rule] = {
    "Conv": _convolution,
    "ConvTranspose": _deconvolution,
    **dict.fromkeys(("Relu", "Sigmoid", "Tanh", "LeakyRelu", "BatchNormalization", "LRN", "Abs", "Identity"), _flat),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sum"), _elementwise),
    "Clip": _clip,
    "PRelu": _prelu,
    "Concat": _concatenation,
    **dict.fromkeys(("MaxPool", "AveragePool"), _pooling),
    **dict.fromkeys(("GlobalAveragePool", "Dropout"), _flat),
    "Resize": _resize,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _four_to_four),
    "Transpose": _transpose,
    "Slice": _slice,
    **dict.fromkeys(("ReduceMax", "ReduceMean"), _reduction),
    "Softmax": _softmax,
}
