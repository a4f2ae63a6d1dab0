"""A checkpoint as a backend: PyTorch eager, or compiled. What exports are compared with, and a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
_AUTOCAST = {"fp16": torch.float16, "bf16": torch.bfloat16}
MODES = ("eager", "channels_last", "compile", "cuda-graph")


def open_eager(
    checkpoint: Checkpoint, graph: str, *, weights: str = "ema", mode: str = "eager", threads: int | None = None
) -> Session:
    """A session over the network itself.

    Args:
        checkpoint: A finished or running training's checkpoint.
        graph: Name among the model's graphs.
        weights: ``ema`` or ``raw``.
        mode: ``eager``, ``channels_last``, ``compile``, which on GPUs tries all kernels and replays graphs, or
            ``cuda-graph``, which captures the eager network once for each batch size and replays it.
        threads: CPU threads for one run.
    """
    spec = checkpoint.build_model(weights).graphs[graph].spec
    entry = GraphFile(file=graph, format="checkpoint", precision="fp32", spec=spec, backend="torch")
    settings = {"mode": mode, "weights": weights}
    return Session(checkpoint.folder, entry, Where(threads=threads, settings=settings))


class EagerGraph:
    """One of a model's graphs, run by PyTorch in inference mode; below fp32 by autocast: weights stay in fp32.

    In fp32 convolutions on GPUs are computed in fp32. PyTorch by itself takes TF32 for them, products of 11 significant
    bits, and calls that fp32; the setting ``tf32`` lets it, and has layers say so.
    """

    def __init__(self, path: Path, graph: GraphFile, options: OpenOptions) -> None:
        mode = options.settings.get("mode", "eager")
        if mode not in MODES:
            raise BackendError(f"PyTorch has no mode '{mode}'.", hint=f"modes: {', '.join(MODES)}")
        if problem := _device_problem(options.device):
            raise BackendError(f"asked for device '{options.device}', and {problem}.", hint="use --device cpu")
        if mode == "cuda-graph" and not options.device.startswith("cuda"):
            raise BackendError(
                f"CUDA graphs need a GPU, and the device is '{options.device}'.", hint="use --device cuda"
            )
        if options.threads:
            torch.set_num_threads(options.threads)
        self._device = torch.device(options.device)
        self._autocast = _AUTOCAST.get(graph.precision)
        self._tf32 = bool(options.settings.get("tf32", False))
        model = load_checkpoint(path).build_model(options.settings.get("weights", "ema"))
        self._module: Any = model.graphs[graph.file].module.to(self._device)
        if mode == "channels_last":
            self._module = self._module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._compute: Any = self._forward
        if mode == "compile":
            how = "max-autotune" if self._device.type == "cuda" else None
            self._compute = torch.compile(self._forward, mode=how)
        elif mode == "cuda-graph":
            self._compute = _Replay(self._forward)
        self._inputs = [tensor.name for tensor in graph.spec.inputs]
        self._outputs = [tensor.name for tensor in graph.spec.outputs]

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Compute all outputs."""
        with torch.inference_mode(), self._precision():
            results = self._compute(*self._given(inputs))
        tensors = results if isinstance(results, tuple) else (results,)
        return {name: tensor.cpu().numpy() for name, tensor in zip(self._outputs, tensors, strict=True)}

    def on_device(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Callable[[], None] | None:
        """The network on tensors that lie on the GPU."""
        if self._device.type == "cpu":
            return None
        given = self._given(inputs)

        def call() -> None:
            with torch.inference_mode(), self._precision():
                self._compute(*given)
            torch.cuda.synchronize(self._device)

        return call

    def _given(self, inputs: Mapping[str, npt.NDArray[Any]]) -> list[torch.Tensor]:
        return [torch.from_numpy(inputs[name]).to(self._device) for name in self._inputs]

    def _forward(self, *given: torch.Tensor) -> Any:
        if self._autocast is None:
            return self._module(*given)
        with torch.autocast(self._device.type, dtype=self._autocast, cache_enabled=False):
            return self._module(*given)

    @contextmanager
    def _precision(self) -> Iterator[None]:
        """Whether products of fp32 may be TF32, which PyTorch knows for the whole process alone."""
        places: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
        before = [place.allow_tf32 for place in places]
        for place in places:
            place.allow_tf32 = self._tf32
        try:
            yield
        finally:
            for place, allowed in zip(places, before, strict=True):
                place.allow_tf32 = allowed

    def layers(self) -> list[ComputedLayer]:
        """The modules that own weights, with the type that PyTorch computes them in: autocast's, or the weights'."""
        names = _PRECISIONS | ({torch.float32: "tf32"} if self._tf32 and self._device.type == "cuda" else {})
        return [
            ComputedLayer(type(module).__name__, names[self._autocast or next(module.parameters()).dtype], name, True)
            for name, module in self._module.named_modules()
            if isinstance(module, _ARITHMETIC)
        ]

    def times_ms(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """PyTorch is no target."""

    def close(self) -> None:
        """Drop the network."""
        self._module = self._compute = None


class _Replay:
    """A function of tensors that is captured as a CUDA graph, once for each size of its inputs."""

    def __init__(self, compute: Callable[..., Any]) -> None:
        self._compute = compute
        self._captured: dict[tuple[torch.Size, ...], tuple[torch.cuda.CUDAGraph, list[torch.Tensor], Any]] = {}

    def __call__(self, *given: torch.Tensor) -> Any:
        """Its results, which the next call overwrites."""
        sizes = tuple(tensor.shape for tensor in given)
        if sizes not in self._captured:
            self._captured[sizes] = self._capture([tensor.clone() for tensor in given])
        graph, held, results = self._captured[sizes]
        for place, tensor in zip(held, given, strict=True):
            place.copy_(tensor)
        graph.replay()
        return results

    def _capture(self, held: list[torch.Tensor]) -> tuple[torch.cuda.CUDAGraph, list[torch.Tensor], Any]:
        side: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # libraries choose their kernels and allocate, which cannot be captured
                self._compute(*held)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            results = self._compute(*held)
        return graph, held, results


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
