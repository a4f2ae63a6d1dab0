"""``gantools evaluate``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.cli.evaluate_cluster import Many, on_cluster
from gantools.cli.evaluate_pairs import report_restored
from gantools.cli.evaluate_texts import Asked, parse_temperatures, report_texts
from gantools.cli.options import Backend, Device, DryRun, Json, Machines, Price, Ray, Settings, Threads, parse_settings
from gantools.cli.output import emit_json, show_table, watching

if TYPE_CHECKING:
    from gantools.core.proof import MetricCard

CHANNELS = 3  # with --images: grey ones lose nothing in colour, whatever the extractor sees


def command(
    artifact: Annotated[Path | None, typer.Argument(metavar="ART", help="An artifact; or give --images.")] = None,
    *,
    data: Annotated[
        str, typer.Option(help="References: images in a folder or .zip, texts in a .txt, or builtin:NAME.")
    ],
    training: Annotated[
        str | None, typer.Option(help="Of texts: what the generator learned from, to tell what it copies.")
    ] = None,
    images: Annotated[
        str | None, typer.Option(help="Score these images, a folder or a .zip, and no artifact's samples.")
    ] = None,
    resolution: Annotated[int | None, typer.Option(min=8, help="With --images: edge in pixels of both sets.")] = None,
    metrics: Annotated[
        str | None, typer.Option(help="Names of metrics, with commas; none: kid,fid of images, all of texts.")
    ] = None,
    extractor: Annotated[
        str | None, typer.Option(help="Feature extractor; none: efficientnet-lite0 of images, ngrams of texts.")
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(help="Of networks that make images of images: what they are given, by the names of --data."),
    ] = None,
    crop: Annotated[
        int | None, typer.Option(min=0, help="Of the same: pixels left out at each edge; none: as many as the scale.")
    ] = None,
    settings: Settings = None,
    extractor_device: Annotated[str | None, typer.Option(help="Where the extractor runs: cpu, cuda or cuda:N.")] = None,
    samples: Annotated[
        int | None, typer.Option(min=100, help="How many samples to score; none: as many as references.")
    ] = None,
    references: Annotated[int, typer.Option(min=100, help="The most references to look at.")] = 10_000,
    out: Annotated[
        Path | None, typer.Option(help="Of texts: also write a page, .html, with samples and the curve below.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="ART", help="Of texts: draw BLEU over self-BLEU by temperature beside this artifact's."),
    ] = None,
    temperatures: Annotated[
        str | None, typer.Option(help="Of that curve, such as 0.5,0.7,1,1.2; none: eleven from 0.4 to 1.5.")
    ] = None,
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    ray: Ray = None,
    dry_run: DryRun = False,
    machines: Machines = None,
    price_per_hour: Price = None,
    json: Json = False,
) -> None:
    """Score samples, images of any origin, or restored pictures and films, against real ones.

    Values with 95 % intervals, beside what real images score: as many others as there are samples, where the data has
    them, or one half of the references against the other. Networks that make images of images are given --inputs, or
    what their training made of pictures such as those of --data, and are shown beside it. With --ray samples are drawn
    and looked at on a cluster, and so are real images that nobody has looked at before.
    """
    from gantools.core.errors import RecipeError
    from gantools.core.registry import unknown_name
    from gantools.data import open_images
    from gantools.metrics import METRICS
    from gantools.metrics.features import load_extractor
    from gantools.metrics.reference import chosen
    from gantools.metrics.text import figures_of
    from gantools.metrics.video import VIDEO_METRICS
    from gantools.runtime.session import Where
    from gantools.samplers import open_artifact
    from gantools.scale.features import Draw
    from gantools.verify.evaluate import check_size, evaluate_rows, floor_cards

    if (artifact is None) == (images is None):
        raise RecipeError("give an artifact or --images, one of the two.", hint="see 'gantools evaluate --help'")
    if (images is None) != (resolution is None):
        raise RecipeError(
            "--images and --resolution belong together.", hint="for example --images out/ --resolution 64"
        )
    many = Many(ray, dry_run, machines, price_per_hour)
    many.check(device=device, extractor_device=extractor_device, has_artifact=artifact is not None)
    given_names = list(dict.fromkeys(name.strip() for name in metrics.split(","))) if metrics else None
    names = given_names or ["kid", "fid"]
    of_words = figures_of()
    for name in names:
        if name not in of_words and name not in METRICS and name not in VIDEO_METRICS:  # before anything is opened
            raise unknown_name("metric", name, [*METRICS, *of_words, *VIDEO_METRICS])
    turned, asked = parse_settings(settings), Asked(out, baseline, parse_temperatures(temperatures))
    asked.check()
    with ExitStack() as stack:
        watch = stack.enter_context(watching())
        if artifact is not None:
            generator = stack.enter_context(open_artifact(artifact, backend=backend, device=device, threads=threads))
            many.check_makes_images(generator.artifact.manifest)
            if generator.artifact.manifest.modality == "text":
                report_texts(
                    generator,
                    data,
                    training,
                    samples=samples,
                    most=references,
                    settings=turned,
                    extractor=extractor,
                    metrics=given_names,
                    where=Where(device=extractor_device, threads=threads),
                    asked=asked,
                    as_json=json,
                    watch=watch,
                )
                return
            _refuse(asked, [] if generator.artifact.manifest.sampler.image else names)
            if generator.artifact.manifest.sampler.image is not None:
                report_restored(generator, data, inputs, metrics=given_names, crop=crop, as_json=json, watch=watch)
                return
            if inputs is not None or crop is not None:
                option = "--crop" if inputs is None else "--inputs"
                raise RecipeError(f"{option} is for networks that make images of images.", hint="leave it out")
            output = generator.artifact.manifest.image
            # References are brought to size as the training images were.
            fit = generator.artifact.manifest.recipe.get("data", {}).get("fit", "resize")
            real = open_images(data, resolution=output.height, channels=output.channels, fit=fit, on_event=watch)
        else:
            _refuse(asked, names)
            real = open_images(data, resolution=resolution or 0, channels=CHANNELS, on_event=watch)
        where = Where(device=extractor_device, threads=threads)
        network = load_extractor(extractor or "efficientnet-lite0", where, watch)
        count = samples or min(len(real.images), references)
        if artifact is not None:
            check_size((output.height, output.width, output.channels), real)
            draw = Draw.of(generator.artifact, count, Where(backend, device, threads), turned)
            origin, seeds = {"artifact": str(artifact), "digest": generator.artifact.digest}, f"0-{count - 1}"
        if dry_run:
            many.show_plan(draw, network, where, real, references, watch, as_json=json)
            return
        elsewhere = None if ray is None else stack.enter_context(on_cluster(ray, network, where))
        looks = elsewhere or network
        if artifact is None:
            given = open_images(images or "", resolution=resolution or 0, channels=CHANNELS, on_event=watch)
            origin, seeds = {"images": given.name, "digest": given.digest}, f"images {given.digest[:12]}"
            rows = looks.rows(given.images[chosen(len(given.images), count)], on_event=watch)
        elif elsewhere is not None:
            rows = elsewhere.rows_of(draw, on_event=watch)
        else:
            rows = network.rows(generator.sample(range(count), settings=turned), on_event=watch)
        cards = evaluate_rows(rows, real, seeds=seeds, extractor=looks, metrics=names, limit=references, on_event=watch)
        floor = floor_cards(real, extractor=looks, metrics=names, limit=references, samples=count, on_event=watch)
    if json:
        found = {"cards": [card.model_dump() for card in cards], "floor": [card.model_dump() for card in floor]}
        emit_json(origin | found)
        return
    title = f"{artifact or images} against {real.name} ({len(real.images)} images, {real.digest[:12]})"
    columns = [
        "metric",
        "better",
        "value",
        "95 % interval",
        "samples",
        "references",
        f"{floor[0].samples} {floor[0].seeds}",
    ]
    show_table(title, columns, [_row(*found) for found in zip(names, cards, floor, strict=True)])


def _refuse(asked: Asked, names: list[str]) -> None:
    """Of images: what is for texts.

    Raises:
        RecipeError: It was asked for.
        UnknownNameError: A metric is one of words.
    """
    from gantools.core.errors import RecipeError
    from gantools.metrics import METRICS

    if given := asked.of_texts():
        raise RecipeError(f"{', '.join(given)} is for texts, and these are images.", hint=f"leave {given[0]} out")
    for name in names:
        METRICS[name]


def _row(name: str, card: MetricCard, floor: MetricCard) -> list[str]:
    from gantools.metrics import METRICS

    better = "higher" if METRICS.load(name).higher_is_better else "lower"
    interval = f"[{card.interval[0]:.4f}, {card.interval[1]:.4f}]"
    title = f"{card.name} ({card.protocol})" if card.protocol else card.name
    counts = str(card.samples), str(card.references) if card.references else "none"
    return [title, better, f"{card.value:.4f}", interval, *counts, f"{floor.value:.4f}"]
