"""Writes what the commands of this example work on: a network, a clip with sound and uneven times, and a still.

The network enlarges twice by bicubic interpolation and sharpens. A real one comes from elsewhere as an ONNX file too.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

HEIGHT, WIDTH = 64, 96
TIMES_MS = [*range(0, 400, 40), 410, 450, 600, *range(640, 1000, 40)]


def network(path: Path) -> None:
    """x (n, 3, h, w) in 0..1 -> y (n, 3, 2h, 2w): a Resize, and a Conv of each channel by itself."""
    kernel = np.full((3, 1, 3, 3), -0.05, np.float32)
    kernel[:, :, 1, 1] = 1.4
    constants = {"scales": np.array([1, 1, 2, 2], np.float32), "kernel": kernel}
    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["large"], mode="cubic"),
        helper.make_node("Conv", ["large", "kernel"], ["y"], pads=[1, 1, 1, 1], group=3),
    ]
    graph = helper.make_graph(
        nodes,
        "sharpen",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, "H", "W"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)


def picture(place: float) -> np.ndarray:
    """A disc at ``place`` of its way, in front of a gradient: (height, width, 3) uint8."""
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    far = np.hypot(across - WIDTH * (0.2 + 0.6 * place), down - HEIGHT / 2) / 14
    light = np.clip(1.5 - far, 0, 1)[..., None]
    ground = np.stack([across * 1.2, down * 2.0, 160 - across], axis=-1)
    pixels: np.ndarray = (ground + (np.array([250, 200, 40]) - ground) * light).clip(0, 255).astype(np.uint8)
    return pixels


def clip(path: Path) -> None:
    """The disc on its way, at uneven times, with a tone."""
    container: Any = av.open(str(path), "w")
    video = container.add_stream("libx264", rate=25)
    video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    video.codec_context.time_base = Fraction(1, 1000)
    sound = container.add_stream("aac", rate=48000)
    for time in TIMES_MS:
        frame = av.VideoFrame.from_ndarray(picture(time / 1000), "rgb24")
        frame.pts, frame.time_base = time, Fraction(1, 1000)
        container.mux(video.encode(frame))
    wave = np.sin(np.arange(46 * 1024) * 2 * np.pi * 330 / 48000).astype(np.float32) * 0.2
    for place in range(0, len(wave), 1024):
        tone = av.AudioFrame.from_ndarray(np.stack([wave[place : place + 1024]] * 2), "fltp", "stereo")
        tone.sample_rate, tone.pts, tone.time_base = 48000, place, Fraction(1, 48000)
        container.mux(sound.encode(tone))
    for stream in (video, sound):
        container.mux(stream.encode(None))
    container.close()


network(Path("sharpen.onnx"))
clip(Path("clip.mp4"))
Image.fromarray(picture(0.4)).save("still.png")
print(f"sharpen.onnx, clip.mp4 of {len(TIMES_MS)} frames, still.png")
