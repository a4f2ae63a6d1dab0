"""``gantools data``: get public image sets, and look into any set of images or texts before it is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gantools.cli.data_texts import inspect_texts
from gantools.cli.options import Json
from gantools.cli.output import emit_json, say, show_pairs, show_table, watching
from gantools.core.errors import RecipeError

if TYPE_CHECKING:
    from gantools.data import ImageSet
    from gantools.data.duplicates import Duplicates, Leaks, Near
    from gantools.data.survey import Survey

SHOWN = 20  # rows of a table; --json has all
SHEET_PAIRS = 64

app = typer.Typer(help="Get public image sets, and look into any set before it is trained on.", no_args_is_help=True)


@app.command("get")
def get_command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A public set; none: list them.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to put it; none: where dataset:NAME looks.")] = None,
    json: Json = False,
) -> None:
    """Download a public image set and check its digests.

    What is there already is not downloaded again. A recipe then names it: data.source = "dataset:NAME".
    """
    from gantools.data.published import PUBLISHED

    if name is None:
        sets = {one: PUBLISHED.load(one) for one in PUBLISHED}
        if json:
            emit_json({one: {"title": s.title, "licence": s.licence, "bytes": s.size_bytes} for one, s in sets.items()})
            return
        rows = [[one, s.title, f"{s.size_bytes / 1e6:.0f} MB", s.licence] for one, s in sets.items()]
        show_table("Public image sets", ["name", "images", "download", "licence"], rows)
        return
    from gantools.data.download import get

    published = PUBLISHED.load(name)
    with watching() as watch:
        folder = get(name, out, on_event=watch)
    sources = {
        split: f"dataset:{name}:{split}" if out is None else str(folder / file)
        for split, file in published.splits.items()
    }
    document = {"name": name, "folder": str(folder), "sources": sources, "licence": published.licence}
    if json:
        emit_json(document | {"citation": published.citation, "homepage": published.homepage})
        return
    show_pairs(f"{name}: {published.title}", {"folder": str(folder), **sources, "licence": published.licence})
    say(f"cite: {published.citation}")


@app.command("inspect")
def inspect_command(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="What a recipe has as data.source.")],
    against: Annotated[str | None, typer.Option(metavar="TEST", help="A set that shall share nothing with it.")] = None,
    resolution: Annotated[int | None, typer.Option(min=8, help="Edge at which images are compared.")] = None,
    channels: Annotated[int | None, typer.Option(help="1 for grey, 3 for RGB; none: what the images are.")] = None,
    limit: Annotated[float | None, typer.Option(min=0, max=2, help="Largest distance of near duplicates.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write a PNG of near duplicates, or of samples.")] = None,
    json: Json = False,
) -> None:
    """Look into a set of images or texts: counts, sizes, classes, what is broken, duplicates, leaks.

    A file or a folder of texts has one text a line; lengths and words are counted. The other options are for images.
    """
    from gantools.data.lines import is_text_source

    if is_text_source(source):
        _refuse_image_options(source, resolution=resolution, channels=channels, limit=limit, sheet=sheet)
        inspect_texts(source, against, json=json)
        return
    from gantools.data.duplicates import find_duplicates, find_leaks
    from gantools.data.images import open_images
    from gantools.data.statistics import statistics
    from gantools.data.survey import survey

    with watching() as watch:
        found = survey(source, on_event=watch)
        edge, colours = resolution or found.resolution, channels or found.channels
        images = open_images(source, resolution=edge, channels=colours, max_broken=1, on_event=watch)
        figures = statistics(images, on_event=watch)
        classes, why_none = _classes(source, edge, colours)
        duplicates, leaks, test = find_duplicates(images, limit=limit), None, None
        if against:
            test = open_images(against, resolution=edge, channels=colours, max_broken=1, on_event=watch)
            leaks = find_leaks(images, test, limit=limit)
    if sheet:
        _write_sheet(sheet, images, duplicates, test, leaks)
    document: dict[str, Any] = {
        "source": source,
        "images": len(images.images),
        "broken": images.broken,
        "sizes": {f"{width}x{height}": count for (width, height), count in found.sizes.items()},
        "colours": found.modes,
        "compared_at": {"resolution": edge, "channels": colours},
        "statistics": figures.model_dump(mode="json"),
        "classes": classes,
        "why_no_classes": why_none,
        "digest": images.digest,
        "duplicates": {
            "equal": [[images.name_of(number) for number in group] for group in duplicates.equal],
            "near": _named(duplicates.near, images, images),
            "limit": duplicates.limit,
            "flat": duplicates.flat,
        },
    }
    if leaks and test:
        document["leaks"] = {
            "against": against,
            "equal": [[images.name_of(first), test.name_of(second)] for first, second in leaks.equal],
            "near": _named(leaks.near, images, test),
            "limit": leaks.limit,
        }
    if json:
        emit_json(document)
        return
    _show(document, found)


def _refuse_image_options(source: str, **options: object) -> None:
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise RecipeError(
            f"'{source}' holds texts, and {', '.join(given)} {'is' if len(given) == 1 else 'are'} for images.",
            hint=f"gantools data inspect {source}",
        )


def _classes(source: str, resolution: int, channels: int) -> tuple[dict[str, int] | None, str | None]:
    """Images in each class; or none, and why."""
    import numpy as np

    from gantools.core.errors import DataError
    from gantools.data.images import open_images

    try:
        opened = open_images(source, resolution=resolution, channels=channels, labels=True, max_broken=1)
    except DataError as err:
        return None, err.message
    counts = np.bincount(opened.labels, minlength=len(opened.classes)).tolist() if opened.labels is not None else []
    return dict(zip(opened.classes, counts, strict=True)), None


def _named(pairs: Sequence[Near], first: ImageSet, second: ImageSet) -> list[dict[str, Any]]:
    return [
        {"first": first.name_of(pair.first), "second": second.name_of(pair.second), "distance": pair.distance}
        for pair in pairs
    ]


def _show(document: dict[str, Any], found: Survey) -> None:
    figures, duplicates = document["statistics"], document["duplicates"]
    pairs = {
        "images": f"{document['images']}" + (f", and {len(broken)} broken" if (broken := document["broken"]) else ""),
        "sizes": _counted(document["sizes"]),
        "colours": _counted(found.modes),
        "mean, std": f"{_triple(figures['mean'])}, {_triple(figures['std'])} of 255",
        "classes": _counted(document["classes"]) if document["classes"] else f"none: {document['why_no_classes']}",
        "repeated": f"{figures['repeated']} of {document['images']} are equal to an earlier one",
        "near pairs": f"{len(duplicates['near'])}, within a distance of {duplicates['limit']:.4f}",
        "digest": document["digest"],
    }
    if leaks := document.get("leaks"):
        pairs["leaks"] = f"{len(leaks['equal'])} equal and {len(leaks['near'])} near pairs with {leaks['against']}"
    show_pairs(document["source"], pairs)
    if document["broken"]:
        show_table("Broken", ["file"], [[name] for name in document["broken"][:SHOWN]])
    if duplicates["equal"]:
        show_table("Equal images", ["images"], [[", ".join(group[:SHOWN])] for group in duplicates["equal"][:SHOWN]])
    _show_pairs_of("Nearly equal images", duplicates["near"])
    if leaks:
        equal = [{"first": first, "second": second, "distance": 0.0} for first, second in leaks["equal"]]
        _show_pairs_of("In both sets", equal + leaks["near"])


def _show_pairs_of(title: str, pairs: list[dict[str, Any]]) -> None:
    if pairs:
        title = f"{title}, the nearest {SHOWN} of {len(pairs)}" if len(pairs) > SHOWN else title
        rows = [[pair["first"], pair["second"], f"{pair['distance']:.5f}"] for pair in pairs[:SHOWN]]
        show_table(title, ["first", "second", "distance"], rows)


def _counted(counts: dict[str, int], most: int = 12) -> str:
    shown = ", ".join(f"{name} {count}" for name, count in list(counts.items())[:most])
    return shown + (f" and {len(counts) - most} more" if len(counts) > most else "")


def _triple(values: list[float]) -> str:
    return "/".join(f"{value:.1f}" for value in values)


def _write_sheet(
    path: Path, images: ImageSet, duplicates: Duplicates, test: ImageSet | None, leaks: Leaks | None
) -> None:
    """Pairs side by side, leaks first; without any, samples spread evenly over the set."""
    import numpy as np

    from gantools.media.grid import save_grid

    pairs = [(images.images[group[0]], images.images[group[1]]) for group in duplicates.equal]
    pairs += [(images.images[near.first], images.images[near.second]) for near in duplicates.near]
    if leaks and test:
        across = [*leaks.equal, *((near.first, near.second) for near in leaks.near)]
        pairs = [(images.images[first], test.images[second]) for first, second in across] + pairs
    if pairs:
        shown = np.stack([image for pair in pairs[:SHEET_PAIRS] for image in pair])
        save_grid(path, shown, columns=min(len(shown), 16), scale=2)
        say(f"{path}: {len(shown) // 2} of {len(pairs)} pairs, side by side")
        return
    chosen = np.linspace(0, len(images.images) - 1, min(SHEET_PAIRS, len(images.images))).astype(int)
    save_grid(path, images.images[chosen], scale=2)
    say(f"{path}: {len(chosen)} samples; there are no duplicates to show")
