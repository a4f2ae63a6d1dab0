"""A transposed convolution of a single pixel is a matrix product.

From a map of 1x1, equation 1 of ``upsampling`` has one term, y[o] = b + x K[o + p]: every output pixel has a row of
weights of its own, and all of them make one matrix.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx_ir as ir

from gantools.optimize.rewrites.reading import Convolution, convolution, sizes
from gantools.optimize.rewrites.site import Builder, Rewrite, Site

NAME = "projection"


def find(node: ir.Node) -> Site | None:
    """The site that ends at a node."""
    conv = convolution(node, "ConvTranspose")
    if conv is None or conv.groups != 1 or sizes(node.inputs[0])[2:] != (1, 1):
        return None
    key = f"{NAME} {conv.weight.shape[0]}-{conv.outputs} to {'x'.join(map(str, _size(conv)))}"
    return Site(NAME, (node,), {"product": partial(_product, conv)}, key)


def _size(conv: Convolution) -> tuple[int, ...]:
    return tuple(conv.kernel[axis] - conv.begin[axis] - conv.end[axis] for axis in (0, 1))


def _product(conv: Convolution, builder: Builder) -> ir.Value:
    height, width = _size(conv)
    # Rows and columns of the kernel that are cut off, or zeros where the output is larger than the kernel.
    kernel = conv.weight[:, :, conv.begin[0] : conv.begin[0] + height, conv.begin[1] : conv.begin[1] + width]
    missing = [(0, 0), (0, 0), (0, height - kernel.shape[2]), (0, width - kernel.shape[3])]
    weight = np.pad(kernel, missing).reshape(len(kernel), -1)
    pixel = builder.constant(np.array([0, len(weight)]), "pixel")  # 0: as many as there are
    inputs = [builder.op("Reshape", conv.node.inputs[0], pixel), builder.constant(weight, "weight")]
    if conv.has_bias:
        inputs.append(builder.constant(np.repeat(conv.bias, height * width), "bias"))
    product = builder.op("Gemm", *inputs)
    shape = builder.constant(np.array([0, conv.outputs, height, width]), "shape")
    return builder.op("Reshape", product, shape)


rewrite = Rewrite(find, always_pays=False)
