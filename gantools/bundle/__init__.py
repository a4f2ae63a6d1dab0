"""What an app team takes away: a folder with the model, a small program in their language, and a check of both.

Nothing in such a folder imports gantools. Each row writes the folder of one kind of application; what all of them hold
is in ``source.py`` (the description ``generator.json``) and ``golden.py`` (samples and noise to compare with).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gantools.bundle.source import Options, Source
from gantools.core.atomic import staged_folder
from gantools.core.errors import ArtifactError
from gantools.core.registry import Table

Write = Callable[[Source, Path, Options], None]
BUNDLES: Table[Write] = Table(
    "kind of bundle",
    {
        "python": "gantools.bundle.python:write",
        "node": "gantools.bundle.node:write",
        "web": "gantools.bundle.web:write",
        "cpp": "gantools.bundle.cpp:write",
        "triton": "gantools.bundle.triton:write",
        "jetson": "gantools.bundle.jetson:write",
    },
)
FILMS = ("python",)
"""Kinds that hold networks whose frames depend on other frames."""
MARKER = "generator.json"


def bundle(artifact: Path | str, target: str, out: Path, options: Options | None = None) -> None:
    """Write the folder of one kind of application. It appears whole or not at all.

    Args:
        artifact: An artifact folder, or a lone ``.onnx`` that gantools wrote.
        target: A name in ``BUNDLES``.
        out: The folder. One that holds a bundle is replaced.
        options: What some kinds need to know; none: the usual.

    Raises:
        UnknownNameError: There is no such kind.
        ArtifactError: The artifact is damaged or compiled, or this kind cannot hold what it makes; or ``out`` holds
            something else.
        BackendError: ONNX Runtime does not open the graph, so that there are no samples to compare with.
        MissingDependencyError: Something that is needed is not installed.
    """
    write = BUNDLES.load(target)
    source = Source.of(artifact)
    if source.film and target not in FILMS:
        makes = "carries a state from frame to frame" if source.film == "in turn" else "makes frames between frames"
        raise ArtifactError(
            f"'{artifact}' {makes}, which a bundle for {target} does not do yet.",
            hint=f"take --for {' or '.join(FILMS)}; 'gantools enhance' makes whole videos",
        )
    with staged_folder(out, marker=MARKER) as folder:
        write(source, folder, options or Options())


__all__ = ["BUNDLES", "Options", "Source", "bundle"]
