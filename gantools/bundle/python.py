"""A folder for Python: NumPy and ONNX Runtime, three small modules."""

from __future__ import annotations

from pathlib import Path

from gantools.bundle.folder import copy_files, filled_in, write_common
from gantools.bundle.source import Options, Source


def write(source: Source, folder: Path, options: Options) -> None:  # noqa: ARG001 - of the table
    """Write it."""
    write_common(source, folder)
    if source.makes_images_of_images:
        sample = "python generator.py --image golden/image.npy --out samples"
    else:
        sample = "python generator.py 7 8 9" + ("" if source.is_text else " --out samples")
    copy_files("python", folder, {**filled_in(source), "SAMPLE": sample})
