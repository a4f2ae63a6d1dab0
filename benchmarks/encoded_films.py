"""Films encoded whole, beside what they were: pairs for ``data.source`` and ``data.targets``.

    python benchmarks/encoded_films.py OUT --photos DIR --films FILM... [--codec libx264] [--crf 18 42] [--scale 1]

The degradation ``codec`` encodes each patch by itself, which is quick to set up and needs no room. What encoders leave
in whole films is a little different: they look far ahead, and find in other frames what moves from afar. So here
photographs become films, four shots of twelve frames each in which the view pans, turns and zooms slowly (a quarter
stands still), and stretches of films are made smaller, so that little is left of how they had been encoded before. Each
is kept without loss in ``OUT/films``, and lies under the same names in ``OUT/targets`` (as it was, by a hard link) and
in ``OUT/given``: encoded at a CRF that is drawn for it, after it was made smaller by ``--scale``. Nothing that is there
already is made again, and the same call makes the same films.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from gantools.core.swscale import BT470BG, FULL, LIMITED, UNSPECIFIED, converted, meant_range, swscale_matrix
from gantools.core.threads import without_urgent_threads
from gantools.data.sources import is_image_name

Av: Any = av
SHOTS, FRAMES, WIDTH, HEIGHT = 4, 12, 384, 256
STRETCH, MOST = 32, 20
SIZES = ((640, 360), (480, 272))
PRESETS = {"libx264": "medium", "libx265": "medium", "libsvtav1": "6"}
OTHERS = {"libx264": {"x264-params": "cpu-independent=1"}, "libsvtav1": {"svtav1-params": "lp=1"}}
_ROOM = 64  # pixels around a photograph, mirrored, into which the view may run


def shot(path: Path, rng: random.Random) -> Iterator[Any]:
    """A photograph seen by a view that moves: frames of 4:2:0."""
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    if photo.width < photo.height:
        photo = photo.rotate(90, expand=True)
    least = max(WIDTH / photo.width, HEIGHT / photo.height)
    zoom = rng.uniform(least, max(1.0, least))
    still = rng.random() < 0.25
    right, down, faster, turn = (0.0 if still else rng.gauss(0, spread) for spread in (2, 1.2, 0.004, 0.002))
    x, y = (
        size / 2 + rng.uniform(-1, 1) * max(0.0, (size - seen / zoom) / 2)
        for size, seen in ((photo.width, WIDTH), (photo.height, HEIGHT))
    )
    large = Image.fromarray(np.pad(np.asarray(photo), ((_ROOM, _ROOM), (_ROOM, _ROOM), (0, 0)), mode="reflect"))
    for time in range(FRAMES):
        now = zoom * (1 + faster * time)
        half = WIDTH / now / 2 - 20, HEIGHT / now / 2 - 20
        at = (
            min(max(x + right * time, half[0]), photo.width - half[0]) + _ROOM,
            min(max(y + down * time, half[1]), photo.height - half[1]) + _ROOM,
        )
        c, s = float(np.cos(turn * time)) / now, float(np.sin(turn * time)) / now
        place = (c, -s, at[0] - (c * WIDTH - s * HEIGHT) / 2, s, c, at[1] - (s * WIDTH + c * HEIGHT) / 2)
        seen = large.transform((WIDTH, HEIGHT), Image.Transform.AFFINE, place, Image.Resampling.BICUBIC)
        frame = Av.VideoFrame.from_ndarray(np.asarray(seen), "rgb24")
        yield converted(frame, "yuv420p", UNSPECIFIED, FULL, BT470BG, LIMITED)


def write(path: Path, frames: Iterable[Any], codec: str, options: dict[str, str]) -> None:
    """Encode frames of 4:2:0; the file appears whole."""
    partial_file = path.with_suffix(".partial")
    with Av.open(str(partial_file), "w", "matroska") as container:
        stream = container.add_stream(codec, rate=Fraction(25), options=options)
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        for number, frame in enumerate(frames):
            if number == 0:
                stream.width, stream.height = frame.width, frame.height
                stream.codec_context.colorspace, stream.codec_context.color_range = BT470BG, LIMITED
            frame.colorspace, frame.color_range, frame.pict_type = BT470BG, LIMITED, 0
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
            without_urgent_threads()
        container.mux(stream.encode(None))
    partial_file.rename(path)


LOSSLESS = {"qp": "0", "preset": "fast", **OTHERS["libx264"]}


def of_photos(folder: Path, job: tuple[int, Sequence[Path]]) -> None:
    """One film of several photographs."""
    number, paths = job
    if not (out := folder / f"photos{number:04}.mkv").exists():
        rng = random.Random(number)
        write(out, (frame for path in paths for frame in shot(path, rng)), "libx264", LOSSLESS)


def of_film(folder: Path, path: Path) -> None:
    """Stretches of a film, smaller, by turns in one of two sizes."""
    with Av.open(str(path)) as container:
        decoded = container.decode(video=0)
        for number in range(MOST):
            frames = list(islice(decoded, STRETCH))
            if len(frames) < STRETCH:
                return
            width, height = SIZES[number % 2]
            matrix, range_ = (
                swscale_matrix(frames[0].colorspace, frames[0].width, frames[0].height),
                meant_range(frames[0]),
            )
            small = (
                converted(one, "yuv420p", matrix, range_, BT470BG, LIMITED, width=width, height=height)
                for one in frames
            )
            if not (out := folder / f"{path.stem}{number:03}.mkv").exists():
                write(out, small, "libx264", LOSSLESS)


def encode(codec: str, preset: str, scale: int, job: tuple[Path, Path, int]) -> None:
    """One film, at one CRF."""
    film, out, crf = job
    with Av.open(str(film)) as container:
        frames = list(container.decode(video=0))
    if scale > 1:
        size = {"width": frames[0].width // scale, "height": frames[0].height // scale}
        frames = [converted(one, "yuv420p", BT470BG, LIMITED, BT470BG, LIMITED, **size) for one in frames]
    write(out, frames, codec, {"crf": str(crf), "preset": preset, **OTHERS.get(codec, {})})


def main() -> None:
    """Make films, then encode them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", type=Path, help="A folder of photographs.")
    parser.add_argument("--films", type=Path, nargs="*", default=[])
    parser.add_argument("--codec", default="libx264", choices=list(PRESETS))
    parser.add_argument("--crf", type=int, nargs=2, default=(18, 42))
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    given = parser.parse_args()
    os.environ.setdefault("SVT_LOG", "1")
    films = given.out / "films"
    for folder in (films, given.out / "given", given.out / "targets"):
        folder.mkdir(parents=True, exist_ok=True)
    photos = sorted(path for path in given.photos.iterdir() if is_image_name(path.name)) if given.photos else []
    random.Random(1).shuffle(photos)
    with ProcessPoolExecutor(given.jobs) as pool:
        shows = [photos[at : at + SHOTS] for at in range(0, len(photos), SHOTS)]
        list(pool.map(partial(of_photos, films), enumerate(shows)))
        list(pool.map(partial(of_film, films), given.films))
        rng, jobs = random.Random(2), []
        for film in sorted(films.glob("*.mkv")):
            for number in range(2 if film.name.startswith("photos") else 6):
                crf = rng.randint(*given.crf)
                name = f"{film.stem}_{number}_crf{crf}.mkv"
                if not (target := given.out / "targets" / name).exists():
                    os.link(film, target)
                if not (out := given.out / "given" / name).exists():
                    jobs.append((film, out, crf))
        list(pool.map(partial(encode, given.codec, PRESETS[given.codec], given.scale), jobs))
    print(f"{len(jobs)} films encoded by {given.codec}, in {given.out}")


if __name__ == "__main__":
    main()
