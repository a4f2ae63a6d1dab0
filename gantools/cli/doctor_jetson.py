"""``gantools doctor --target``: an artifact read by the rules of a device that is not here."""

from __future__ import annotations

from pathlib import Path

import typer

from gantools.cli.output import emit_json, say, show_table


def examine(artifact: Path, target: str, *, as_json: bool) -> None:
    """Print where each layer would run.

    Args:
        artifact: Folder or lone ``.onnx``.
        target: ``jetson-orin``, ``jetson-thor`` or ``dla``.
        as_json: One document instead of a table.

    Raises:
        typer.Exit: With 1, where a layer would run nowhere.
    """
    from dataclasses import asdict

    from gantools.bundle.preflight import preflight
    from gantools.bundle.source import Source

    told = preflight(Source.of(artifact), target)
    if as_json:
        emit_json({**asdict(told), "count": told.count(), "loadables": told.loadables(), "ok": told.ok})
    else:
        rows = [[layer.name, layer.kind, layer.place, layer.reason] for layer in told.layers]
        show_table(f"{artifact} on {target}", ["layer", "kind", "runs on", "why"], rows)
        counted = ", ".join(f"{count} {place}" for place, count in told.count().items() if count)
        say(f"{len(rows)} layers: {counted}")
        for note in told.notes:
            say(note)
    if not told.ok:
        raise typer.Exit(1)
