"""A checkpoint as a backend: PyTorch eager, or compiled. What exports are compared with, and a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch

from gantools.core.artifact import GraphFile
from gantools.core.errors import BackendError
from gantools.runtime.backends.base import Arrays, Availability, ComputedLayer, OpenOptions
from gantools.runtime.session import Session, Where
from gantools.train.checkpoint import Checkpoint, load_checkpoint

_PRECISIONS = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
_ARITHMETIC = (torch.nn.modules.conv._ConvNd, torch.nn.Linear, torch.nn.RNNBase)
MODES = ("eager", "channels_last", "compile")


def open_eager(
    checkpoint: Checkpoint, graph: str, *, weights: str = "ema", mode: str = "eager", threads: int | None = None
) -> Session:
    """A session over the network itself.

    Args:
        checkpoint: A finished or running training's checkpoint.
        graph: Name among the model's graphs.
        weights: ``ema`` or ``raw``.
        mode: ``eager``, ``channels_last`` or ``compile``.
        threads: CPU threads for one run.
    """
    spec = checkpoint.build_model(weights).graphs[graph].spec
    entry = GraphFile(file=graph, format="checkpoint", precision="fp32", spec=spec, backend="torch")
    settings = {"mode": mode, "weights": weights}
    return Session(checkpoint.folder, entry, Where(threads=threads, settings=settings))


class EagerGraph:
    """One of a model's graphs, run by PyTorch in inference mode."""

    def __init__(self, path: Path, graph: GraphFile, options: OpenOptions) -> None:
        mode = options.settings.get("mode", "eager")
        if mode not in MODES:
            raise BackendError(f"PyTorch has no mode '{mode}'.", hint=f"modes: {', '.join(MODES)}")
        if problem := _device_problem(options.device):
            raise BackendError(f"asked for device '{options.device}', and {problem}.", hint="use --device cpu")
        if options.threads:
            torch.set_num_threads(options.threads)
        self._device = torch.device(options.device)
        model = load_checkpoint(path).build_model(options.settings.get("weights", "ema"))
        self._module: Any = model.graphs[graph.file].module.to(self._device)
        if mode == "channels_last":
            self._module = self._module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._compute: Any = torch.compile(self._module) if mode == "compile" else self._module
        self._inputs = [tensor.name for tensor in graph.spec.inputs]
        self._outputs = [tensor.name for tensor in graph.spec.outputs]

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Compute all outputs."""
        with torch.inference_mode():
            given = [torch.from_numpy(inputs[name]).to(self._device) for name in self._inputs]
            results = self._compute(*given)
        tensors = results if isinstance(results, tuple) else (results,)
        return {name: tensor.cpu().numpy() for name, tensor in zip(self._outputs, tensors, strict=True)}

    def layers(self) -> list[ComputedLayer]:
        """The modules that own weights, with the weights' type: PyTorch computes in the type of its tensors."""
        return [
            ComputedLayer(type(module).__name__, _PRECISIONS[next(module.parameters()).dtype], name, True)
            for name, module in self._module.named_modules()
            if isinstance(module, _ARITHMETIC)
        ]

    def times_ms(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """PyTorch is no target."""

    def close(self) -> None:
        """Drop the network."""
        self._module = self._compute = None


def _device_problem(device: str) -> str | None:
    """Why PyTorch cannot use the device; None: it can."""
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return None
    if kind != "cuda":
        return f"PyTorch here knows the devices cpu and cuda, not '{kind}'"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return None if int(index or 0) < count else f"this PyTorch sees {count or 'no'} CUDA devices"


class EagerBackend:
    """See the module."""

    formats = ("checkpoint",)

    def probe(self, device: str = "cpu") -> Availability:
        """Whether PyTorch sees the device."""
        problem = _device_problem(device)
        found = problem or (torch.cuda.get_device_name(device) if device != "cpu" else "cpu")
        return Availability(problem is None, f"torch {torch.__version__}: {found}", problem and "use --device cpu")

    def open(self, path: Path, graph: GraphFile, options: OpenOptions) -> EagerGraph:
        """Open the graph of a checkpoint folder or of a run's best checkpoint."""
        return EagerGraph(path, graph, options)


backend = EagerBackend()
