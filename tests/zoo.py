"""Small generators as ONNX files, written by hand, and artifacts of them. No training, no PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gantools.core.artifact import MANIFEST, Artifact, Goldens, GraphFile, ImageOutput, Manifest, load_artifact, seal
from gantools.core.atomic import staged_folder
from gantools.core.sampler import NoiseInput, Sampler, Setting
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.runtime.session import Session, Where
from gantools.samplers.feedforward import inputs_of

LATENT = 16
SIZE = 16
AXES = {"batch": AxisRange(min=1, opt=4, max=8)}
SAMPLER = Sampler(kind="feedforward", graph="generator", noise={"latent": NoiseInput(distribution="normal", stream=0)})
_RNG_SEED = 7


class Net:
    """A graph under construction: nodes are chained, weights drawn with the variance that keeps activations near 1."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.last = "latent"
        self._rng = np.random.default_rng(_RNG_SEED)

    def constant(self, value: npt.NDArray[Any]) -> str:
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, *shape: int, fan_in: int) -> str:
        return self.constant((self._rng.standard_normal(shape) * np.sqrt(2.0 / fan_in)).astype(np.float32))

    def then(self, kind: str, *others: str, output: str | None = None, **attributes: Any) -> None:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *others], [output], name=f"node_{output}", **attributes))
        self.last = output


def deconv() -> tuple[Net, int]:
    """Three transposed convolutions with their normalization folded in, grey, 16x16."""
    net = Net()
    net.then("Unsqueeze", net.constant(np.array([2, 3], np.int64)))
    for channels_in, channels, stride, pad in ((LATENT, 16, 1, 0), (16, 8, 2, 1), (8, 1, 2, 1)):
        weight = net.weight(channels_in, channels, 4, 4, fan_in=channels_in * (1 if stride == 1 else 4))
        kernel: dict[str, Any] = {"kernel_shape": [4, 4], "strides": [stride] * 2, "pads": [pad] * 4}
        net.then("ConvTranspose", weight, net.weight(channels, fan_in=20), **kernel)
        if channels > 1:
            net.then("Relu")
    net.then("Tanh")
    return net, 1


def resize() -> tuple[Net, int]:
    """A dense layer, then nearest-neighbour enlargement and convolution, twice, colour, 16x16."""
    net = Net()
    net.then("Gemm", net.weight(LATENT, 16 * 16, fan_in=LATENT), net.weight(16 * 16, fan_in=50))
    net.then("Reshape", net.constant(np.array([-1, 16, 4, 4], np.int64)))
    for channels_in, channels in ((16, 8), (8, 3)):
        scales = net.constant(np.array([1, 1, 2, 2], np.float32))
        net.then(
            "Resize", "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
        net.then(
            "Conv", net.weight(channels, channels_in, 3, 3, fan_in=channels_in * 9), kernel_shape=[3, 3], pads=[1] * 4
        )
        if channels > 3:
            net.then("LeakyRelu", alpha=0.2)
    net.then("Tanh")
    return net, 3


NETS: dict[str, Callable[[], tuple[Net, int]]] = {"deconv": deconv, "resize": resize}


def spec_of(kind: str, output: str = "uint8") -> GraphSpec:
    channels = NETS[kind]()[1]
    shape = ("batch", SIZE, SIZE, channels) if output == "uint8" else ("batch", channels, SIZE, SIZE)
    return GraphSpec(
        inputs=(TensorSpec(name="latent", dtype="float32", shape=("batch", LATENT)),),
        outputs=(TensorSpec(name="image", dtype="uint8" if output == "uint8" else "float32", shape=shape),),
        axes=AXES,
    )


def write_onnx(path: Path, kind: str = "deconv", output: str = "uint8", opset: int = 22) -> GraphSpec:
    """Write one generator: ``output`` is ``uint8`` (NHWC, 0..255) or ``float32`` (NCHW, [-1, 1])."""
    net, _ = NETS[kind]()
    if output == "uint8":
        half = net.constant(np.array(127.5, np.float32))
        low, high = (net.constant(np.array(value, np.float32)) for value in (0, 255))
        net.then("Mul", half)
        net.then("Add", half)
        net.then("Round")
        net.then("Clip", low, high)
        net.then("Transpose", perm=[0, 2, 3, 1])
        net.then("Cast", output="image", to=TensorProto.UINT8)
    else:
        net.nodes[-1].output[0] = "image"
    spec = spec_of(kind, output)
    save(net, spec, path, opset)
    return spec


def save(net: Net, spec: GraphSpec, path: Path, opset: int = 22) -> None:
    """Write a net whose last node gives the first output of ``spec``; types of everything between are inferred."""
    types = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "int64": TensorProto.INT64}
    inputs, outputs = (
        [helper.make_tensor_value_info(tensor.name, types[tensor.dtype], tensor.shape) for tensor in tensors]
        for tensors in (spec.inputs, spec.outputs)
    )
    graph = helper.make_graph(net.nodes, "generator", inputs, outputs, net.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(onnx.shape_inference.infer_shapes(model), path)


def make_artifact(folder: Path, kind: str = "deconv") -> Artifact:
    """A sealed fp32 artifact with both graphs and golden samples of seeds 0..3."""
    with staged_folder(folder, marker=MANIFEST) as staging:
        graphs = {}
        for name, output in (("generator", "uint8"), ("generator_float", "float32")):
            spec = write_onnx(staging / f"{name}.onnx", kind, output)
            graphs[name] = GraphFile(file=f"{name}.onnx", format="onnx", precision="fp32", spec=spec)
        main = graphs["generator"]
        with Session(staging / main.file, main) as session:
            images = session.run(inputs_of(main.spec.inputs, SAMPLER, range(4)))["image"]
        np.save(staging / "goldens.npy", images, allow_pickle=False)
        output_kind = ImageOutput(height=SIZE, width=SIZE, channels=1 if kind == "deconv" else 3)
        seal(
            staging,
            Manifest(
                schema=1,
                name=f"zoo-{kind}",
                modality="image",
                sampler=SAMPLER,
                graphs=graphs,
                output=output_kind,
                goldens=Goldens(file="goldens.npy", seeds=(0, 1, 2, 3)),
            ),
        )
    return load_artifact(folder)


CLASSES = ("boot", "10", "2")
CODE = 16  # values of a code, and pixels of its image


def make_conditional(folder: Path, classes: tuple[str, ...] = CLASSES) -> Artifact:
    """latent (batch, 16), label and truncation -> 4x4 grey: a value of the noise a pixel, and 60 times the class."""
    axes = {"batch": AxisRange(min=1, opt=4, max=8)}
    spec = GraphSpec(
        inputs=(
            TensorSpec(name="latent", dtype="float32", shape=("batch", CODE)),
            TensorSpec(name="label", dtype="int64", shape=("batch",)),
            TensorSpec(name="truncation", dtype="float32", shape=("batch",)),
        ),
        outputs=(TensorSpec(name="image", dtype="uint8", shape=("batch", 4, 4, 1)),),
        axes=axes,
    )
    net = Net()
    column = net.constant(np.array([1], np.int64))
    net.nodes += [
        helper.make_node("Unsqueeze", ["truncation", column], ["scale"]),
        helper.make_node("Cast", ["label"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["number", column], ["shift"]),
        helper.make_node("Mul", ["shift", net.constant(np.array(60, np.float32))], ["level"]),
    ]
    net.then("Mul", "scale")
    net.then("Mul", net.constant(np.array(8, np.float32)))
    net.then("Add", "level")
    _bytes_of(net)
    sampler = Sampler(
        kind="feedforward",
        graph="generator",
        noise={
            "latent": NoiseInput(distribution="normal", stream=0),
            "label": NoiseInput(distribution="category", stream=1, categories=3),
        },
        settings={"truncation": Setting(default=1.0, low=0.0, high=1.5)},
    )
    return _sealed(folder, "conditional", {"generator": (net, spec)}, sampler, classes)


def make_autoencoder(folder: Path) -> Artifact:
    """A code is the image itself, less 128 and divided by 64: whatever is encoded and decoded comes back unchanged."""
    axes = {"batch": AxisRange(min=1, opt=4, max=8)}
    code = TensorSpec(name="latent", dtype="float32", shape=("batch", CODE))
    image = TensorSpec(name="image", dtype="uint8", shape=("batch", 4, 4, 1))
    decoder = Net()
    decoder.then("Mul", decoder.constant(np.array(64, np.float32)))
    _bytes_of(decoder)
    encoder = Net()
    encoder.last = "image"
    encoder.then("Cast", to=TensorProto.FLOAT)
    encoder.then("Reshape", encoder.constant(np.array([-1, CODE], np.int64)))
    encoder.then("Sub", encoder.constant(np.array(128, np.float32)))
    encoder.then("Div", encoder.constant(np.array(64, np.float32)), output="latent")
    encoder.then("Mul", encoder.constant(np.array(0, np.float32)), output="log_variance")
    certainty = code.model_copy(update={"name": "log_variance"})
    graphs = {
        "generator": (decoder, GraphSpec(inputs=(code,), outputs=(image,), axes=axes)),
        "encoder": (encoder, GraphSpec(inputs=(image,), outputs=(code, certainty), axes=axes)),
    }
    return _sealed(folder, "autoencoder", graphs, SAMPLER, ())


def _bytes_of(net: Net) -> None:
    """The end of a generator of 16 values around 0: one pixel each, around 128."""
    net.then("Add", net.constant(np.array(128, np.float32)))
    net.then("Round")
    net.then("Clip", *(net.constant(np.array(value, np.float32)) for value in (0, 255)))
    net.then("Reshape", net.constant(np.array([-1, 4, 4, 1], np.int64)))
    net.then("Cast", output="image", to=TensorProto.UINT8)


def _sealed(
    folder: Path,
    name: str,
    nets: dict[str, tuple[Net, GraphSpec]],
    sampler: Sampler,
    classes: tuple[str, ...],
) -> Artifact:
    with staged_folder(folder, marker=MANIFEST) as staging:
        graphs = {}
        for graph, (net, spec) in nets.items():
            save(net, spec, staging / f"{graph}.onnx")
            graphs[graph] = GraphFile(file=f"{graph}.onnx", format="onnx", precision="fp32", spec=spec)
        output = ImageOutput(height=4, width=4, channels=1, classes=classes)
        manifest = Manifest(schema=1, name=name, modality="image", sampler=sampler, graphs=graphs, output=output)
        seal(staging, manifest)
    return load_artifact(folder)


def open_graph(
    path: Path,
    spec: GraphSpec,
    precision: Any = "fp32",
    backend: str = "onnxruntime",
    islands: tuple[str, ...] = (),
    **settings: Any,
) -> Session:
    """A session over a lone ONNX file."""
    entry = GraphFile(file=path.name, format="onnx", precision=precision, spec=spec, backend=backend, islands=islands)
    return Session(path, entry, Where(threads=2, settings=settings))


def cpu_multiplies_bf16() -> bool:
    """Whether OpenVINO computes bf16 on this CPU as such."""
    try:
        import openvino
    except ImportError:  # as on a machine with a GPU that has nothing else
        return False
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


needs_bf16 = pytest.mark.skipif(
    not cpu_multiplies_bf16(), reason="OpenVINO is not here, or this CPU has no bf16 instructions"
)
