"""What ``gantools enhance --smooth`` takes from flicker, and what it costs: films in a style, alone and steadied.

    python benchmarks/video_steady.py ART FILM... [--shares 0.5 0.8 0.9] [--frames 60] [--record FILE]

Of each film the first frames. Flicker, warping error and tOF are those of ``gantools compare`` against the film itself,
whose motion says what should stay. What is lost: PSNR of all frames of RGB to what the network makes of each alone, and
how steep brightness is beside that, as a share (mean absolute difference of neighbouring pixels). Everything is encoded
with libx264 at crf 8, so that the encoder hides little. Of speed there is but the time that steadying one frame takes,
which is one thread's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np

from gantools.core.artifact import load_artifact
from gantools.core.atomic import write_atomic
from gantools.enhance import Options, enhance
from gantools.enhance.steady import Steady
from gantools.timing.environment import environment
from gantools.verify.clips import compare_clips

Av: Any = av
METRICS = ("flicker", "warping", "tof")
OPTIONS = Options(codec="h264", crf=8, batch=1, tile=0)


def shown(path: Path) -> np.ndarray:
    """Brightness of all frames as stored: (frames, height, width)."""
    with Av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])


def steepness(frames: np.ndarray) -> float:
    """Mean absolute difference of neighbours, across and down, in levels."""
    levels = frames.astype(np.float32)
    return float((np.abs(np.diff(levels, axis=1)).mean() + np.abs(np.diff(levels, axis=2)).mean()) / 2)


def beginning(film: Path, out: Path, frames: int) -> None:
    """The first frames of a film, without sound."""
    with Av.open(str(film)) as source, Av.open(str(out), "w") as target:
        given = source.streams.video[0]
        stream = target.add_stream("libx264", rate=given.average_rate, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = given.width, given.height, "yuv420p"
        for number, frame in enumerate(source.decode(given)):
            if number == frames:
                break
            target.mux(stream.encode(frame.reformat(format="yuv420p")))
        target.mux(stream.encode(None))


def steadying_ms(clip: Path) -> float:
    """Of one frame of this size, without enlargement: the median of ten."""
    with Av.open(str(clip)) as container:
        frames = [
            frame.to_ndarray(format="rgb24") for frame, _ in zip(container.decode(video=0), range(11), strict=False)
        ]
    steady, times = Steady(0.8, 1), []
    for frame in frames:
        begun_at = time.perf_counter()
        steady.run(frame[None], frame[None])
        times.append(1000 * (time.perf_counter() - begun_at))
    return float(np.median(times[1:]))


def rows_of(art: Path, film: Path, shares: list[float], frames: int, folder: Path) -> list[dict[str, Any]]:
    """A row of each share, the first without any."""
    clip, rows = folder / f"{film.stem}.mp4", []
    beginning(film, clip, frames)
    for share in (0.0, *shares):
        out = folder / f"{film.stem}-{share:g}.mp4"
        enhance(art, clip, out, replace(OPTIONS, smooth=share))
        alone = folder / f"{film.stem}-0.mp4"
        found = compare_clips(clip, out, METRICS)
        row: dict[str, Any] = {"film": film.name, "share": share, "frames": found.frames}
        row |= {one.metric: [one.mean, one.low, one.high] for one in found.curves}
        if share:
            row["psnr_to_alone_db"] = compare_clips(alone, out, ["psnr-rgb"]).curves[0].mean
        row["steepness"] = steepness(shown(out)) / steepness(shown(alone))
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def main() -> None:
    """Measure, print, and on request append a line to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("art", type=Path)
    parser.add_argument("films", type=Path, nargs="+")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5, 0.8, 0.9])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--keep", type=Path, help="a folder for the films that are made")
    parser.add_argument("--record", type=Path, help="append a line to this file")
    given = parser.parse_args()
    artifact = load_artifact(given.art)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row for film in given.films for row in rows_of(given.art, film, given.shares, given.frames, folder)]
        steadying = {film.name: steadying_ms(folder / f"{film.stem}.mp4") for film in given.films}
    print(json.dumps({"steadying_ms": steadying}))
    if given.record:
        line = {
            "schema": 1,
            "benchmark": "video_steady",
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "artifact": {"name": artifact.manifest.name, "digest": artifact.digest},
            "options": asdict(OPTIONS),
            "rows": rows,
            "steadying_ms": steadying,
            "environment": environment().model_dump(mode="json"),
        }
        before = given.record.read_bytes() if given.record.exists() else b""
        write_atomic(given.record, before + json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    main()
