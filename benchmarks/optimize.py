"""What ``gantools optimize`` makes of image generators, beside what a user gets without it. Interleaved, one machine.

    python benchmarks/optimize.py [--models dcgan-64,sngan-64] [--batches 1,16] [--device cuda] [--record FILE]

The networks have the sizes of their papers and were trained for two steps, because speed does not depend on weights.
``sr-x4`` is a foreign ONNX file, found through GANTOOLS_DATA: 16 x 64 channels, 320x180 pixels to 1280x720; its peers
get floats, ours bytes. All compute float images from the same inputs in host memory and leave them there, with as many
threads as there are physical cores:

- ``torch``: eager and compiled, in channels_last; on GPUs with ``max-autotune``, that is with CUDA graphs. Below fp32
  the weights are converted, or where a network refuses that, autocast is used: ``lowered`` in the row.
- ``onnxruntime, stock``: ``torch.onnx.export`` and an InferenceSession with all its optimizations; and after onnxslim,
  where that is installed.
- ``openvino, stock``: the same file, in fp32 and in the precision that OpenVINO chooses. On CPUs.
- ``int8, stock``: the same file quantized by ONNX Runtime's defaults, and by nncf's where that is installed. On CPUs.
- ``gantools``: the optimized artifact for each runtime and precision, and the same without rewrites.

Each of ours is compared with every other: a ratio of medians, its interval over rounds, in which all took turns. Rows
say how much of the measured peak of the machine they reach (``gantools.bench.ceilings``), and below fp32 what the
precision costs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from optimize_int8 import CALIBRATED, JUDGED, JUDGED_FROM, int8_variants, levels_of, quality
from optimize_ours import GRAPH, OURS_ON, our_artifacts, our_variant
from optimize_peers import (
    kind_of,
    onnxruntime_variant,
    products_of,
    stock_export,
    stock_variants,
    torch_variants,
)
from rows import ratio, summary

from gantools.bench import ceilings
from gantools.core.artifact import Artifact
from gantools.core.atomic import write_atomic
from gantools.core.events import Event, Note
from gantools.core.optional import installed_versions
from gantools.core.recipe import resolve_recipe
from gantools.core.spec import AxisRange
from gantools.data.photos import open_photos
from gantools.export.onnx import export
from gantools.optimize.foreign.adopt import adopt
from gantools.optimize.foreign.interface import Adoption
from gantools.runtime.backends.base import Arrays
from gantools.timing.environment import LoadWatch, default_threads, environment
from gantools.timing.measure import BenchPlan, measure
from gantools.train import PARTS, train
from gantools.verify.trials import Images, examples_of, trial_inputs

Peaks = dict[str, dict[str, Any]]
MODELS: dict[str, dict[str, Any]] = {
    "dcgan-64": {"name": "dcgan", "resolution": 64},
    "sngan-32": {"name": "sngan", "resolution": 32},
    "sngan-64": {"name": "sngan", "resolution": 64},
    "stylegan2-64": {"name": "stylegan2", "resolution": 64, "channel_base": 16384, "channel_max": 512},
    "light-64": {"name": "light", "resolution": 64},
}
FOREIGN = "sr-x4"
PHOTOS = 92  # of which 64 are calibrated on, and those of seeds from JUDGED_FROM are others
SMALL = {"stylegan2": {"channel_base": 256, "channel_max": 8}, "dcgan": {"width": 8}, "resnet": {"width": 32}}


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
    data = Path(os.environ["GANTOOLS_DATA"])
    path = data / "generators-exported" / "realesr_animevideov3_x4.onnx"
    limits = {"height": AxisRange(min=32, opt=180, max=1080), "width": AxisRange(min=32, opt=320, max=1920)}

    def photos(height: int, width: int, channels: int, _: int | None) -> Images:
        folder = data / "sr-test" / "B100-jpg"
        return open_photos(folder, height=height, width=width, channels=channels, most=PHOTOS)

    options = Adoption(input_range=(0, 1), axes=limits)
    return adopt(path, options, out / "art", examples=photos), Enlarger(path).eval()


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


@dataclass(frozen=True)
class Drawn:
    """The same inputs as an artifact takes them, and as the network itself does: images in floats."""

    ours: Arrays
    peers: Arrays


def drawn(artifact: Artifact, seeds: range) -> Drawn:
    """What some seeds say."""
    spec, sampler = artifact.graph(GRAPH)[1].spec, artifact.manifest.sampler
    given = trial_inputs(spec, sampler, seeds, examples=examples_of(artifact))
    peers = {tensor.name: given[tensor.name] for tensor in spec.inputs}
    if sampler.image:
        one = peers[sampler.image]
        peers[sampler.image] = np.ascontiguousarray(one.transpose(0, 3, 1, 2), np.float32) / 255
    return Drawn(given, peers)


def batches_of(artifact: Artifact, count: int, batch: int, first: int = 0) -> list[Drawn]:
    """At least so many samples, as inputs of one batch size."""
    return [drawn(artifact, range(seed, seed + batch)) for seed in range(first, first + count, batch)]


def measure_model(name: str, batches: list[int], seconds: float, device: str, best: Peaks) -> list[dict[str, Any]]:
    """All rows of a model."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        artifact, module = artifact_of(name, Path(folder))
        for batch in batches:
            for row in measure_batch(artifact, module, batch, seconds, device):
                row = {"model": name, **row, "of_peak": of_peak(row, best)}
                rows.append(row)
                print(line_of(row), file=sys.stderr)
    return rows


def measure_batch(
    artifact: Artifact, module: torch.nn.Module, batch: int, seconds: float, device: str
) -> list[dict[str, Any]]:
    """Its rows at one batch size."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        given = drawn(artifact, range(batch))
        stock = stock_export(module, given.peers, Path(folder) / "stock")
        products = products_of(stock)
        variants = stock_variants(stock, products, device)
        if kind_of(device) == "cpu":
            calibration = [one.peers for one in batches_of(artifact, CALIBRATED, batch)]
            variants |= int8_variants(stock, calibration, products, Path(folder) / "int8")
        variants |= torch_variants(module, given.peers, products, device)
        ours = our_artifacts(artifact, batch, device, Path(folder) / "ours")
        variants |= {label: our_variant(one, label, artifact, stack) for label, one in ours.items()}
        calls = {label: partial(one.run, given.ours if one.ours else given.peers) for label, one in variants.items()}
        watch = LoadWatch()
        timings = measure(calls, BenchPlan(max_seconds=seconds, threads=default_threads()))
        load = watch.stop().model_dump(mode="json")
        judged = batches_of(artifact, JUDGED, batch, JUDGED_FROM)
        exact = onnxruntime_variant(stock, "fp32", products)
        black = 0.0 if artifact.manifest.sampler.image else -1.0  # of the peers; ours is always -1
        expected = [levels_of(exact.run(one.peers), black) for one in judged]
        rows = []
        for label, timing in timings.items():
            variant = variants[label]
            row = {"batch": batch, "device": device, "name": label, **summary(timing), "load": load}
            row |= {"multiply_adds": variant.multiply_adds, "bytes": variant.bytes, "peak_of": variant.precision}
            row |= variant.columns
            if variant.precision != "fp32" and timing.failure is None:
                images = (
                    levels_of(variant.run(one.ours), -1.0) if variant.ours else levels_of(variant.run(one.peers), black)
                    for one in judged
                )
                row["quality"] = quality(images, expected)
            if variant.ours:
                row["faster_than"] = {peer: ratio(timings[peer], timing) for peer in calls if peer != label}
            rows.append(row)
    return rows


def peaks(measured: ceilings.Ceilings) -> Peaks:
    """Precision -> multiply-adds in a second, and which kernel and size gave it."""
    found: Peaks = {}
    for precision, best in measured.multiply_adds_per_s.items():
        found[precision] = {
            "multiply_adds_per_s": round(best.rate),
            "kernel": best.kernel,
            "size": best.size,
            "tried": {name: round(rate) for name, rate in best.tried.items()},
        }
        print(f"peak {precision}: {best.rate / 1e9:.0f} G multiply-adds/s by {best.kernel}", file=sys.stderr)
    return found


def tell(event: Event) -> None:
    """What is left out when peaks are measured."""
    if isinstance(event, Note):
        print(event.text, file=sys.stderr)


def of_peak(row: dict[str, Any], best: Peaks) -> float | None:
    """Share of the peak of the precision that the row is named by."""
    peak, p50 = best.get(row["peak_of"]), row.get("p50_ms")
    if peak is None or p50 is None or row["multiply_adds"] is None:
        return None
    return float(row["multiply_adds"] / p50 * 1000 / peak["multiply_adds_per_s"])


def line_of(row: dict[str, Any]) -> str:
    """A row for people."""
    start = f"{row['model']}, batch {row['batch']}: {row['name']}: "
    if row["status"] != "ok":
        return f"{start}{row['status']}"
    p50 = "too few calls for a median" if row["p50_ms"] is None else f"{row['p50_ms']:.3f} ms"
    said = [p50, f"{row['multiply_adds'] / 1e6:.1f} M multiply-adds"]
    if row["of_peak"] is not None:
        said.append(f"{row['of_peak']:.1%} of the {row['peak_of']} peak")
    said.append(f"{row['bytes'] / 1e6:.2f} MB")
    if found := row.get("quality"):
        psnr = "equal" if found["psnr_db"] is None else f"{found['psnr_db']:.1f} dB"
        said.append(f"rms {found['rms_levels']:.3f} levels, {psnr}")
    said += [f"{one['metric']} lost {one['loss']:.3f}" for one in row.get("losses", ())]
    return f"{start}{', '.join(said)}"


def main(device: str = "cpu") -> None:
    """Measure, print, record."""
    results = Path(__file__).parent / "results"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS), help=f"of {', '.join((*MODELS, FOREIGN))}")
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--device", default=device, help="cpu, cuda or cuda:N")
    parser.add_argument("--seconds", type=float, default=4.0, help="most seconds for one variant at one batch size")
    parser.add_argument("--record", type=Path, help="default: optimize.jsonl in results, on GPUs optimize_gpu.jsonl")
    given = parser.parse_args()
    if kind_of(given.device) not in OURS_ON:
        parser.error(f"--device is cpu, cuda or cuda:N, got '{given.device}'")
    if kind_of(given.device) == "cuda" and not torch.cuda.is_available():
        sys.exit(f"--device {given.device} needs an NVIDIA GPU, and PyTorch {torch.__version__} sees none.")
    torch.set_num_threads(default_threads())
    on_gpu = kind_of(given.device) == "cuda"
    path = given.record or results / ("optimize_gpu.jsonl" if on_gpu else "optimize.jsonl")
    batches = [int(one) for one in given.batches.split(",")]
    measured = ceilings.measure(given.device, on_event=tell)
    best = peaks(measured)
    for name in given.models.split(","):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["XDG_CACHE_HOME"] = cache  # forms are measured, not remembered
            rows = measure_model(name, batches, given.seconds, given.device, best)
        record = {
            "schema": 2,
            "benchmark": "optimize",
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment().model_dump(mode="json"),
            "peers": installed_versions(("nncf", "onnxslim", "triton")),
            "device": given.device,
            "threads": default_threads(),
            "peaks": best,
            "peaks_load": measured.load.model_dump(mode="json"),
            "rows": rows,
        }
        before = path.read_bytes() if path.exists() else b""
        write_atomic(path, before + json.dumps(record).encode() + b"\n")


if __name__ == "__main__":
    main()
