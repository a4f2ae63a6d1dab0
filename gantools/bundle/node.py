"""A folder for Node.js: onnxruntime-node, ES modules with types."""

from __future__ import annotations

import re
from pathlib import Path

from gantools.bundle.folder import copy_files, filled_in, write_common
from gantools.bundle.source import Options, Source


def write(source: Source, folder: Path, options: Options) -> None:  # noqa: ARG001 - of the table
    """Write it."""
    write_common(source, folder)
    if source.makes_images_of_images:
        sample = "node sample.js --image golden/image.npy --out samples"
    else:
        sample = "node sample.js 7 8 9" + ("" if source.is_text else " --out samples")
    own = {
        "SAMPLE": sample,
        "SAMPLE_TYPE": "string[]" if source.is_text else "Picture[]",
        "PACKAGE": re.sub(r"[^a-z0-9]+", "-", source.artifact.manifest.name.lower()).strip("-") or "generator",
    }
    copy_files("javascript", folder)
    copy_files("node", folder, {**filled_in(source), **own})
