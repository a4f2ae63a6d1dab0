"""VMAF by an ffmpeg that has libvmaf, in a process of its own that frames are handed to one after another.

The ffmpeg is the one on the path, or else that of the package imageio-ffmpeg.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gantools.core.errors import BackendError, MissingDependencyError
from gantools.core.optional import require
from gantools.metrics.video.frame import Bytes, Frame
from gantools.metrics.video.metric import VideoMetric

MODEL = "vmaf_v0.6.1"
_GREY = 128  # of both components of colour, which the model does not look at
_REPORT = "vmaf.json"


@cache
def ffmpeg_with_vmaf() -> str:
    """Path of an ffmpeg that has libvmaf.

    Raises:
        MissingDependencyError: None is on this machine.
    """
    here = shutil.which("ffmpeg")
    if here is not None and _has_vmaf(here):
        return here
    missing = "VMAF is computed by an ffmpeg with libvmaf, and none is installed."
    try:
        found: Any = require("imageio_ffmpeg", extra="video-metrics", why="to compute VMAF")
        packaged = str(found.get_ffmpeg_exe())
    except (MissingDependencyError, RuntimeError) as err:
        raise MissingDependencyError(missing, hint="pip install 'gantools[video-metrics]'") from err
    if not _has_vmaf(packaged):
        raise MissingDependencyError(
            f"VMAF is computed by an ffmpeg with libvmaf, and '{packaged}' has none.",
            hint="put one that has it first on the path",
        )
    return packaged


def _has_vmaf(ffmpeg: str) -> bool:
    try:
        told = subprocess.run([ffmpeg, "-hide_banner", "-filters"], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return " libvmaf " in told.stdout


class Vmaf:
    """One pass. Both frames go down one pipe as one picture, the reference above, so none waits for the other."""

    def __init__(self) -> None:
        self._ffmpeg = ffmpeg_with_vmaf()
        self._folder = tempfile.TemporaryDirectory(prefix="gantools-vmaf-")
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def add(self, reference: Frame, made: Frame) -> None:
        """See the next frame of both."""
        pair = [_even(frame.brightness[0]) for frame in (reference, made)]
        if self._process is None:
            self._process = self._started(*reference.brightness[0].shape, *pair[0].shape)
        colour = np.full(pair[0].size, _GREY, np.uint8)  # both components, at half the size, of both frames
        stream = self._process.stdin
        assert stream is not None
        try:
            for part in (*pair, colour):
                stream.write(part.tobytes())
        except BrokenPipeError:
            raise self._refused() from None
        self._count += 1

    def values(self) -> list[float | None]:
        """Wait until ffmpeg has seen all, and read what it says of each frame."""
        if self._process is None or self._process.stdin is None:
            return []
        self._process.stdin.close()
        report = Path(self._folder.name) / _REPORT
        if self._process.wait() or not report.is_file():
            raise self._refused()
        frames = json.loads(report.read_text())["frames"]
        if len(frames) != self._count:
            raise BackendError(f"ffmpeg was handed {self._count} frames, and says VMAF of {len(frames)}.")
        return [float(frame["metrics"]["vmaf"]) for frame in frames]

    def close(self) -> None:
        """End the process and remove what it wrote."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            if self._process.stdin is not None and not self._process.stdin.closed:
                with suppress(BrokenPipeError):
                    self._process.stdin.close()
            self._process = None
        self._folder.cleanup()

    def _started(self, height: int, width: int, rows: int, columns: int) -> subprocess.Popen[bytes]:
        cut = f"crop={width}:{height}:0"
        graph = (
            f"split[a][b];[a]{cut}:0:exact=1[reference];[b]{cut}:{rows}:exact=1[made];"
            f"[made][reference]libvmaf=model=version={MODEL}:log_fmt=json:log_path={_REPORT}"
        )
        given = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{columns}x{2 * rows}", "-r", "25", "-i", "-"]
        command = [self._ffmpeg, "-loglevel", "error", *given, "-filter_complex", graph, "-f", "null", "-"]
        with (Path(self._folder.name) / "said").open("wb") as said:
            return subprocess.Popen(
                command, cwd=self._folder.name, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
            )

    def _refused(self) -> BackendError:
        said = (Path(self._folder.name) / "said").read_text(errors="replace").strip()
        return BackendError(f"'{self._ffmpeg}' could not compute VMAF: {said or 'it ended without a word'}")


def _even(brightness: Bytes) -> Bytes:
    """With a last row and column repeated where there is an odd number of them; ffmpeg cuts them off again."""
    height, width = brightness.shape
    return np.pad(brightness, ((0, height % 2), (0, width % 2)), "edge")


VMAF = VideoMetric(Vmaf, "vmaf-v0.6.1-y-{brightness}-crop{crop}", "", True)
