"""``gantools evaluate``."""

from __future__ import annotations

from typing import Annotated

import typer

from gantools.cli.options import ArtifactPath, Backend, Device, Json, Threads
from gantools.cli.output import emit_json, show_table, watching


def command(
    artifact: ArtifactPath,
    data: Annotated[str, typer.Option(help="Reference images: a folder, a .zip, or builtin:digits.")],
    samples: Annotated[
        int | None, typer.Option(min=100, help="How many samples to score; none: as many as references.")
    ] = None,
    extractor: Annotated[str, typer.Option(help="Feature extractor.")] = "digits-cnn",
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Score samples against real images.

    KID and FID with 95 % intervals, beside what one half of the real images scores against the other.
    """
    from gantools.data import open_images
    from gantools.samplers import open_artifact
    from gantools.verify.evaluate import evaluate, floor_cards

    with watching() as watch, open_artifact(artifact, backend=backend, device=device, threads=threads) as generator:
        output = generator.artifact.manifest.output
        references = open_images(data, resolution=output.height, channels=output.channels, on_event=watch)
        count = samples or len(references.images)
        images = generator.sample(range(count))
        cards = evaluate(images, references, seeds=f"0-{count - 1}", extractor=extractor)
        floor = floor_cards(references, extractor=extractor)
    if json:
        document = {"artifact": str(artifact), "digest": generator.artifact.digest}
        emit_json(
            document | {"cards": [card.model_dump() for card in cards], "floor": [card.model_dump() for card in floor]}
        )
        return
    rows = [
        [card.name, f"{card.value:.4f}", f"[{card.interval[0]:.4f}, {card.interval[1]:.4f}]", str(card.samples), half]
        for card, half in zip(cards, (f"{card.value:.4f}" for card in floor), strict=True)
    ]
    title = f"{artifact} against {references.name} ({len(references.images)} images, {references.digest[:12]})"
    show_table(title, ["metric", "value", "95 % interval", "samples", "real half against real half"], rows)
