"""A model repository for Triton Inference Server, and a client that samples by seed.

The configuration follows ``model_config.proto`` of Triton's common repository; tests parse it by that schema.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from gantools.bundle.folder import copy_files, filled_in, write_common
from gantools.bundle.source import DESCRIPTION, MODEL, Options, Source
from gantools.core.spec import TensorSpec
from gantools.samplers.feedforward import inputs_of

_TYPES = {"float32": "TYPE_FP32", "int64": "TYPE_INT64", "int32": "TYPE_INT32", "uint8": "TYPE_UINT8"}
_WAIT_MICROSECONDS = 500
"""How long a request may wait for others to be batched with."""


def write(source: Source, folder: Path, options: Options) -> None:  # noqa: ARG001 - of the table
    """Write it."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", source.artifact.manifest.name).strip("-") or "generator"
    model = folder / "models" / name
    (model / "1").mkdir(parents=True)
    write_common(source, folder, model / "1")
    (model / "1" / MODEL).rename(model / "1" / "model.onnx")
    description = source.description() | {"model": f"models/{name}/1/model.onnx"}
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    batched = is_batched(source)
    _write_warm_up(source, model)
    (model / "config.pbtxt").write_text(config(source, name, batched))
    image = "--image golden/image.npy" if source.makes_images_of_images else "7 8 9"
    names = {
        **filled_in(source),
        "MODEL": name,
        "BATCHED": str(batched),
        "HOW": "" if batched else ", batched=False",
        "SAMPLE": f"python client.py {image}" + ("" if source.is_text else " --out samples"),
    }
    copy_files("python", folder, only=("generator.py", "noise.py", "check.py"))
    copy_files("triton", folder, names)


def is_batched(source: Source) -> bool:
    """Whether Triton may put requests together: every input and output has a row for each sample, of any number."""
    spec = source.graph.spec
    return all(one.shape[:1] == ("batch",) for one in (*spec.inputs, *spec.outputs)) and spec.largest_batch > 1


def config(source: Source, name: str, batched: bool) -> str:
    """``config.pbtxt``.

    Args:
        source: What is bundled.
        name: Of the model.
        batched: Whether requests are put together.
    """
    spec = source.graph.spec
    lines = [
        f'name: "{name}"',
        'backend: "onnxruntime"',
        'default_model_filename: "model.onnx"',
        f"max_batch_size: {spec.largest_batch if batched else 0}",
    ]
    lines += [_tensor("input", one, batched) for one in spec.inputs]
    lines += [_tensor("output", one, batched) for one in spec.outputs]
    if batched:
        lines.append(f"dynamic_batching {{ max_queue_delay_microseconds: {_WAIT_MICROSECONDS} }}")
    sizes = source.graph.spec.sizes("opt", batch=1)
    inputs = "".join(
        f'\n  inputs {{ key: "{one.name}" value {{ data_type: {_TYPES[one.dtype]} '
        f'dims: [ {_listed(_row(one.concrete(sizes), batched))} ] input_data_file: "{one.name}" }} }}'
        for one in spec.inputs
    )
    lines.append(f'model_warmup {{\n  name: "first"\n  batch_size: {int(batched)}{inputs}\n}}')
    return "\n".join(lines) + "\n"


def _write_warm_up(source: Source, model: Path) -> None:
    """What seed 0 says of each input, as raw bytes; images are black."""
    spec, sampler = source.graph.spec, source.artifact.manifest.sampler
    sizes = spec.sizes("opt", batch=1)
    known = inputs_of(spec.inputs, sampler, [0], sizes)
    (model / "warmup").mkdir()
    for one in spec.inputs:
        shape = one.concrete(sizes)
        values = known[one.name].tobytes() if one.name in known else bytes(_count(shape))
        (model / "warmup" / one.name).write_bytes(values)


def _tensor(kind: str, one: TensorSpec, batched: bool) -> str:
    """One input or output. A number for each sample is a row of one number, since Triton has no empty shapes."""
    sizes = tuple(size if isinstance(size, int) else -1 for size in one.shape)
    reshape = " reshape { shape: [ ] }" if batched and len(sizes) == 1 else ""
    dims = _listed(_row(sizes, batched))
    return f'{kind} {{ name: "{one.name}" data_type: {_TYPES[one.dtype]} dims: [ {dims} ]{reshape} }}'


def _row(sizes: tuple[int, ...], batched: bool) -> tuple[int, ...]:
    return (sizes[1:] or (1,)) if batched else sizes


def _listed(sizes: tuple[int, ...]) -> str:
    return ", ".join(map(str, sizes))


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count
