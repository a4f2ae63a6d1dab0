"""``gantools sample --ray``: what it would take, and doing it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gantools.cli.cluster import refuse_numbered, show_estimate
from gantools.cli.options import check_out, check_pixels
from gantools.cli.output import emit_json, nothing_on_stdout, say, watching

if TYPE_CHECKING:
    from gantools.core.artifact import Manifest
    from gantools.scale.plan import Rows
    from gantools.scale.samples import Order


def order_for(
    artifact: Path,
    out: Path | None,
    alone: Mapping[str, object],
    *,
    backend: str | None,
    device: str | None,
    threads: int | None,
    how: Mapping[str, Any],
) -> tuple[Order, Manifest]:
    """What a cluster is to make.

    Args:
        artifact: Whose samples.
        out: Where to.
        alone: Option -> value, of those that only one process knows.
        backend: As the options say it, and so is all that follows.
        device: A GPU by its number is nothing that a cluster could give.
        threads: Of a task.
        how: As ``gantools.scale.samples.order_of`` takes it.

    Raises:
        RecipeError: An option does not go with ``--ray``.
        ArtifactError: The artifact cannot be opened, or does not make images.
    """
    from gantools.core.artifact import load_artifact
    from gantools.core.errors import RecipeError
    from gantools.runtime.session import Where
    from gantools.scale.samples import order_of

    if given := [name for name, value in alone.items() if value is not None]:
        raise RecipeError(
            f"{given[0]} does not go with --ray or --dry-run.", hint="leave it out, or do without a cluster"
        )
    if out is None or out.suffix in (".npy", ".png"):
        raise RecipeError(
            f"--ray writes one PNG for each seed, got --out '{out or ''}'.", hint="give a folder, such as --out samples"
        )
    refuse_numbered("--device", device)
    opened = load_artifact(artifact)
    check_out(out, opened.manifest.modality)
    check_pixels(opened, how["graph"], out)
    return order_of(opened, out, where=Where(backend, device, threads), **how), opened.manifest


def run_on_cluster(order: Order, rows: Rows, address: str, piece: int | None, *, json: bool) -> None:
    """Make the samples, and say what came of it."""
    from gantools.scale.plan import PIECE
    from gantools.scale.samples import sample

    with watching() as watch, nothing_on_stdout():
        try:
            report = sample(order, rows, address, piece=piece or PIECE, on_event=watch)
        except KeyboardInterrupt:
            say("stopped. What is finished stays: the same command goes on from there.")
            raise typer.Exit(130) from None
    if json:
        used = {"artifact": str(order.artifact), "gantools.artifact": order.digest}
        emit_json({"out": str(report.out), "count": report.count, "made": report.made, "pieces": report.pieces, **used})
    else:
        there = report.count - report.made
        kept = f", {there} of them were there" if there else ""
        say(f"{report.out}: {report.count} samples{kept}; {report.pieces} pieces in {report.seconds:.1f} s")


def show_plan(
    order: Order,
    rows: Rows,
    piece: int | None,
    machines: int,
    price: float | None,
    bench: Path | None,
    *,
    json: bool,
) -> None:
    """Say how the work would be cut, and what it would take."""
    from gantools.scale.plan import PIECE
    from gantools.scale.rate import estimate

    with watching() as watch:
        found = estimate(
            order, rows, piece=piece or PIECE, machines=machines, price_per_hour=price, report=bench, on_event=watch
        )
    title = f"{order.artifact.name} to {order.out}"
    show_estimate(title, {"samples": len(rows)}, found, order.needs, json=json)
