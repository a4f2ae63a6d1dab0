"""The peers of ``optimize.py``: the network in PyTorch, and its plain export in stock runtimes, on any device.

A variant that cannot be made is one that raises when it is called, so that its row says why.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import torch
from onnx_ir.passes import common

from gantools.core.artifact import GraphFile
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.optimize.multiply_adds import multiply_adds
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session, Where
from gantools.timing.environment import default_threads
from gantools.verify.attest import attest

OUTPUT = "image"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "bf16", "fp16")}
# On GPUs with CUDA graphs, which this mode has in it.
COMPILE_MODES = {"cpu": None, "cuda": "max-autotune"}
# Label -> options of the execution provider, and what it then computes in.
PROVIDERS: dict[str, tuple[str, dict[str, tuple[dict[str, Any], str]]]] = {
    "cpu": ("CPUExecutionProvider", {"fp32": ({}, "fp32")}),
    "cuda": ("CUDAExecutionProvider", {"fp32": ({"use_tf32": 0}, "fp32"), "as it chooses": ({}, "tf32")}),
}


@dataclass(frozen=True)
class Variant:
    """One way to make the images of a model.

    Attributes:
        run: Inputs by name, in host memory -> images in host memory.
        precision: What it is named by, and whose peak it is measured by.
        multiply_adds: Of its graph, at the sizes it is run at.
        bytes: Of its files, or of the weights of a network in memory.
        columns: What else its row says.
        ours: Whether its inputs and outputs are those of an artifact, and not the network's own.
    """

    run: Callable[[Arrays], npt.NDArray[Any]]
    precision: str
    multiply_adds: int | None = None
    bytes: int | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    ours: bool = False


def failed(err: Exception, precision: str, *, ours: bool = False) -> Variant:
    """In the place of a variant that could not be made."""

    def run(_: Arrays) -> npt.NDArray[Any]:
        raise err

    return Variant(run, precision, ours=ours)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without progress bars and advice."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def kind_of(device: str) -> str:
    """``cuda`` of ``cuda:1``."""
    return device.partition(":")[0]


def stock_export(module: torch.nn.Module, inputs: Arrays, folder: Path) -> Path:
    """The default export of the network, for inputs of this size alone."""
    folder.mkdir()
    plain = module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    torch.onnx.export(
        plain,
        tuple(map(torch.from_numpy, inputs.values())),
        folder / "stock.onnx",
        input_names=list(inputs),
        output_names=[OUTPUT],
        external_data=False,
        dynamo=True,
        verbose=False,
    )
    return folder / "stock.onnx"


def products_of(path: Path) -> int:
    """Multiply-adds of an ONNX file whose inputs have fixed sizes."""
    model = ir.load(path)
    common.ShapeInferencePass()(model)
    return multiply_adds(model.graph)


def torch_variants(module: torch.nn.Module, inputs: Arrays, products: int, device: str) -> dict[str, Variant]:
    """The network itself, eager and compiled, in channels_last, in every precision that is usual on the device."""
    torch._dynamo.reset()  # it compiles a class so many times and no more, and then goes on without compiling
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    kind = kind_of(device)
    variants: dict[str, Variant] = {}
    for precision in PRECISIONS[kind]:
        network, autocast = _lowered(module, inputs, precision, device)
        compiled = torch.compile(network, dynamic=False, mode=COMPILE_MODES[kind])
        size = sum(one.numel() * one.element_size() for one in (*network.parameters(), *network.buffers()))
        columns = {"lowered": "autocast" if autocast else "weights"} if precision != "fp32" else {}
        for label, call in (("eager", network), ("compiled", compiled)):
            run = partial(_run_torch, call, DTYPES[precision], autocast, device)
            variants[f"torch {label} {precision}, channels_last"] = Variant(run, precision, products, size, columns)
    return variants


def _lowered(module: torch.nn.Module, inputs: Arrays, precision: str, device: str) -> tuple[torch.nn.Module, bool]:
    """A copy of the network with weights of the precision; by autocast where it mixes types and refuses that."""
    dtype = DTYPES[precision]
    network: torch.nn.Module = copy.deepcopy(module).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if precision == "fp32":
        return network, False
    cast = copy.deepcopy(network).to(dtype)
    try:
        _run_torch(cast, dtype, False, device, inputs)
    except RuntimeError:
        return network, True
    return cast, False


def _run_torch(
    network: Callable[..., Any], dtype: torch.dtype, autocast: bool, device: str, inputs: Arrays
) -> npt.NDArray[Any]:
    """From host memory to host memory; the copy back waits for the device."""
    given = [torch.from_numpy(value).to(device) for value in inputs.values()]
    if not autocast:
        given = [value.to(dtype) if value.is_floating_point() else value for value in given]
    with torch.inference_mode(), torch.autocast(kind_of(device), dtype, enabled=autocast):
        image: npt.NDArray[Any] = network(*given).float().cpu().numpy()
        return image


def stock_variants(stock: Path, products: int, device: str) -> dict[str, Variant]:
    """The default export in stock runtimes, as it is and after onnxslim."""
    paths = {"": stock}
    try:
        import onnxslim  # type: ignore[import-not-found, import-untyped, unused-ignore]

        slim = stock.parent.parent / "slim" / "slim.onnx"
        slim.parent.mkdir()
        with quiet():
            onnxslim.slim(str(stock), str(slim))
        paths[" + onnxslim"] = slim
    except ImportError:
        print("onnxslim is not installed, and not measured", file=sys.stderr)
    provider, settings = PROVIDERS[kind_of(device)]
    variants: dict[str, Variant] = {}
    for added, path in paths.items():
        for label, (options, precision) in settings.items():
            name = f"onnxruntime {label}, stock{added}"
            variants[name] = onnxruntime_variant(path, precision, products, device, provider, options)
    if kind_of(device) == "cpu":
        variants["openvino fp32, stock"] = openvino_variant(
            stock, "fp32", products, {"INFERENCE_PRECISION_HINT": "f32"}
        )
        variants["openvino as it chooses, stock"] = openvino_variant(stock, None, products, {})
    return variants


def onnxruntime_variant(
    path: Path,
    precision: str,
    products: int,
    device: str = "cpu",
    provider: str = PROVIDERS["cpu"][0],
    options: dict[str, Any] | None = None,
) -> Variant:
    """A file in an InferenceSession with all its optimizations."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = default_threads()
    index = device.partition(":")[2]
    given = {**(options or {}), **({"device_id": index} if index else {})}
    try:
        if provider not in (offered := onnxruntime.get_available_providers()):
            raise RuntimeError(f"this ONNX Runtime has no {provider}, only {', '.join(offered)}")
        session = onnxruntime.InferenceSession(path, settings, providers=[(provider, given)])
        if (opened := session.get_providers()[0]) != provider:
            raise RuntimeError(f"ONNX Runtime opened {opened} in the place of {provider}")
        columns = {"computed": computed_of(path, "onnxruntime", device)}
    except Exception as err:  # its own classes share no public base
        return failed(err, precision)
    return Variant(partial(_run_onnxruntime, session), precision, products, bytes_of(path), columns)


def openvino_variant(path: Path, precision: str | None, products: int, hint: dict[str, str]) -> Variant:
    """A file in OpenVINO on the CPU; without a precision, the one that OpenVINO chooses."""
    import openvino

    config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": default_threads(), **hint}
    try:
        compiled = openvino.Core().compile_model(path, "CPU", config)
        rest = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()  # of whatever is not quantized
        columns = {"computed": computed_of(path, "openvino", "cpu", {"INFERENCE_PRECISION_HINT": rest})}
    except RuntimeError as err:
        return failed(err, precision or "fp32")
    run = partial(_run_openvino, compiled.create_infer_request())
    return Variant(
        run, precision or {"bf16": "bf16", "f16": "fp16"}.get(rest, "fp32"), products, bytes_of(path), columns
    )


def computed_of(path: Path, backend: str, device: str, settings: dict[str, str] | None = None) -> dict[str, float]:
    """Precision -> share of the layers that multiply and add, as the runtime tells of a peer's file."""
    spec = GraphSpec(inputs=(), outputs=(TensorSpec(name=OUTPUT, dtype="float32", shape=()),))
    entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=spec, backend=backend, device=device)
    with Session(path, entry, Where(threads=default_threads(), settings=settings)) as session:
        return attest(session).computed


def bytes_of(path: Path) -> int:
    """A file and what lies beside it under its name, such as external weights; all of them have a folder."""
    return sum(one.stat().st_size for one in path.parent.glob(f"{path.stem}.*"))


def _run_onnxruntime(session: Any, inputs: Arrays) -> npt.NDArray[Any]:
    image: npt.NDArray[Any] = session.run(None, inputs)[0]
    return image


def _run_openvino(request: Any, inputs: Arrays) -> npt.NDArray[Any]:
    return np.array(next(iter(request.infer(inputs, share_inputs=True).values())))
