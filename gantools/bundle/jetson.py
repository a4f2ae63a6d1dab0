"""A folder for Jetson: a script that builds the engine on the device, what runs it, and what DLA would take of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from gantools.bundle.folder import copy_files, filled_in, write_common
from gantools.bundle.preflight import preflight
from gantools.bundle.source import Options, Source
from gantools.core.errors import ArtifactError


def write(source: Source, folder: Path, options: Options) -> None:  # noqa: ARG001 - of the table
    """Write it.

    Raises:
        ArtifactError: TensorRT would refuse the graph.
        MissingDependencyError: onnx-ir is not installed.
    """
    told = preflight(source, "dla")
    if refused := [layer for layer in told.layers if layer.place == "nowhere"]:
        raise ArtifactError(
            f"TensorRT does not take '{refused[0].name}' ({refused[0].kind}): {refused[0].reason}.",
            hint="'gantools doctor ART --target jetson-orin' lists all layers",
        )
    write_common(source, folder)
    (folder / "preflight.json").write_text(json.dumps({**asdict(told), "count": told.count()}, indent=1) + "\n")
    count = told.count()
    image = "--image golden/image.npy" if source.makes_images_of_images else "7 8 9"
    names = {
        **filled_in(source),
        "SHAPES": " ".join(profile(source)),
        "FIXED": fixed(source),
        "COUNTED": f"{count['dla']} of {len(told.layers)} layers on DLA, {count['gpu']} on the GPU",
        "SAMPLE": f"python3 engine.py {image}" + ("" if source.is_text else " --out samples"),
    }
    copy_files("python", folder, only=("generator.py", "noise.py", "check.py"))
    copy_files("jetson", folder, names)


def profile(source: Source) -> list[str]:
    """Shapes for ``trtexec``: the least, the usual and the largest of each input that has free sizes."""
    spec = source.graph.spec
    options = [
        _shapes(source, "--minShapes", spec.sizes("min")),
        _shapes(source, "--optShapes", spec.sizes("opt")),
        _shapes(source, "--maxShapes", spec.sizes("max")),
    ]
    return [option for option in options if option]


def fixed(source: Source) -> str:
    """The one shape of each input for DLA: a single sample of the usual size."""
    return _shapes(source, "--shapes", source.graph.spec.sizes("opt", batch=1))


def _shapes(source: Source, option: str, sizes: Mapping[str, int]) -> str:
    free = [one for one in source.graph.spec.inputs if any(isinstance(size, str) for size in one.shape)]
    return (
        f"{option}=" + ",".join(f"{one.name}:{'x'.join(map(str, one.concrete(sizes)))}" for one in free) if free else ""
    )
