"""Tiny networks that make images of images, as artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto

from gantools.core.artifact import MANIFEST, Artifact, GraphFile, ImageOutput, Manifest, load_artifact, seal
from gantools.core.atomic import staged_folder
from gantools.core.sampler import Sampler
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from tests.zoo import Net, save

AXES = {
    "batch": AxisRange(min=1, opt=1, max=8),
    "height": AxisRange(min=16, opt=64, max=256),
    "width": AxisRange(min=16, opt=64, max=256),
}


def begun() -> Net:
    """Bytes NHWC as floats NCHW in [0, 1]."""
    net = Net()
    net.last = "frame"
    net.then("Cast", to=TensorProto.FLOAT)
    net.then("Mul", net.constant(np.array(1 / 255, np.float32)))
    net.then("Transpose", perm=[0, 3, 1, 2])
    return net


def ended(net: Net, *, floats: bool) -> Net:
    """To bytes NHWC, or to [-1, 1] NCHW."""
    net.then("Mul", net.constant(np.array(2 if floats else 255, np.float32)))
    if floats:
        net.then("Add", net.constant(np.array(-1, np.float32)), output="image")
        return net
    net.then("Round")
    net.then("Clip", *(net.constant(np.array(value, np.float32)) for value in (0, 255)))
    net.then("Transpose", perm=[0, 2, 3, 1])
    net.then("Cast", output="image", to=TensorProto.UINT8)
    return net


def conv(net: Net, channels: tuple[int, int], size: int = 3, *, noise: float = 0.02, **more: Any) -> None:
    """A convolution that keeps the size: nearly the identity, channel c of the output showing channel c % inputs."""
    rng = np.random.default_rng(len(net.nodes))
    kernel = rng.normal(0, noise, (channels[1], channels[0], size, size)).astype(np.float32)
    for channel in range(channels[1]):
        kernel[channel, channel % channels[0], size // 2, size // 2] += 1
    wide = more.get("dilations", [1, 1])[0] * (size - 1) // 2
    net.then("Conv", net.constant(kernel), **{"kernel_shape": [size] * 2, "pads": [wide] * 4, **more})


def enlarger(channels: int = 3) -> Net:
    """Twice as large: three convolutions, DepthToSpace, and a skip from the input that is enlarged by bilinear."""
    net = begun()
    first = net.last
    conv(net, (channels, 8))
    net.then("Relu")
    conv(net, (8, 8), 5)
    net.then("LeakyRelu", alpha=0.1)
    conv(net, (8, 4 * channels), noise=0.05)
    net.then("DepthToSpace", blocksize=2, mode="CRD")
    deep, net.last = net.last, first
    net.then("Resize", "", net.constant(np.array([1, 1, 2, 2], np.float32)), mode="linear")
    net.then("Add", deep)
    net.then("Mul", net.constant(np.array(0.5, np.float32)))
    return net


def make_image_to_image(
    folder: Path, *, channels: int = 3, scale: int = 2, net: Any = None, spec: GraphSpec | None = None
) -> Artifact:
    """A sealed artifact of a network that enlarges, with both graphs."""
    make = net or (lambda: enlarger(channels))
    spec = spec or spec_of(channels, scale)
    with staged_folder(folder, marker=MANIFEST) as staging:
        graphs = {}
        for name, floats in (("generator", False), ("generator_float", True)):
            own = spec
            if floats:
                batch, height, width, _ = spec.outputs[0].shape
                shape = (batch, channels, height, width)
                own = spec.model_copy(update={"outputs": (TensorSpec(name="image", dtype="float32", shape=shape),)})
            save(ended(make(), floats=floats), own, staging / f"{name}.onnx")
            graphs[name] = GraphFile(file=f"{name}.onnx", format="onnx", precision="fp32", spec=own)
        manifest = Manifest(
            schema=1,
            name="tiny-enlarger",
            modality="image",
            sampler=Sampler(kind="feedforward", graph="generator", image="frame"),
            graphs=graphs,
            output=ImageOutput.model_validate(
                {"height": 64 * scale, "width": 64 * scale, "channels": channels, "scale": scale}
            ),
        )
        seal(staging, manifest)
    return load_artifact(folder)


def spec_of(channels: int = 3, scale: int = 2) -> GraphSpec:
    """Of ``make_image_to_image``."""
    sizes = ("height", "width") if scale == 1 else (f"{scale}*height", f"{scale}*width")
    return GraphSpec(
        inputs=(TensorSpec(name="frame", dtype="uint8", shape=("batch", "height", "width", channels)),),
        outputs=(TensorSpec(name="image", dtype="uint8", shape=("batch", *sizes, channels)),),
        axes=AXES,
    )
