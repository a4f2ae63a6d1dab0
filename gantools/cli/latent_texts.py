"""What ``gantools reconstruct`` and ``gantools interpolate`` print of a generator of texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gantools.cli.output import emit_json, say
from gantools.cli.sample_texts import LINES

if TYPE_CHECKING:
    from gantools.core.events import OnEvent
    from gantools.samplers import Generator


def reconstruct_texts(
    generator: Generator,
    source: str,
    *,
    count: int,
    out: Path | None,
    batch: int | None,
    settings: Mapping[str, float],
    as_json: bool,
    watch: OnEvent,
) -> None:
    """Encode texts and decode them again, and print or write each with what became of it.

    Args:
        generator: Of texts.
        source: Of the texts.
        count: How many, picked from all that have no more tokens than the model.
        out: A ``.jsonl`` of originals and reconstructions, or a file with them in turns; none: standard output.
        batch: Texts in one run.
        settings: Of the decoder; none: the likeliest tokens.
        as_json: Print one JSON document.
        watch: Who watches.

    Raises:
        ArtifactError: There is no encoder, or the disk refused.
        DataError: The texts cannot be read, or all of them are too long.
    """
    from gantools.core.errors import DataError
    from gantools.data.texts import read_texts
    from gantools.metrics.reference import chosen
    from gantools.samplers.sequence import STEPS

    steps = generator.require_encoder().spec.axes[STEPS].max  # before anything is read
    texts = read_texts(source, on_event=watch)
    short = [text for text, row in zip(texts, generator.tokenizer.rows(texts), strict=True) if len(row) < steps]
    if not short:
        raise DataError(f"all {len(texts)} texts of '{source}' have more than {steps - 1} tokens.", hint="shorten them")
    if left := len(texts) - len(short):
        say(f"{left} of {len(texts)} texts have more than {steps - 1} tokens and are left out")
    originals = [short[place] for place in chosen(len(short), count)]
    pairs = list(zip(originals, generator.reconstruct(originals, batch=batch, settings=settings), strict=True))
    rows = [{"text": text, "reconstruction": again} for text, again in pairs]
    equal = sum(_same(generator, text, again) for text, again in pairs)
    if not _written(out, rows, [f"{text}\n{again}" for text, again in pairs]) and not as_json:
        for text, again in pairs:
            typer.echo(f"{text}\n  {again}")
    if as_json:
        emit_json({"out": out and str(out), "count": len(rows), "equal": equal, "texts": rows, **generator.origin})
    say(f"{f'{out}: ' if out else ''}{equal} of {len(rows)} texts came back as they were")


def interpolate_texts(
    generator: Generator,
    seeds: Sequence[int] | None,
    texts: Sequence[str],
    steps: int,
    *,
    out: Path | None,
    batch: int | None,
    settings: Mapping[str, float],
    label: str | None,
    as_json: bool,
) -> None:
    """Walk from seed to seed or from text to text, and print or write a text for each step.

    Args:
        generator: Of texts.
        seeds: To walk between; None: between ``texts``.
        texts: To walk between.
        steps: On each way.
        out: A ``.jsonl`` of way, step and text, or a file with a text a line; none: standard output.
        batch: Texts in one run.
        settings: Of the samples.
        label: The class of all samples.
        as_json: Print one JSON document.

    Raises:
        ArtifactError: There is no encoder for ``texts``, or the disk refused.
        InputMismatchError: The model has no latent, or there are too few to walk between.
    """
    if seeds is not None:
        ways = generator.interpolate(seeds, steps, batch=batch, settings=settings, label=label)
    else:
        ways = generator.interpolate_between(texts, steps, batch=batch, settings=settings)
    rows = [
        {"way": way, "step": step, "text": text} for way, walked in enumerate(ways) for step, text in enumerate(walked)
    ]
    if _written(out, rows, [row["text"] for row in rows]):
        say(f"{out}: {len(ways)} {'way' if len(ways) == 1 else 'ways'} of {steps} texts")
    elif not as_json:
        typer.echo("\n\n".join("\n".join(walked) for walked in ways))
    if as_json:
        between: dict[str, Any] = {"seeds": list(seeds)} if seeds is not None else {"between": list(texts)}
        emit_json({"out": out and str(out), **between, "steps": steps, "texts": rows, **generator.origin})


def _same(generator: Generator, text: str, again: str) -> bool:
    """Whether two texts are the same to the model, which knows nothing of double spaces, for example."""
    one, other = generator.tokenizer.rows([text, again])
    return one == other


def _written(out: Path | None, rows: Sequence[Mapping[str, Any]], lines: Sequence[str]) -> bool:
    """Whether there is a file to write, which then holds the rows or the lines."""
    if out is None:
        return False
    from gantools.core.atomic import write_atomic

    shown = [json.dumps(row, ensure_ascii=False) for row in rows] if out.suffix == LINES else lines
    write_atomic(out, "".join(f"{line}\n" for line in shown).encode())
    return True
