"""What ``gantools sample`` prints of a generator of texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gantools.cli.output import emit_json, say

if TYPE_CHECKING:
    from gantools.samplers import Generator

LINES = ".jsonl"


def write_texts(
    generator: Generator, seeds: list[int], *, out: Path | None, as_json: bool, stream: bool, **how: Any
) -> None:
    """Draw one text for each seed, and print them or write them to a file.

    Args:
        generator: Of texts.
        seeds: One for each text.
        out: A ``.jsonl`` with seed and text, or any other file with a text a line; none: standard output.
        as_json: Print one JSON document instead.
        stream: Print each text while it comes into being.
        how: As ``Generator.sample`` takes it.

    Raises:
        ArtifactError: The disk refused.
        RecipeError: Texts shall be streamed into a file or a document.
    """
    if stream and (out is not None or as_json):
        from gantools.core.errors import RecipeError

        raise RecipeError("--stream prints texts as they come.", hint="leave out --out and --json")
    if stream:
        _stream(generator, seeds, how)
        return
    texts = generator.sample(seeds, **how)
    rows = [{"seed": seed, "text": text} for seed, text in zip(seeds, texts, strict=True)]
    if out is not None:
        from gantools.core.atomic import write_atomic

        lines = [json.dumps(row, ensure_ascii=False) if out.suffix == LINES else row["text"] for row in rows]
        write_atomic(out, "".join(f"{line}\n" for line in lines).encode())
        say(f"{out}: {len(rows)} texts")
    if as_json:
        emit_json({"out": out and str(out), "count": len(rows), "texts": rows, **generator.origin})
    elif out is None:
        for row in rows:
            typer.echo(row["text"])


def _stream(generator: Generator, seeds: list[int], how: dict[str, Any]) -> None:
    wanted = {name: how[name] for name in ("settings", "prefix", "steps")}
    labels = how["label"] if isinstance(how["label"], list) else [how["label"]] * len(seeds)
    for seed, label in zip(seeds, labels, strict=True):
        for piece in generator.pieces(seed, label=label, **wanted):
            typer.echo(piece, nl=False)
        typer.echo()
