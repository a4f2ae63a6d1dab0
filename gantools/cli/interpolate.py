"""``gantools interpolate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantools.cli.options import (
    ArtifactPath,
    Backend,
    Batch,
    Device,
    Json,
    Out,
    Scale,
    Settings,
    Threads,
    parse_ints,
    parse_settings,
)
from gantools.cli.output import emit_json, origin_of, say


def command(
    artifact: ArtifactPath,
    seeds: Annotated[str | None, typer.Option(help="Seeds to walk between, such as 3,7,11.")] = None,
    images: Annotated[
        str | None, typer.Option(help="Image files to walk between, with commas; for artifacts with an encoder.")
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Samples on each way, both ends included.")] = 8,
    out: Out = Path("strip.png"),
    settings: Settings = None,
    label: Annotated[
        str | None, typer.Option(help="The class of all samples, by name or number; none: the first seed's.")
    ] = None,
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    batch: Batch = None,
    scale: Scale = 1,
    json: Json = False,
) -> None:
    """Walk through latent space, from seed to seed or from image to image: a row for each way.

    Spherical interpolation of the noise; classes and settings stay.
    """
    import numpy as np

    from gantools.core.errors import RecipeError
    from gantools.media.grid import save_images
    from gantools.samplers import open_artifact

    if (seeds is None) == (images is None):
        raise RecipeError("give --seeds or --images, one of the two.", hint="for example --seeds 3,7,11")
    if images is not None and (settings or label is not None):
        raise RecipeError("--set and --label go with --seeds, not with --images.", hint="leave them out")
    turned = parse_settings(settings)
    with open_artifact(artifact, backend=backend, device=device, threads=threads) as generator:
        if seeds is not None:
            numbers = parse_ints(seeds, "--seeds")
            samples = generator.interpolate(numbers, steps, batch=batch, settings=turned, label=label)
        else:
            from gantools.data.decode import decode_file

            generator.require_encoder()
            manifest = generator.artifact.manifest
            fit = manifest.recipe.get("data", {}).get("fit", "resize")
            size = manifest.image
            files = [Path(name.strip()) for name in (images or "").split(",")]
            given = [decode_file(file, resolution=size.height, channels=size.channels, fit=fit) for file in files]
            samples = generator.interpolate_images(np.stack(given), steps, batch=batch)
        between = {"gantools.seeds": seeds} if seeds is not None else {"gantools.images": images or ""}
        origin = {**origin_of(generator), **between}
    names = [f"{row:02d}-{step:03d}" for row in range(len(samples)) for step in range(steps)]
    save_images(out, samples, names, scale=scale, metadata=origin)
    if json:
        emit_json({"out": str(out), "rows": len(samples), "steps": steps, **origin})
    else:
        say(f"{out}: {len(samples)} {'way' if len(samples) == 1 else 'ways'} of {steps} samples")
