"""``gantools reconstruct``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gantools.cli.latent_texts import reconstruct_texts
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
    parse_settings,
)
from gantools.cli.output import emit_json, say, watching


def command(
    artifact: ArtifactPath,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Images: a folder, an archive, an array, dataset:NAME or builtin:digits. Texts: a file of lines.",
        ),
    ],
    out: Out = None,
    count: Annotated[int, typer.Option(min=1, help="How many, picked from all of the source.")] = 32,
    settings: Settings = None,
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    batch: Batch = None,
    columns: Annotated[int, typer.Option(min=1, help="Pairs in a row of the grid.")] = 4,
    scale: Scale = 1,
    json: Json = False,
) -> None:
    """Encode images or texts and decode them again: what does the model keep of one?

    Each original stands beside its reconstruction; texts are decoded at temperature 0 unless --set says otherwise. For
    artifacts with an encoder.
    """
    import numpy as np

    from gantools.data import open_images
    from gantools.media.grid import save_images
    from gantools.media.provenance import EDITED
    from gantools.metrics.psnr import psnr_db
    from gantools.metrics.reference import chosen
    from gantools.samplers import open_artifact

    with open_artifact(artifact, backend=backend, device=device, threads=threads) as generator, watching() as watch:
        generator.require_encoder()  # before anything is read
        turned = parse_settings(settings)
        check_out(out, generator.artifact.manifest.modality)
        if generator.artifact.manifest.modality == "text":
            how: dict[str, Any] = {"count": count, "out": out, "batch": batch, "settings": turned, "as_json": json}
            reconstruct_texts(generator, source, watch=watch, **how)
            return
        out = out or Path("reconstructions.png")
        manifest = generator.artifact.manifest
        # Images are brought to size as those of the training were.
        fit = manifest.recipe.get("data", {}).get("fit", "resize")
        size = manifest.image
        found = open_images(source, resolution=size.height, channels=size.channels, fit=fit, on_event=watch)
        places = chosen(len(found.images), count)
        originals = np.ascontiguousarray(found.images[places])
        pairs = np.stack([originals, generator.reconstruct(originals, batch=batch, settings=turned)], axis=1)
        origin = {**generator.origin, "gantools.images": found.name}
    names = [f"{place}-{kind}" for place in places for kind in ("original", "reconstruction")]
    # Half of what is shown is as it was given.
    save_images(out, pairs, names, columns=2 * columns, scale=scale, metadata=origin, source_type=EDITED)
    psnr = psnr_db(pairs[:, 1], pairs[:, 0])
    if json:
        emit_json({"out": str(out), "count": len(places), "psnr_db": psnr, "images_sha256": found.digest, **origin})
    else:
        say(f"{out}: {len(places)} pairs, PSNR {'infinite' if psnr is None else f'{psnr:.2f} dB'}")
