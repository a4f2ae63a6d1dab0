"""What ``gantools sample`` prints of a generator of texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gantools.cli.output import emit_json, origin_of, say

if TYPE_CHECKING:
    from gantools.samplers import Generator

LINES = ".jsonl"


def write_texts(generator: Generator, seeds: list[int], *, out: Path | None, as_json: bool, **how: Any) -> None:
    """Draw one text for each seed, and print them or write them to a file.

    Args:
        generator: Of texts.
        seeds: One for each text.
        out: A ``.jsonl`` with seed and text, or any other file with a text a line; none: standard output.
        as_json: Print one JSON document instead.
        how: As ``Generator.sample`` takes it.

    Raises:
        ArtifactError: The disk refused.
    """
    texts = generator.sample(seeds, **how)
    rows = [{"seed": seed, "text": text} for seed, text in zip(seeds, texts, strict=True)]
    if out is not None:
        from gantools.core.atomic import write_atomic

        lines = [json.dumps(row, ensure_ascii=False) if out.suffix == LINES else row["text"] for row in rows]
        write_atomic(out, "".join(f"{line}\n" for line in lines).encode())
        say(f"{out}: {len(rows)} texts")
    if as_json:
        emit_json({"out": out and str(out), "count": len(rows), "texts": rows, **origin_of(generator)})
    elif out is None:
        for row in rows:
            typer.echo(row["text"])
