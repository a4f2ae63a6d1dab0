"""``gantools sample``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantools.cli.options import ArtifactPath, Backend, Device, Json, Threads, parse_ints
from gantools.cli.output import emit_json, say


def command(
    artifact: ArtifactPath,
    seeds: Annotated[str, typer.Option(help="Seeds, such as 0-63 or 7,8,100-103.")] = "0-63",
    out: Annotated[
        Path, typer.Option(help="A .png for one grid, a .npy for the array, or a folder for one PNG a seed.")
    ] = Path("grid.png"),
    graph: Annotated[str | None, typer.Option(help="A graph other than the artifact's main one.")] = None,
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Samples in one run of the graph.")] = None,
    columns: Annotated[int | None, typer.Option(min=1, help="Images in a row of the grid.")] = None,
    scale: Annotated[int, typer.Option(min=1, max=16, help="Enlarge each pixel to a square of this size.")] = 1,
    json: Json = False,
) -> None:
    """Draw one sample for each seed.

    A seed gives the same sample in any batch, on any machine and, within rounding, on any runtime.
    """
    import hashlib
    import io

    import numpy as np

    from gantools.core.atomic import write_atomic
    from gantools.media.grid import png_bytes, save_grid
    from gantools.samplers import open_artifact

    numbers = parse_ints(seeds, "--seeds")
    with open_artifact(artifact, graph=graph, backend=backend, device=device, threads=threads) as generator:
        samples = generator.sample(numbers, batch=batch)
        origin = {
            "gantools.artifact": generator.artifact.digest,
            "gantools.name": generator.artifact.manifest.name,
            "gantools.backend": f"{generator.session.backend} {generator.session.graph.precision}",
        }
    if out.suffix == ".npy":
        content = io.BytesIO()
        np.save(content, samples, allow_pickle=False)
        write_atomic(out, content.getvalue())
    elif out.suffix == ".png":
        save_grid(out, samples, columns=columns, scale=scale, metadata={**origin, "gantools.seeds": seeds})
    else:
        for seed, image in zip(numbers, samples, strict=True):
            write_atomic(out / f"{seed}.png", png_bytes(image, {**origin, "gantools.seeds": str(seed)}, scale=scale))
    digest = hashlib.sha256(np.ascontiguousarray(samples).tobytes()).hexdigest()
    if json:
        emit_json({"out": str(out), "seeds": seeds, "count": len(numbers), "sha256": digest, **origin})
    else:
        say(f"{out}: {len(numbers)} samples, sha256 {digest[:12]}")
