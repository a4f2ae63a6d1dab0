"""Whether an engine can be loaded here, told before the library reads more of it than its header.

TensorRT-RTX begins an engine with a mark and its length, and answers whether it would load one here. It looks at the
header alone, so the digest of the manifest is what finds damage behind it. Of TensorRT's engines only the digest is
known here: it has no such question, and its marks are not documented.

Not tried, for want of a GPU: that TensorRT-RTX says no to another GPU or version, and any engine of TensorRT.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from gantools.core.artifact import GraphFile
from gantools.core.errors import ArtifactError

_MARK = b"vtrt"  # of TensorRT-RTX
_HEADER_BYTES = 28  # mark, layout, ..., length at 16, version of the library at 24
_REASONS = {
    "VERSION_MISMATCH": "another version of the library built it",
    "UNSUPPORTED_CC": "it was not built for the compute capability of this GPU",
    "OLD_CUDA_DRIVER": "the NVIDIA driver is too old for it",
    "OLD_CUDA_RUNTIME": "the CUDA runtime is too old for it",
    "INSUFFICIENT_GPU_MEMORY": "the GPU has too little memory for it",
    "MALFORMED_ENGINE": "its header is damaged",
    "CUDA_ERROR": "the NVIDIA driver or the CUDA runtime is not installed correctly",
}


def read_engine(path: Path, graph: GraphFile, name: str) -> tuple[bytes, str]:
    """The bytes of an engine and their digest.

    Args:
        path: Of the file.
        graph: Its entry; one without a digest is of an artifact that is being made.
        name: Of the backend, ``tensorrt`` or ``tensorrt-rtx``.

    Raises:
        ArtifactError: It is no engine of this library, cut short, or changed since it was built.
    """
    try:
        content = path.read_bytes()
    except OSError as err:
        raise ArtifactError(f"'{path}' cannot be read: {err.strerror or err}.") from err
    digest = hashlib.sha256(content).hexdigest()
    problem = _damage(content, name)
    if problem is None and graph.sha256 and digest != graph.sha256:
        problem = f"has digest {digest[:12]}, the manifest says {graph.sha256[:12]}: it was changed or damaged"
    if problem:
        raise ArtifactError(f"'{path.name}' {problem}.", hint=f"copy the artifact again, or {rebuild_command(name)}")
    return content, digest


def library_problem(library: Any, runtime: Any, content: bytes) -> str | None:
    """Why the library would not load an engine here, as a clause; None: it would, or has no answer.

    Args:
        library: The module ``tensorrt`` or ``tensorrt_rtx``.
        runtime: Of it. The device that counts is the current one.
        content: Of the engine.
    """
    ask = getattr(runtime, "get_engine_validity", None)
    if ask is None:  # TensorRT, which refuses when it loads
        return None
    validity, flags = ask(content)
    if validity != library.EngineValidity.INVALID:
        return None
    known = library.EngineInvalidityDiagnostics.__members__
    found = [words for flag, words in _REASONS.items() if flag in known and flags & int(known[flag])]
    return ", ".join(found)


def rebuild_command(name: str) -> str:
    """What to do about an engine that cannot be loaded here, as a clause."""
    return f"build it again here: 'gantools optimize ART --target {name} --out OUT'"


def _damage(content: bytes, name: str) -> str | None:
    if name != "tensorrt-rtx":
        return None if content else "is empty"
    if len(content) < _HEADER_BYTES or content[:4] != _MARK:
        return f"is no engine of {name}, or damaged: it does not begin as one"
    length = int.from_bytes(content[16:24], "little")
    if length != len(content):
        return f"has {len(content)} bytes and says that it has {length}: it was cut short or damaged"
    return None
