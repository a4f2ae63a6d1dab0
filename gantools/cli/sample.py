"""``gantools sample``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gantools.cli.cluster import refuse_idle
from gantools.cli.options import (
    AT_ONCE,
    ArtifactPath,
    Backend,
    Batch,
    Device,
    DryRun,
    Json,
    Machines,
    Price,
    Ray,
    Scale,
    Settings,
    Threads,
    check_out,
    check_pixels,
    parse_seeds,
    parse_settings,
)
from gantools.cli.output import emit_json, say
from gantools.cli.sample_cluster import order_for, run_on_cluster, show_plan
from gantools.cli.sample_texts import write_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gantools.core.artifact import Manifest
    from gantools.media.grid import Sign
    from gantools.scale.plan import Rows


def command(
    artifact: ArtifactPath,
    seeds: Annotated[str, typer.Option(help="Seeds, such as 0-63 or 7,8,100-103.")] = "0-63",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Of images: a .png for one grid, a .npy for the array, or a folder for one PNG each; none: grid.png. "
            "Of texts: a .jsonl with seed and text, or a file with one a line; none: standard output."
        ),
    ] = None,
    others: Annotated[
        list[Path] | None,
        typer.Option("--or", metavar="ART", help="Use this one where those before it do not open; repeatable."),
    ] = None,
    settings: Settings = None,
    label: Annotated[
        str | None, typer.Option(help="A class by name or number, or 'each' for all of them in every seed's row.")
    ] = None,
    prefix: Annotated[str | None, typer.Option(help="What texts begin with.")] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Of texts: 1 as the model has it, less is safer, 0 the likeliest token.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print each text while it comes into being.")] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="The most tokens of a text, which is cut there.")] = None,
    graph: Annotated[str | None, typer.Option(help="A graph other than the artifact's main one.")] = None,
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    batch: Batch = None,
    columns: Annotated[int | None, typer.Option(min=1, help="Images in a row of the grid.")] = None,
    scale: Scale = 1,
    c2pa: Annotated[
        Path | None,
        typer.Option("--c2pa", metavar="KEY", help="Sign each PNG with this key, PEM, as Content Credentials (C2PA)."),
    ] = None,
    certificates: Annotated[
        Path | None,
        typer.Option("--c2pa-certificate", metavar="CHAIN", help="The key's certificates, PEM; none: in KEY's file."),
    ] = None,
    ray: Ray = None,
    piece: Annotated[int | None, typer.Option(min=1, help="Samples of one task of the cluster; none: 1024.")] = None,
    dry_run: DryRun = False,
    machines: Machines = None,
    price_per_hour: Price = None,
    bench: Annotated[
        Path | None, typer.Option(metavar="JSON", help="A report of 'bench --span file' for --dry-run; none: measured.")
    ] = None,
    json: Json = False,
) -> None:
    """Draw one sample for each seed.

    A seed gives the same sample in any batch, on any machine and, within rounding, on any runtime.
    """
    import hashlib

    import numpy as np

    from gantools.core.errors import RecipeError
    from gantools.media.grid import save_images
    from gantools.samplers import open_artifact
    from gantools.scale.samples import EACH, name_of, origin_of

    if not dry_run:
        refuse_idle({"--machines": machines, "--price-per-hour": price_per_hour, "--bench": bench}, "--dry-run")
    if ray is None and not dry_run:
        refuse_idle({"--piece": piece}, "--ray")
    at_once = ray is None and not dry_run
    numbers = parse_seeds(seeds, AT_ONCE) if at_once else parse_seeds(seeds)
    turned = parse_settings(settings)
    if ray is not None or dry_run:
        alone: dict[str, object] = {"--or": others, "--prefix": prefix, "--temperature": temperature}
        alone |= {"--stream": stream or None, "--c2pa": c2pa, "--c2pa-certificate": certificates}
        order, manifest = order_for(
            artifact,
            out,
            {**alone, "--steps": steps, "--columns": columns},
            backend=backend,
            device=device,
            threads=threads,
            how={"batch": batch, "graph": graph, "settings": turned, "label": label, "scale": scale},
        )
        asked = _rows(manifest, numbers, label)
        if dry_run:
            show_plan(order, asked, piece, machines or 1, price_per_hour, bench, json=json)
        else:
            run_on_cluster(order, asked, ray or "local", piece, json=json)
        return
    if temperature is not None:
        turned["temperature"] = temperature
    sign = _signing(c2pa, certificates, out)
    chain = [artifact, *(others or ())]
    with open_artifact(chain, graph=graph, backend=backend, device=device, threads=threads) as generator:
        for reason in generator.passed_over:
            say(f"warning: {reason}")
        modality = generator.artifact.manifest.modality
        check_out(out, modality)
        if modality != "text":
            refuse_idle({"--stream": stream or None}, "a generator of texts")
        else:
            refuse_idle({"--columns": columns, "--scale": scale if scale > 1 else None}, "a generator of images")
        wanted = _rows(generator.artifact.manifest, numbers, label)
        rows = wanted.part(0, len(wanted))
        chosen = [number for _, number in rows] if label == EACH else label
        how: dict[str, Any] = {"batch": batch, "settings": turned, "label": chosen, "prefix": prefix, "steps": steps}
        if modality == "text":
            if sign is not None:
                raise RecipeError("--c2pa signs pictures, and this artifact makes texts.", hint="leave it out")
            write_texts(generator, [seed for seed, _ in rows], out=out, as_json=json, stream=stream, **how)
            return
        out = out or Path("grid.png")
        check_pixels(generator.artifact, graph, out)
        samples = generator.sample([seed for seed, _ in rows], **how)
        origin = origin_of(generator, label, turned)
    if label == EACH:
        columns = columns or len(rows) // len(numbers)
    save_images(
        out,
        samples,
        [name_of(row) for row in rows],
        columns=columns,
        metadata={**origin, "gantools.seeds": seeds},
        own=[{"gantools.seeds": str(seed)} for seed, _ in rows],
        scale=scale,
        sign=sign,
    )
    digest = hashlib.sha256(np.ascontiguousarray(samples).tobytes()).hexdigest()
    if json:
        used = {"artifact": str(generator.artifact.path), "passed_over": generator.passed_over}
        emit_json({"out": str(out), "seeds": seeds, "count": len(rows), "sha256": digest, **used, **origin})
    else:
        of = f" of {generator.artifact.path}" if others else ""
        say(f"{out}: {len(rows)} samples{of}, sha256 {digest[:12]}")


def _rows(manifest: Manifest, seeds: Sequence[int], label: str | None) -> Rows:
    """Seed and class number of each sample; the number with ``each`` alone."""
    from gantools.samplers.choices import classes_of
    from gantools.scale.plan import Rows
    from gantools.scale.samples import EACH

    return Rows(seeds, classes_of(manifest, label) if label == EACH else None)


def _signing(key: Path | None, certificates: Path | None, out: Path | None) -> Sign | None:
    """How pictures are signed, which is tried before anything is computed."""
    from gantools.core.errors import RecipeError

    if key is None:
        if certificates is not None:
            raise RecipeError("--c2pa-certificate goes with --c2pa KEY.", hint="give the key as well")
        return None
    if out is not None and out.suffix == ".npy":
        raise RecipeError(f"--c2pa signs pictures, and '{out}' is an array.", hint="give --out a .png or a folder")
    from gantools.media.credentials import read_signer

    return read_signer(key, certificates or key).sign
