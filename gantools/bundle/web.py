"""A page: onnxruntime-web on WebGPU or WebAssembly, with everything it needs in the folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from gantools.bundle.folder import copy_files, filled_in, write_common
from gantools.bundle.source import Options, Source
from gantools.core.errors import ArtifactError, MissingDependencyError

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
"""What was tried; others that have the same files are taken as well."""
RUNTIME = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)


def write(source: Source, folder: Path, options: Options) -> None:
    """Write it.

    Raises:
        MissingDependencyError: The npm package is nowhere.
        ArtifactError: A folder was given that does not hold it.
    """
    package = _package(options.runtime)
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    vendor = folder / "vendor"
    vendor.mkdir()
    for name in RUNTIME:
        shutil.copyfile(package / "dist" / name, vendor / name)
    shutil.copyfile(package / "package.json", vendor / "package.json")  # names its version and licence
    write_common(source, folder)
    names = {**filled_in(source), "RUNTIME": f"{PACKAGE} {version}", "COUNT": "5" if source.is_text else "16"}
    copy_files("javascript", folder)
    copy_files("web", folder, names)


def _package(given: Path | None) -> Path:
    """The folder of the npm package."""
    here = Path.cwd()
    tried = [given] if given else [place / "node_modules" / PACKAGE for place in (here, *here.parents)]
    found = next((place for place in tried if (place / "package.json").is_file()), None)
    install = f"npm install {PACKAGE}@{VERSION}, and give --runtime node_modules/{PACKAGE} where it is elsewhere"
    if found is None and given is None:
        raise MissingDependencyError(
            f"a page needs the npm package '{PACKAGE}', and no node_modules here or above holds it.", hint=install
        )
    lacking = [name for name in RUNTIME if found is None or not (found / "dist" / name).is_file()]
    if found is None or lacking:
        raise ArtifactError(f"'{found or given}' holds no {PACKAGE}: {lacking[0]} is not there.", hint=install)
    return found
