"""Take in an ONNX file that nobody here made, and prove that the artifact computes what the file does.

The file is brought to the opset that exported artifacts have, gets bytes for images in and out, and is then compared
with the untouched file in ONNX Runtime, at sizes nobody chose for it. What it is inside does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from gantools.core.artifact import (
    MANIFEST,
    METADATA_KEY,
    Artifact,
    Examples,
    GraphFile,
    ImageOutput,
    Manifest,
    load_artifact,
    seal,
)
from gantools.core.atomic import sha256_file, staged_folder
from gantools.core.errors import ArtifactError, RecipeError, first_line
from gantools.core.events import Note, OnEvent, ignore
from gantools.core.onnx_file import check_external_data, read_metadata
from gantools.core.optional import installed_versions, require
from gantools.core.proof import Step
from gantools.core.registry import unknown_name
from gantools.core.sampler import Sampler
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.optimize.foreign.comparison import Comparison
from gantools.optimize.foreign.interface import (
    Adoption,
    Interface,
    Port,
    interface_of,
    port_of,
)
from gantools.optimize.foreign.original import Original
from gantools.optimize.foreign.sizes import axes_of, sized
from gantools.optimize.foreign.wrap import wrapped
from gantools.verify.parity import SEEDS_FROM
from gantools.verify.trials import Images, trial_inputs

OPSET = 22
STAGE = "adopt"
EXAMPLES_FILE = "examples.npy"
_DISTRIBUTIONS = ("onnx", "onnx-ir", "onnxruntime", "onnxruntime-gpu")

ReadExamples = Callable[[int, int, int, int | None], Images | None]
"""(height, width, channels, by how much the graph enlarges) -> real images of that size, if there are any."""


def is_foreign(path: Path) -> bool:
    """Whether a path is an ONNX file that no artifact was ever in."""
    return path.suffix == ".onnx" and METADATA_KEY not in read_metadata(path)


def adopt(
    path: Path, options: Adoption, out: Path, *, examples: ReadExamples | None = None, on_event: OnEvent = ignore
) -> Artifact:
    """Make an artifact of a foreign ONNX file.

    Args:
        path: The file: one image out, and in any number of inputs, of which one may be an image.
        options: What the file does not say.
        out: The artifact folder; replaced if it is an artifact.
        examples: Gives real images, for a graph that takes images.
        on_event: Who watches.

    Raises:
        ArtifactError: It is no ONNX file, makes no image, is not in float32, or cannot be brought to opset 22.
        RecipeError: Something has to be said of an input, an output or an axis.
        UnknownNameError: A role or an axis is given to what there is not.
        ParityError: The artifact does not compute what the file does. Nothing is written.
    """
    model, interface = _read(path, options)
    _check_output(model.graph, options)
    original = Original(path, interface, options)
    inputs = GraphSpec(inputs=interface.inputs, outputs=(), axes=axes_of(interface, options))
    inputs, scale = sized(original, inputs, interface, options)
    sampler = Sampler(
        kind="feedforward",
        graph="generator",
        noise=dict(interface.noise),
        settings=dict(interface.settings),
        image=interface.image.name if interface.image else None,
    )
    shapes = original.shapes(trial_inputs(inputs, sampler, [SEEDS_FROM]))
    if isinstance(shapes, str):
        raise ArtifactError(f"'{path.name}' cannot be run: {shapes}", hint="give other sizes by --axis")
    image = _image_of(model.graph, shapes, options)
    if isinstance(image.shape[0], int) and image.shape[0] != 1:
        raise ArtifactError(
            f"'{path.name}' makes {image.shape[0]} images at once, always.", hint="export it with one, or any number"
        )
    height, width = (size for size in image.shape[1:] if isinstance(size, int))
    named = _named_output(image, interface, scale)
    seen = None
    if examples is not None and interface.image is not None:
        tensor = next(one for one in inputs.inputs if one.name == interface.image.name)
        high, wide, channels = tensor.row(inputs.sizes("opt"))
        seen = examples(high, wide, channels, scale)
    with staged_folder(out, marker=MANIFEST) as folder:
        graphs: dict[str, GraphFile] = {}
        for name, output in _outputs(named, interface).items():
            ir.save(wrapped(model, interface, image, options, output), folder / f"{name}.onnx")
            spec = GraphSpec(inputs=interface.inputs, outputs=(output,), axes=inputs.axes)
            graphs[name] = GraphFile(file=f"{name}.onnx", format="onnx", precision="fp32", spec=spec)
        proof = Comparison(path, original, image, sampler, seen)
        parity = [proof.of(name, folder / entry.file, entry) for name, entry in graphs.items()]
        notes = proof.notes(options)
        if interface.image is not None and seen is None:
            notes += ("it was tried with made-up images, for want of real ones: give --calibrate FOLDER",)
        if seen is not None:
            np.save(folder / EXAMPLES_FILE, seen, allow_pickle=False)
        step = Step(
            stage=STAGE,
            options={**options.model_dump(mode="json"), "file": path.name, "opset": OPSET},
            tools=installed_versions(_DISTRIBUTIONS),
            parity=tuple(parity),
            notes=notes,
        )
        manifest = Manifest(
            schema=1,
            name=path.stem,
            modality="image",
            sampler=sampler,
            graphs=graphs,
            output=ImageOutput.model_validate(
                {"height": height, "width": width, "channels": image.channels, "scale": scale}
            ),
            examples=Examples(file=EXAMPLES_FILE, count=len(seen)) if seen is not None else None,
            parent=sha256_file(path),
            steps=(step,),
        )
        seal(folder, manifest)
    for note in notes:
        on_event(Note(note, "warning"))
    return load_artifact(out)


def _read(path: Path, options: Adoption) -> tuple[ir.Model, Interface]:
    """The file in the opset of artifacts, every node named, and what its inputs are."""
    onnx = require("onnx", extra="optimize", why="to read ONNX files")
    check_external_data(path)
    try:
        proto = onnx.load(path)
        onnx.checker.check_model(proto)
    except Exception as err:  # protobuf's and the checker's own classes
        raise ArtifactError(f"'{path}' is no valid ONNX model: {first_line(err)}", hint="export it again") from err
    model = ir.from_proto(proto)
    if model.functions:
        common.InlinePass()(model)
    common.RemoveInitializersFromInputsPass()(model)
    interface = interface_of(model.graph, options)
    low = {tensor.dtype for tensor in _constants(model.graph)} & {ir.DataType.FLOAT16, ir.DataType.BFLOAT16}
    if low or any(node.op_type == "QuantizeLinear" for node in model.graph.all_nodes()):
        what = "quantized" if not low else f"in {next(iter(low)).name.lower()}"
        raise ArtifactError(
            f"'{path.name}' is {what} already, and optimize starts from float32.", hint="give the float32 file"
        )
    if (found := model.graph.opset_imports.get("", 1)) < OPSET:
        try:
            model = ir.from_proto(onnx.version_converter.convert_version(ir.to_proto(model), OPSET))
        except Exception as err:  # the converter raises what its checks raise
            raise ArtifactError(
                f"'{path.name}' is of opset {found} and cannot be brought to {OPSET}: {first_line(err)}",
                hint="export it again in opset 18 or later",
            ) from err
    model.ir_version = 10
    model.metadata_props.clear()
    common.ClearMetadataAndDocStringPass()(model)
    for node in model.graph.all_nodes():
        node.name = node.name or node.outputs[0].name
    common.NameFixPass()(model)
    return model, interface


def _constants(graph: ir.Graph) -> list[ir.TensorProtocol]:
    return [value.const_value for value in graph.initializers.values() if value.const_value is not None]


def _check_output(graph: ir.Graph, options: Adoption) -> None:
    """Refuse an output that was asked for and cannot be an image, before anything is run."""
    values = {str(value.name): value for value in graph.outputs}
    if options.output is not None and options.output not in values:
        raise unknown_name("output of this graph", options.output, list(values))
    chosen = values.get(options.output or "")
    if chosen is not None and chosen.shape is not None and chosen.shape.rank() != 4:
        port_of(chosen, tuple(size if isinstance(size, int) else str(size.value) for size in chosen.shape))


def _image_of(graph: ir.Graph, shapes: dict[str, tuple[int, ...]], options: Adoption) -> Port:
    """The output that is an image, with the sizes it has been seen to have."""
    values = {str(value.name): value for value in graph.outputs}
    if options.output is not None:
        return port_of(values[options.output], shapes[options.output])
    for name, value in values.items():
        try:
            return port_of(value, shapes[name])
        except RecipeError:
            continue
    found = ", ".join(f"'{name}' {shape}" for name, shape in shapes.items())
    raise ArtifactError(
        f"no output is an image, of rank 4 with 1 or 3 channels: {found}.",
        hint="gantools optimizes what makes images; give --output NAME if one of these is one",
    )


def _named_output(image: Port, interface: Interface, scale: int | None) -> Port:
    """The same with names for the sizes that follow from dynamic axes."""
    batch = "batch" if "batch" in interface.axes else image.shape[0]
    if scale is None or interface.image is None:
        return replace(image, shape=(batch, *image.shape[1:]))
    sizes = [
        found if isinstance(given, int) else given if scale == 1 else f"{scale}*{given}"
        for given, found in zip(interface.image.shape[1:], image.shape[1:], strict=True)
    ]
    return replace(image, shape=(batch, sizes[0], sizes[1]))


def _outputs(image: Port, interface: Interface) -> dict[str, TensorSpec]:
    """Graph -> its output: bytes for applications, and float32 in [-1, 1] for parity and metrics."""
    name = "image" if all(tensor.name != "image" for tensor in interface.inputs) else "output"
    batch, height, width = image.shape
    pixels, floats = (batch, height, width, image.channels), (batch, image.channels, height, width)
    colours = "grey" if image.channels == 1 else "RGB"
    return {
        "generator": TensorSpec(name=name, dtype="uint8", shape=pixels, doc=f"{colours}, 0..255, NHWC"),
        "generator_float": TensorSpec(name=name, dtype="float32", shape=floats, doc=f"{colours}, [-1, 1], NCHW"),
    }
