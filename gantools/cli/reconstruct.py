"""``gantools reconstruct``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantools.cli.options import ArtifactPath, Backend, Batch, Device, Json, Out, Scale, Threads
from gantools.cli.output import emit_json, origin_of, say, watching


def command(
    artifact: ArtifactPath,
    images: Annotated[
        str, typer.Argument(metavar="IMAGES", help="A folder, an archive, an array, dataset:NAME or builtin:digits.")
    ],
    out: Out = Path("reconstructions.png"),
    count: Annotated[int, typer.Option(min=1, help="How many images, picked from all of the source.")] = 32,
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    batch: Batch = None,
    columns: Annotated[int, typer.Option(min=1, help="Pairs in a row of the grid.")] = 4,
    scale: Scale = 1,
    json: Json = False,
) -> None:
    """Encode images and decode them again: what does the model keep of an image?

    Each original stands beside its reconstruction. For artifacts with an encoder.
    """
    import numpy as np

    from gantools.data import open_images
    from gantools.media.grid import save_images
    from gantools.metrics.psnr import psnr_db
    from gantools.metrics.reference import chosen
    from gantools.samplers import open_artifact

    with open_artifact(artifact, backend=backend, device=device, threads=threads) as generator, watching() as watch:
        generator.require_encoder()  # before anything is read
        manifest = generator.artifact.manifest
        # Images are brought to size as those of the training were.
        fit = manifest.recipe.get("data", {}).get("fit", "resize")
        size = manifest.image
        source = open_images(images, resolution=size.height, channels=size.channels, fit=fit, on_event=watch)
        places = chosen(len(source.images), count)
        originals = np.ascontiguousarray(source.images[places])
        pairs = np.stack([originals, generator.reconstruct(originals, batch=batch)], axis=1)
        origin = {**origin_of(generator), "gantools.images": source.name}
    names = [f"{place}-{kind}" for place in places for kind in ("original", "reconstruction")]
    save_images(out, pairs, names, columns=2 * columns, scale=scale, metadata=origin)
    psnr = psnr_db(pairs[:, 1], pairs[:, 0])
    if json:
        emit_json({"out": str(out), "count": len(places), "psnr_db": psnr, "images_sha256": source.digest, **origin})
    else:
        say(f"{out}: {len(places)} pairs, PSNR {'infinite' if psnr is None else f'{psnr:.2f} dB'}")
