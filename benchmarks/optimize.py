"""What ``gantools optimize`` makes of image generators, beside what a user gets without it. Interleaved, one machine.

    python benchmarks/optimize.py [--models dcgan-64,sngan-64] [--batches 1,16] [--record FILE]

The networks have the sizes of their papers and were trained for two steps, because speed does not depend on weights.
``sr-x4`` is a foreign ONNX file, found through GANTOOLS_DATA: 16 x 64 channels, 320x180 pixels to 1280x720; its peers
get floats, ours bytes. All compute float images from the same inputs, with as many threads as there are physical cores:

- ``torch``: eager, in PyTorch's layout and in channels_last, and compiled; fp32, and bf16 by autocast.
- ``onnxruntime, stock``: ``torch.onnx.export`` and an InferenceSession with all its optimizations; and after onnxslim,
  where that is installed.
- ``openvino, stock``: the same file, in fp32 and in the precision that OpenVINO chooses.
- ``gantools``: the optimized artifact for each runtime and precision, and the same without rewrites.

Each of ours is compared with every other: a ratio of medians, its interval over rounds, in which all took turns.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import torch
from rows import ratio, summary

from gantools.core.artifact import Artifact
from gantools.core.atomic import write_atomic
from gantools.core.recipe import resolve_recipe
from gantools.core.spec import AxisRange
from gantools.export.onnx import export
from gantools.optimize.foreign.adopt import adopt
from gantools.optimize.foreign.interface import Adoption
from gantools.optimize.forms import at_sizes
from gantools.optimize.multiply_adds import multiply_adds
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.runtime.backends.openvino import cpu_capabilities
from gantools.runtime.session import Session
from gantools.timing.environment import LoadWatch, default_threads, environment
from gantools.timing.measure import BenchPlan, measure
from gantools.train import PARTS, train
from gantools.verify.attest import attest
from gantools.verify.trials import trial_inputs

Call = Callable[[], Any]
GRAPH = "generator_float"
MODELS: dict[str, dict[str, Any]] = {
    "dcgan-64": {"name": "dcgan", "resolution": 64},
    "sngan-32": {"name": "sngan", "resolution": 32},
    "sngan-64": {"name": "sngan", "resolution": 64},
    "stylegan2-64": {"name": "stylegan2", "resolution": 64, "channel_base": 16384, "channel_max": 512},
    "light-64": {"name": "light", "resolution": 64},
}
FOREIGN = "sr-x4"
SMALL = {"stylegan2": {"channel_base": 256, "channel_max": 8}, "dcgan": {"width": 8}, "resnet": {"width": 32}}
OURS = "gantools"


class Enlarger(torch.nn.Module):
    """The network of ``sr-x4`` in PyTorch, with the weights of the file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        layers: list[torch.nn.Module] = []
        for node in ir.load(path).graph:
            weights = [
                one.const_value.numpy() for one in node.inputs if one is not None and one.const_value is not None
            ]
            if node.op_type == "Conv":
                outputs, inputs = weights[0].shape[:2]
                layer: torch.nn.Module = torch.nn.Conv2d(inputs, outputs, 3, padding=1)
                layer.load_state_dict({"weight": torch.tensor(weights[0]), "bias": torch.tensor(weights[1])})
            elif node.op_type == "PRelu":
                layer = torch.nn.PReLU(weights[0].size)
                layer.load_state_dict({"weight": torch.tensor(weights[0]).flatten()})
            else:
                continue
            layers.append(layer)
        self.body = torch.nn.Sequential(*layers, torch.nn.PixelShuffle(4))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(batch, 3, height, width) in 0..1 -> four times as large."""
        enlarged: torch.Tensor = self.body(image) + torch.nn.functional.interpolate(image, scale_factor=4.0)
        return enlarged


def foreign_artifact(out: Path) -> tuple[Artifact, torch.nn.Module]:
    """The artifact of ``sr-x4``, and its network."""
    path = Path(os.environ["GANTOOLS_DATA"]) / "generators-exported" / "realesr_animevideov3_x4.onnx"
    limits = {"height": AxisRange(min=32, opt=180, max=1080), "width": AxisRange(min=32, opt=320, max=1920)}
    return adopt(path, Adoption(input_range=(0, 1), axes=limits), out / "art"), Enlarger(path).eval()


def artifact_of(name: str, out: Path) -> tuple[Artifact, torch.nn.Module]:
    """An exported artifact, and the network that it was made of."""
    if name == FOREIGN:
        return foreign_artifact(out)
    options = MODELS[name]
    judge = {"sngan": "resnet", "stylegan2": "stylegan2"}.get(options["name"], "dcgan")
    recipe = resolve_recipe(
        {
            "model": options,
            "discriminator": {"name": judge, **SMALL[judge]},
            "data": {"source": "builtin:digits"},
            "objective": {"name": "stylegan2" if judge == "stylegan2" else "nonsaturating"},
            "train": {"steps": 2, "batch": 4, "precision": "fp32", "sample_every": 0, "ema_half_life_images": 2},
            "evaluate": {"every": 0},
        },
        name,
        PARTS,
    )
    checkpoint = train(recipe, out / "run", accelerator="cpu")
    artifact = export(checkpoint, out / "art")
    module = checkpoint.build_model().eval().graphs[GRAPH].module
    return artifact, module


def torch_calls(module: torch.nn.Module, inputs: list[npt.NDArray[Any]]) -> dict[str, Call]:
    """The network itself, in every setting."""
    given = [torch.from_numpy(value) for value in inputs]

    def run(network: Callable[..., Any], low: bool) -> Any:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=low):
            return network(*given).float().numpy()

    calls: dict[str, Call] = {}
    last = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for low in (False, True):
        precision = "bf16" if low else "fp32"
        calls[f"torch eager {precision}, channels_last"] = partial(run, last, low)
        compiled = torch.compile(last, dynamic=False)
        calls[f"torch compiled {precision}, channels_last"] = partial(run, compiled, low)
    return calls


def stock_calls(
    module: torch.nn.Module, inputs: list[npt.NDArray[Any]], names: list[str], folder: Path
) -> dict[str, Call]:
    """The default export in stock runtimes."""
    import onnxruntime
    import openvino

    path = folder / "stock.onnx"
    plain = module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    torch.onnx.export(plain, tuple(map(torch.from_numpy, inputs)), path, input_names=names, dynamo=True, verbose=False)
    given = dict(zip(names, inputs, strict=True))
    paths = {"": path}
    try:
        import onnxslim  # type: ignore[import-not-found, import-untyped, unused-ignore]

        slim = folder / "slim.onnx"
        onnxslim.slim(str(path), str(slim))
        paths[" + onnxslim"] = slim
    except ImportError:
        print("onnxslim is not installed, and not measured", file=sys.stderr)
    calls: dict[str, Call] = {}
    for label, file in paths.items():
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = default_threads()
        session = onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"])
        calls[f"onnxruntime fp32, stock{label}"] = partial(session.run, None, given)
    for label, hint in (("fp32", {"INFERENCE_PRECISION_HINT": "f32"}), ("as it chooses", {})):
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": default_threads(), **hint}
        request = openvino.Core().compile_model(path, "CPU", config).create_infer_request()
        calls[f"openvino {label}, stock"] = partial(_infer, request, given)
    return calls


def _infer(request: Any, given: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.array(next(iter(request.infer(given, share_inputs=True).values())))


def our_artifacts(artifact: Artifact, batch: int, out: Path) -> dict[str, Artifact]:
    """Every runtime and precision of this CPU, with and without rewrites, tuned for this batch."""
    pairs = [("onnxruntime", "fp32"), ("openvino", "fp32")]
    if "BF16" in cpu_capabilities():
        pairs.append(("openvino", "bf16"))
    made = {}
    for target, precision in pairs:
        for rewrite in ("measured", "off"):
            # One size alone, as the peers' exports have.
            sizes = artifact.graph(GRAPH)[1].spec.sizes("opt", batch=batch)
            axes = {axis: AxisRange(min=size, opt=size, max=size) for axis, size in sizes.items()}
            plan = Plan.model_validate({"target": target, "precision": precision, "rewrite": rewrite, "axes": axes})
            label = f"{OURS}, {target} {precision}{'' if rewrite == 'measured' else ', not rewritten'}"
            made[label] = optimize(artifact, plan, out / label)
            print(f"{label}: {made[label].manifest.steps[-1].options['forms'][GRAPH]}", file=sys.stderr)
    return made


def measure_model(name: str, batches: list[int], seconds: float) -> list[dict[str, Any]]:
    """All rows of a model."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        artifact, module = artifact_of(name, Path(folder))
        spec = artifact.graph(GRAPH)[1].spec
        for batch in batches:
            drawn = trial_inputs(spec, artifact.manifest.sampler, range(batch))
            names = [tensor.name for tensor in spec.inputs]
            inputs = [drawn[one] for one in names]
            if artifact.manifest.sampler.image:
                inputs = [np.ascontiguousarray(one.transpose(0, 3, 1, 2), np.float32) / 255 for one in inputs]
            ours = our_artifacts(artifact, batch, Path(folder) / str(batch))
            sessions = {label: Session.of(one, GRAPH) for label, one in ours.items()}
            calls = stock_calls(module, inputs, names, Path(folder)) | torch_calls(module, inputs)
            calls |= {label: partial(session.run, drawn) for label, session in sessions.items()}
            watch = LoadWatch()
            timings = measure(calls, BenchPlan(max_seconds=seconds, threads=default_threads()))
            load = watch.stop().model_dump(mode="json")
            for label, timing in timings.items():
                row = {"model": name, "batch": batch, "name": label, **summary(timing), "load": load}
                if label in ours:
                    path, entry = ours[label].graph(GRAPH)
                    fixed = at_sizes(ir.load(path), entry.spec)
                    parity = next(one for one in ours[label].manifest.steps[-1].parity if one.graph == GRAPH)
                    row |= {
                        "multiply_adds": multiply_adds(fixed.graph),
                        "bytes": path.stat().st_size,
                        "forms": ours[label].manifest.steps[-1].options["forms"][GRAPH],
                        "computed": attest(sessions[label]).computed,
                        "parity": parity.model_dump(),
                        "faster_than": {peer: ratio(timings[peer], timing) for peer in calls if peer != label},
                    }
                rows.append(row)
                print(f"{name}, batch {batch}: {label}: {row.get('p50_ms') or row['status']} ms", file=sys.stderr)
            for session in sessions.values():
                session.close()
    return rows


def main() -> None:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS), help=f"of {', '.join((*MODELS, FOREIGN))}")
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--seconds", type=float, default=4.0, help="most seconds for one variant at one batch size")
    parser.add_argument("--record", type=Path, default=Path(__file__).parent / "results" / "optimize.jsonl")
    given = parser.parse_args()
    torch.set_num_threads(default_threads())
    batches = [int(one) for one in given.batches.split(",")]
    for name in given.models.split(","):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["XDG_CACHE_HOME"] = cache  # forms are measured, not remembered
            rows = measure_model(name, batches, given.seconds)
        record = {
            "schema": 1,
            "benchmark": "optimize",
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment().model_dump(mode="json"),
            "threads": default_threads(),
            "rows": rows,
        }
        before = given.record.read_bytes() if given.record.exists() else b""
        write_atomic(given.record, before + json.dumps(record).encode() + b"\n")


if __name__ == "__main__":
    main()
