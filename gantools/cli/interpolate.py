"""``gantools interpolate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gantools.cli.latent_texts import interpolate_texts
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
    check_out,
    parse_ints,
    parse_settings,
)
from gantools.cli.output import emit_json, say


def command(
    artifact: ArtifactPath,
    seeds: Annotated[str | None, typer.Option(help="Seeds to walk between, such as 3,7,11.")] = None,
    images: Annotated[
        str | None, typer.Option(help="Image files to walk between, with commas; for artifacts with an encoder.")
    ] = None,
    texts: Annotated[
        list[str] | None,
        typer.Option("--text", help="A text to walk from or to, for artifacts with an encoder; give two or more."),
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Samples on each way, both ends included.")] = 8,
    out: Out = None,
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
    """Walk through latent space, from seed to seed, image to image or text to text: a row for each way.

    Spherical interpolation of the noise; classes and settings stay, and of texts what is drawn from token to token.
    """
    import numpy as np

    from gantools.core.errors import RecipeError
    from gantools.media.grid import save_images
    from gantools.samplers import open_artifact

    if sum(bool(given) for given in (seeds, images, texts)) != 1:
        raise RecipeError("give --seeds, --images or --text, one of the three.", hint="for example --seeds 3,7,11")
    if seeds is None and label is not None:
        raise RecipeError("--label goes with --seeds.", hint="leave it out")
    if images is not None and settings:
        raise RecipeError("--set goes with --seeds or --text, not with --images.", hint="leave it out")
    turned = parse_settings(settings)
    numbers = parse_ints(seeds, "--seeds") if seeds is not None else None
    with open_artifact(artifact, backend=backend, device=device, threads=threads) as generator:
        modality = generator.artifact.manifest.modality
        check_out(out, modality)
        if images is not None and modality == "text":
            raise RecipeError(f"'{artifact}' makes texts, and --images is of images.", hint="give --seeds or --text")
        if texts and modality != "text":
            raise RecipeError(f"'{artifact}' makes images, and --text is of texts.", hint="give --seeds or --images")
        if modality == "text":
            how: dict[str, Any] = {"out": out, "batch": batch, "settings": turned, "label": label, "as_json": json}
            interpolate_texts(generator, numbers, texts or (), steps, **how)
            return
        out = out or Path("strip.png")
        if numbers is not None:
            samples = generator.interpolate(numbers, steps, batch=batch, settings=turned, label=label)
        else:
            from gantools.data.decode import decode_file

            generator.require_encoder()
            manifest = generator.artifact.manifest
            fit = manifest.recipe.get("data", {}).get("fit", "resize")
            size = manifest.image
            files = [Path(name.strip()) for name in (images or "").split(",")]
            given = [decode_file(file, resolution=size.height, channels=size.channels, fit=fit) for file in files]
            samples = generator.interpolate_between(np.stack(given), steps, batch=batch)
        between = {"gantools.seeds": seeds} if seeds is not None else {"gantools.images": images or ""}
        origin = {**generator.origin, **between}
    names = [f"{row:02d}-{step:03d}" for row in range(len(samples)) for step in range(steps)]
    save_images(out, samples, names, scale=scale, metadata=origin)
    if json:
        emit_json({"out": str(out), "rows": len(samples), "steps": steps, **origin})
    else:
        say(f"{out}: {len(samples)} {'way' if len(samples) == 1 else 'ways'} of {steps} samples")
