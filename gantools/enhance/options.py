"""What a caller may choose, and what is told at the end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PIECE = 120


@dataclass(frozen=True)
class Options:
    """Choices of ``enhance``; what is left out is measured or follows from the files.

    Attributes:
        batch: Frames, or tiles of them, in one run of the graph.
        tile: Height and width of a tile in pixels of the input, overlap included; 0: whole frames.
        codec: ``h264``, ``hevc``, ``av1``, ``vp9``, or FFmpeg's name of an encoder.
        crf: Constant quality of the encoder, less is better.
        preset: Of the encoder, by its own names.
        hardware: Encode ``codec`` in hardware.
        dropped: Kinds of streams of a video that are left out: ``audio``, ``subtitle``, ``data``, ``attachment``.
        piece: Frames that are finished together: what a crash costs at most.
        resume: Go on where an earlier run of the same was cut off.
        smooth: Of videos, how much of what was shown a frame keeps where the source hardly changes, less than 1
            (``gantools.enhance.steady``); 0: nothing.
        self_ensemble: Make each image eight times, turned and mirrored, and take the mean.
    """

    batch: int | None = None
    tile: int | None = None
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    hardware: bool = False
    dropped: tuple[str, ...] = ()
    piece: int = PIECE
    resume: bool = False
    smooth: float = 0.0
    self_ensemble: bool = False


@dataclass(frozen=True)
class Report:
    """What was done.

    Attributes:
        out: The file or folder that appeared.
        kind: ``video``, ``picture`` or ``pictures``.
        count: Frames or pictures in it.
        seconds: Of this run, reading and writing included.
        computed: Frames or pictures that this run made; the others were there from an earlier one.
        plan: How the network was run, in words.
        encoder: Of a video.
        copied: Streams of a video that were copied, in words.
    """

    out: Path
    kind: str
    count: int
    seconds: float
    computed: int
    plan: str
    encoder: str = ""
    copied: tuple[str, ...] = ()

    @property
    def fps(self) -> float:
        """Frames or pictures a second, from file to file."""
        return self.computed / self.seconds if self.seconds else 0.0
