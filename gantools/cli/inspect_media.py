"""Pictures and videos in ``gantools inspect``: where they say they come from, and whether that can be believed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gantools.cli.output import emit_json, show_pairs

if TYPE_CHECKING:
    from gantools.media.credentials import Credentials

_NOT_MET = 4


def is_media(path: Path) -> bool:
    """Whether it is a file, and neither a lone ONNX file nor a part of an artifact."""
    return path.is_file() and path.suffix not in (".onnx", ".json")


def inspect_media(path: Path, artifact: Path | None, trusted: Path | None, *, as_json: bool) -> None:
    """Say where a picture or a video comes from.

    Args:
        path: The file.
        artifact: One that may have made it; none: nothing is compared.
        trusted: Certificates of authorities whose signers are trusted.
        as_json: Whether one JSON document is printed.

    Raises:
        DataError: It is no picture and no video, or damaged.
        ArtifactError: As ``load_artifact``.
        Exit: 4: its signature does not hold, or another artifact made it.
    """
    from gantools.core.artifact import load_artifact
    from gantools.core.errors import DataError
    from gantools.core.optional import installed_versions
    from gantools.data.pairs.clips import is_film_name
    from gantools.media.credentials import credentials_of
    from gantools.media.pictures import SUFFIXES, mark_of_picture
    from gantools.media.video.mark import mark_of_video

    digest = None if artifact is None else load_artifact(artifact).digest
    is_picture = path.suffix.lower() in SUFFIXES or _begins_as_picture(path)
    try:
        mark = mark_of_picture(path) if is_picture else mark_of_video(path)
    except DataError as err:
        if is_picture or is_film_name(path.name):
            raise
        raise DataError(
            f"'{path}' is neither an artifact nor a picture or video.",
            hint="give a folder that 'gantools export' made, a lone .onnx, or a file with a sample in it",
        ) from err
    can_check = bool(installed_versions(["c2pa-python"])) or trusted is not None
    signed = credentials_of(path, trusted) if can_check else None
    held = signed if signed is not None and signed.hold else None
    facts = {**mark.facts, **(held.facts if held else {})}  # what is signed is to be believed before what is not
    source_type = (held.source_type if held else "") or mark.source_type
    tool = mark.tool or (held.tool if held else "")
    matches = None if digest is None else facts.get("artifact") == digest
    if as_json:
        emit_json(
            {
                "path": str(path),
                "kind": "picture" if is_picture else "video",
                "marked": bool(mark or signed),
                "tool": tool,
                "source_type": source_type,
                "origin": facts,
                "c2pa": asdict(signed) if signed else None,
                "c2pa_checked": can_check,
                "matches": matches,
            }
        )
    else:
        _show(path, tool, source_type, facts, _status(signed, can_check))
        if matches is not None:
            other = f"is another one, {digest}" if "artifact" in facts else "is named by nothing in the file"
            typer.echo(f"'{artifact}' {'is the artifact that is named' if matches else other}")
    if matches is False or (signed is not None and signed.state == "invalid"):
        raise typer.Exit(_NOT_MET)


def _begins_as_picture(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(12)
    return head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")) or head[8:] == b"WEBP"


def _show(path: Path, tool: str, source_type: str, facts: dict[str, str], status: str) -> None:
    pairs: dict[str, Any] = {"made by": tool, "source type": _in_words(source_type), **facts, "C2PA": status}
    if not (tool or source_type or facts):
        typer.echo(f"{path}: no mark found; that says nothing about how it was made")
        typer.echo(f"C2PA: {status}")
        return
    show_pairs(str(path), {key.replace("_", " "): text for key, text in pairs.items() if text})


def _in_words(source_type: str) -> str:
    from gantools.media.provenance import EDITED, GENERATED

    words = {
        GENERATED: "made by a trained model",
        EDITED: "other media, changed by a trained model or beside what it made",
    }
    term = source_type.rpartition("/")[2]
    return f"{term} ({words[source_type]})" if source_type in words else source_type


def _status(signed: Credentials | None, can_check: bool) -> str:
    if not can_check:
        return "not looked at: pip install 'gantools[c2pa]'"
    if signed is None:
        return "not signed"
    by = f"signed by {signed.signer or 'nobody that is named'}"
    return {
        "trusted": f"valid, {by}, whose authority is trusted",
        "valid": f"valid: well-formed and intact, {by}, who is on no list of trusted signers that was given",
        "invalid": f"INVALID, {by}: {', '.join(signed.problems)}",
        "unreadable": f"cannot be read: {', '.join(signed.problems)}",
    }[signed.state]
