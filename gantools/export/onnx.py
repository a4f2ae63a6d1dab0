"""Checkpoint to artifact: pure ONNX graphs, compared with the network they came from before the artifact appears."""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import os
import platform
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import torch

import gantools
from gantools.core.artifact import (
    MANIFEST,
    Artifact,
    Examples,
    Goldens,
    GraphFile,
    Manifest,
    TextOutput,
    load_artifact,
    seal,
)
from gantools.core.atomic import staged_folder
from gantools.core.errors import ExportError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.optional import installed_versions
from gantools.core.proof import Parity, Step
from gantools.core.sampler import Sampler
from gantools.core.spec import AxisRange, Frozen, GraphSpec
from gantools.export.eager import open_eager
from gantools.models.discriminators.scorer import GRAPH as DISCRIMINATOR
from gantools.models.model import ExportGraph, Model
from gantools.runtime.session import Session
from gantools.samplers import SAMPLERS
from gantools.train.checkpoint import Checkpoint
from gantools.verify.parity import check
from gantools.verify.tolerances import TOLERANCES

# The first opset in which Conv and ConvTranspose are defined for bfloat16.
OPSET = 22
GOLDEN_SEEDS = tuple(range(8))
TRACED_BATCH = 2
GOLDENS_FILE, EXAMPLES_FILE = "goldens.npy", "examples.npy"
_DISTRIBUTIONS = ("torch", "onnx", "onnxscript", "onnxruntime", "onnxruntime-gpu")
_IMPURE = (
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Bernoulli",
    "Multinomial",
    "Dropout",
)


class ExportOptions(Frozen):
    """What to export.

    Attributes:
        weights: ``ema``: the averaged generator; ``raw``: the last one.
        axes: Other limits for named axes, such as ``{"batch": AxisRange(min=1, opt=1, max=8)}``.
        name: Name of the artifact; none: the recipe's.
        discriminator: Also ship the discriminator, as a graph that says how real a picture looks.
    """

    weights: str = "ema"
    axes: dict[str, AxisRange] = {}
    name: str | None = None
    discriminator: bool = False


DEFAULTS = ExportOptions()


def export(
    checkpoint: Checkpoint, out: Path, options: ExportOptions = DEFAULTS, *, on_event: OnEvent = ignore
) -> Artifact:
    """Write the graphs of a checkpoint's model as ONNX.

    Args:
        checkpoint: Where the weights come from.
        out: The artifact folder; replaced if it is an artifact.
        options: What to export.
        on_event: Who watches.

    Raises:
        ExportError: The network cannot be written as a pure graph.
        ParityError: A graph differs from the network.
        ArtifactError: The disk refused, or ``out`` holds something else.
    """
    model = checkpoint.build_model(options.weights)
    chosen = _chosen(model, options)
    with staged_folder(out, marker=MANIFEST) as folder:
        graphs: dict[str, GraphFile] = {}
        for done, (name, graph) in enumerate(chosen.items()):
            on_event(Progress("export", done, len(chosen), "graphs"))
            spec = _with_axes(graph.spec, options.axes)
            write_onnx(graph, spec, folder / f"{name}.onnx")
            graphs[name] = GraphFile(file=f"{name}.onnx", format="onnx", precision="fp32", spec=spec)
        examples = None if model.sampler.image is None else checkpoint.examples()
        parity = [
            _parity(checkpoint, folder / entry.file, name, entry, model.sampler, options, examples)
            for name, entry in graphs.items()
        ]
        if examples is not None:
            np.save(folder / EXAMPLES_FILE, examples, allow_pickle=False)
        goldens = None
        if model.sampler.image is None:
            _write_goldens(folder, graphs[model.sampler.graph], model.sampler)
            goldens = Goldens(file=GOLDENS_FILE, seeds=GOLDEN_SEEDS)
        output = model.output.model_copy(update={"classes": checkpoint.state.classes})
        if isinstance(output, TextOutput):
            (folder / output.tokenizer).write_text(checkpoint.tokenizer(), encoding="utf-8")
        step = Step(
            stage="export",
            options={**options.model_dump(mode="json"), "step": checkpoint.step, "opset": OPSET},
            tools={**installed_versions(_DISTRIBUTIONS), "python": platform.python_version()},
            parity=tuple(parity),
        )
        manifest = Manifest(
            schema=1,
            name=options.name or checkpoint.recipe.name,
            modality=model.modality,
            sampler=model.sampler,
            graphs=graphs,
            output=output,
            goldens=goldens,
            examples=Examples(file=EXAMPLES_FILE, count=len(examples)) if examples is not None else None,
            parent=checkpoint.digest,
            recipe=checkpoint.recipe.model_dump(mode="json"),
            steps=(step,),
        )
        seal(folder, manifest)
    on_event(Note(f"{len(graphs)} graphs, each equal to the network at batch sizes {_sizes_text(parity)}"))
    return load_artifact(out)


def write_onnx(graph: ExportGraph, spec: GraphSpec, path: Path) -> None:
    """Trace one graph at batch 2 and write it with its dynamic axes, without names or stack traces of this machine.

    Raises:
        ExportError: The tracer refused, or the graph is not pure or does not have the interface of its spec.
    """
    sizes = spec.sizes("opt", batch=TRACED_BATCH)
    example = tuple(torch.zeros(tensor.concrete(sizes), dtype=getattr(torch, tensor.dtype)) for tensor in spec.inputs)
    dims = {name: _dim(name, limits) for name, limits in spec.axes.items()}
    dynamic: tuple[Any, ...] = tuple(
        {position: dims[size] for position, size in enumerate(tensor.shape) if isinstance(size, str)}
        for tensor in spec.inputs
    )
    kinds = [parameter.kind for parameter in inspect.signature(graph.module.forward).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:  # the tracer sees *inputs as one argument, a tuple
        named = kinds.index(inspect.Parameter.VAR_POSITIONAL)
        dynamic = (*dynamic[:named], *([dynamic[named:]] if dynamic[named:] else []))  # and not at all if it is empty
    if any(module.training for module in graph.module.modules()):
        raise ExportError("the network is in training mode.", hint="call module.eval() before exporting")
    # What was compiled before in this process, and for which sizes, has no say in which sizes a graph takes.
    torch.compiler.reset()
    try:
        with _quiet():
            program: Any = torch.onnx.export(
                graph.module,
                example,
                dynamo=True,
                opset_version=OPSET,
                input_names=[tensor.name for tensor in spec.inputs],
                output_names=[tensor.name for tensor in spec.outputs],
                dynamic_shapes=dynamic,
                verbose=False,
            )
    except Exception as err:  # the tracer raises errors of many libraries
        cause = err.__cause__ or err
        reason = next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
        raise ExportError(f"the network cannot be traced: {reason}") from err
    model: ir.Model = program.model
    _name_axes(model, {f"{limits.step}*{name}_steps": name for name, limits in spec.axes.items() if limits.step > 1})
    _strip(model)
    check_pure(model, spec)
    ir.save(model, path)


def _dim(name: str, limits: AxisRange) -> Any:
    """What the tracer calls an axis; one with a step is a multiple of another."""
    if limits.step == 1:
        return torch.export.Dim(name, min=limits.min, max=limits.max)
    steps: Any = torch.export.Dim(f"{name}_steps", min=limits.min // limits.step, max=limits.max // limits.step)
    return limits.step * steps


def check_pure(model: ir.Model, spec: GraphSpec) -> None:
    """A shipped graph is a function of its inputs: nothing random, nothing in training mode, the interface of its spec.

    Raises:
        ExportError: All violations at once.
    """
    problems = []
    for node in model.graph.all_nodes():
        training = node.attributes.get("training_mode")
        if node.op_type in _IMPURE:
            problems.append(f"node '{node.name}' is a {node.op_type}: noise must be a graph input")
        elif training is not None and training.as_int():
            problems.append(f"node '{node.name}' ({node.op_type}) uses the statistics of its batch")
    for kind, tensors, values in (
        ("input", spec.inputs, model.graph.inputs),
        ("output", spec.outputs, model.graph.outputs),
    ):
        wanted = [(tensor.name, tensor.dtype, tensor.shape) for tensor in tensors]
        found = [(value.name, _dtype_name(value), _shape(value)) for value in values]
        if wanted != found:
            problems.append(f"{kind}s are {found}, the spec says {wanted}")
    if problems:
        raise ExportError("the graph is not pure: " + "; ".join(problems) + ".")


def _parity(
    checkpoint: Checkpoint,
    path: Path,
    name: str,
    entry: GraphFile,
    sampler: Sampler,
    options: ExportOptions,
    examples: npt.NDArray[np.uint8] | None,
) -> Parity:
    known: dict[str, Any] = {"name": name, "source": "network", "tolerance": TOLERANCES["fp32"]}
    with Session(path, entry) as exported, open_eager(checkpoint, name, weights=options.weights) as network:
        return check(exported, network, sampler, examples=examples, **known)


def _write_goldens(folder: Path, main: GraphFile, sampler: Sampler) -> None:
    with Session(folder / main.file, main) as session:
        drawn = SAMPLERS.load(sampler.kind)(session, sampler, GOLDEN_SEEDS, main.spec.largest_batch, {})
        np.save(folder / GOLDENS_FILE, np.concatenate(list(drawn)), allow_pickle=False)


def _chosen(model: Model, options: ExportOptions) -> dict[str, ExportGraph]:
    """The graphs that ship. A discriminator can be larger than its generator, and few applications want it."""
    if options.discriminator and DISCRIMINATOR not in model.graphs:
        raise ExportError("the model has no discriminator.", hint="leave out --discriminator")
    return {name: graph for name, graph in model.graphs.items() if name != DISCRIMINATOR or options.discriminator}


def _with_axes(spec: GraphSpec, axes: dict[str, AxisRange]) -> GraphSpec:
    for name, limits in axes.items():
        if name not in spec.axes:
            raise ExportError(f"the graph has no axis '{name}'.", hint=f"axes: {', '.join(spec.axes)}")
        spec = spec.with_axis(name, limits)
    return spec


def _name_axes(model: ir.Model, names: Mapping[str, str]) -> None:
    """Call sizes what the spec calls them, where they were traced as multiples of a step."""
    produced = (value for node in model.graph.all_nodes() for value in node.outputs)
    for value in (*model.graph.inputs, *produced):
        for place, size in enumerate(value.shape or ()):
            if value.shape is not None and (name := names.get(str(getattr(size, "value", size)))):
                value.shape[place] = ir.SymbolicDim(name)


def _strip(model: ir.Model) -> None:
    """Drop what the tracer noted about itself: stack traces with local paths, and names of Python objects."""
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.producer_name, model.producer_version = "gantools", gantools.__version__
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in (*node.outputs, *node.inputs):
            if value is not None:
                value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()


def _dtype_name(value: ir.Value) -> str:
    return str(value.dtype.numpy()) if value.dtype else "unknown"


def _shape(value: ir.Value) -> tuple[int | str, ...]:
    return tuple(size if isinstance(size, int) else str(size) for size in value.shape or ())


def _sizes_text(parity: list[Parity]) -> str:
    return ", ".join(map(str, parity[0].batch_sizes))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The tracer speaks on loggers, warnings and stdout; none of it is for the user."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), Path(os.devnull).open("w") as null:
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(null):
                yield
    finally:
        logging.disable(before)
