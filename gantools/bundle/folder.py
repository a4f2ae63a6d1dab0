"""The files of a bundle that are the same for every artifact: package data, copied with names filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gantools.bundle.golden import write_golden
from gantools.bundle.source import Source

FILES = Path(__file__).parent / "files"


def copy_files(room: str, folder: Path, names: Mapping[str, str] | None = None, only: tuple[str, ...] = ()) -> None:
    """Copy a folder of ``files/``; in text, ``@NAME@`` becomes ``names["NAME"]``.

    Args:
        room: Folder below ``files/``.
        folder: Where to.
        names: What is filled in.
        only: Names of files; none: all.
    """
    for path in sorted((FILES / room).iterdir()):
        if path.is_file() and (not only or path.name in only):
            text = path.read_text(encoding="utf-8")
            for name, value in (names or {}).items():
                text = text.replace(f"@{name}@", value)
            (folder / path.name).write_text(text, encoding="utf-8")
            (folder / path.name).chmod(0o755 if text.startswith("#!") else 0o644)


def write_common(source: Source, folder: Path, model: Path | None = None) -> None:
    """The model, ``generator.json`` and ``golden/``.

    Args:
        source: What is bundled.
        folder: Of the bundle.
        model: Folder of the model; none: that of the bundle.
    """
    source.copy_model(model or folder)
    source.write_description(folder)
    write_golden(source, folder)


def filled_in(source: Source) -> dict[str, str]:
    """What every README says of the artifact."""
    manifest = source.artifact.manifest
    made = "texts" if source.is_text else "images"
    settings = ", ".join(
        f"`{name}` ({limits.low:g} to {limits.high:g}, usually {limits.default:g})"
        for name, limits in manifest.sampler.settings.items()
    )
    return {
        "NAME": manifest.name,
        "WHAT": "images of images" if source.makes_images_of_images else made,
        "PRECISION": source.graph.precision,
        "DIGEST": source.artifact.digest[:12],
        "SETTINGS": settings or "none",
        "CLASSES": ", ".join(f"`{name}`" for name in manifest.output.classes) or "none",
    }
