"""A picture, or a folder of them, through a network."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from pathlib import Path

from gantools.core.artifact import Artifact
from gantools.core.errors import ArtifactError, DataError
from gantools.core.events import Note, OnEvent, Progress
from gantools.enhance.ahead import ahead
from gantools.enhance.options import Options, Report
from gantools.enhance.plan import Plan, chosen
from gantools.enhance.work import Work
from gantools.media.pictures import SUFFIXES, Picture, check_suffix, read_picture, write_picture
from gantools.optimize.reach import Reach
from gantools.samplers.image_to_image import Enlarged, ImageToImage

_AHEAD = 2


def enhance_picture(
    net: ImageToImage, reach: Reach | str, source: Path, out: Path, options: Options, on_event: OnEvent
) -> Report:
    """Make OUT of a picture file.

    Raises:
        DataError: It cannot be read.
        RecipeError: OUT cannot hold it, or the tile does not fit.
    """
    begun_at = time.perf_counter()
    check_suffix(out)
    picture = read_picture(source, net.channels)
    _say_depth([source.name] if picture.deep else [], on_event)
    plan = _plan(net, reach, picture, options, on_event)
    write_picture(out, _made(net, plan, picture), picture, net.generator.origin)
    return Report(out, "picture", 1, time.perf_counter() - begun_at, 1, str(plan))


def enhance_folder(
    artifact: Artifact,
    net: ImageToImage,
    reach: Reach | str,
    source: Path,
    out: Path,
    options: Options,
    on_event: OnEvent,
) -> Report:
    """Make a folder OUT of all pictures in a folder and those below it, under the same names.

    Raises:
        DataError: There is no picture, or one cannot be read; those that were made are kept for ``options.resume``.
        ArtifactError: OUT is there and not empty.
    """
    begun_at = time.perf_counter()
    files = sorted(path for path in source.rglob("*") if path.is_file() and not path.name.startswith("."))
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not pictures:
        raise DataError(
            f"'{source}' holds no pictures: {len(files)} files, and none ends in {', '.join(SUFFIXES)}.",
            hint="give videos one by one",
        )
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ArtifactError(f"'{out}' exists and is not empty, so it is not overwritten.", hint="give another folder")
    if others := len(files) - len(pictures):
        on_event(Note(f"{others} files of '{source}' are no pictures and are left out", "warning"))
    work = Work(out, resume=options.resume)
    facts = {
        "input": str(source.resolve()),
        "artifact": artifact.digest,
        "batch": options.batch,
        "tile": options.tile,
        "self-ensemble": options.self_ensemble or None,
    }
    done = 0
    try:
        work.begin(facts, {})
        folder = work.folder / "pictures"
        left = [path for path in pictures if not (folder / path.relative_to(source)).is_file()]
        done = len(pictures) - len(left)
        deep: list[str] = []
        plans: list[str] = []
        for path, picture, made, plan in ahead(_all_made(net, reach, left, options, on_event), _AHEAD, "net"):
            write_picture(folder / path.relative_to(source), made, picture, net.generator.origin)
            plans = [str(plan)]
            deep += [path.name] if picture.deep else []
            done += 1
            fps = (done - len(pictures) + len(left)) / (time.perf_counter() - begun_at)
            on_event(Progress("enhance", done, len(pictures), "pictures", {"fps": fps}))
        if out.is_dir():
            out.rmdir()  # empty, as was checked
        work.appear(folder)
    except DataError as err:
        work.drop_if_empty()
        kept = f"; {done} of {len(pictures)} pictures are made, and --resume goes on" if done else ""
        raise DataError(err.message, hint=f"mend it or take it away{kept}") from err
    except BaseException:
        work.drop_if_empty()
        raise
    _say_depth(deep, on_event)
    seconds = time.perf_counter() - begun_at
    return Report(out, "pictures", len(pictures), seconds, len(left), plans[0] if plans else "none was left to make")


def _all_made(
    net: ImageToImage, reach: Reach | str, paths: list[Path], options: Options, on_event: OnEvent
) -> Generator[tuple[Path, Picture, Enlarged, Plan]]:
    """Each size of pictures has a plan; no measurement is worth it for sizes that may not come again."""
    plans: dict[tuple[int, ...], Plan] = {}
    read: Iterator[tuple[Path, Picture]] = ((path, read_picture(path, net.channels)) for path in paths)
    pictures = ahead(read, _AHEAD, "decode")
    try:
        for path, picture in pictures:
            size = picture.pixels.shape
            if size not in plans:
                plans[size] = _plan(net, reach, picture, options, on_event)
            yield path, picture, _made(net, plans[size], picture), plans[size]
    finally:
        pictures.close()


def _plan(net: ImageToImage, reach: Reach | str, picture: Picture, options: Options, on_event: OnEvent) -> Plan:
    given = {"batch": options.batch, "tile": options.tile}
    return chosen(net, reach, picture.pixels, **given, coming=None, on_event=on_event)


def _made(net: ImageToImage, plan: Plan, picture: Picture) -> Enlarged:
    net.state = {}  # each picture is the first frame of a film
    made: Enlarged = net.run(picture.pixels[None], batch=plan.batch, tiling=plan.tiling)[0]
    return made


def _say_depth(names: list[str], on_event: OnEvent) -> None:
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        on_event(
            Note(f"'{names[0]}'{more} has 16 bits a component: the network sees 8, and so many are written", "warning")
        )
