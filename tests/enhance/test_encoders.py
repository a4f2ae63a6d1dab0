"""Which encoder is taken, and what is refused because of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gantools.core.errors import BackendError, RecipeError
from gantools.data.pairs.clips import open_clips
from gantools.enhance import enhance
from tests.enhance.clips import Clip, write
from tests.enhance.facts import facts_of
from tests.enhance.networks import begun, conv, make_image_to_image
from tests.enhance.test_video import QUICK, refused
from tests.zoo import Net


def test_an_encoder_that_cannot_keep_the_bits_is_refused(art: Path, tmp_path: Path) -> None:
    path = tmp_path / "deep.mkv"
    write(path, Clip(codec="ffv1", pixels="yuv420p10le"))
    error = refused(RecipeError, art, path, tmp_path / "out.mkv", replace(QUICK, codec="mpeg4"))
    assert "the encoder mpeg4 cannot keep yuv420p10le, which has 10 bits" in error.message


def test_hardware_that_is_not_here_is_an_error(
    art: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gantools.media.video.encoder.HARDWARE", {"h264": ("h264_nowhere",)})
    error = refused(BackendError, art, clip, tmp_path / "out.mp4", replace(QUICK, hardware=True))
    assert "no hardware encoder of h264 opens here; h264_nowhere were tried" in error.message
    monkeypatch.setattr("gantools.media.video.encoder.HARDWARE", {"h264": ("h264_nowhere", "gif")})
    error = refused(BackendError, art, clip, tmp_path / "out.mp4", replace(QUICK, hardware=True))
    assert "no hardware encoder of h264 opens here" in error.message, (
        "one that does not keep the pixels is not the last word"
    )
    monkeypatch.setattr("gantools.media.video.encoder.HARDWARE", {"h264": ("h264_nowhere", "libx264")})
    report = enhance(art, clip, tmp_path / "out.mp4", replace(QUICK, hardware=True))
    assert report.encoder.startswith("libx264"), "the first that opens"


def test_a_video_is_written_alike_every_time(grey_art: Path, tmp_path: Path) -> None:
    """x264 with AVX-512 spreads bits over time as it happens, unless it is told otherwise."""
    photo = open_clips("builtin:photos", channels=1, cache=str(tmp_path)).clips[0][0]
    path, written = tmp_path / "film.mkv", []
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 240, 240, "yuv420p"
        for time in range(32):
            seen = np.ascontiguousarray(photo[3 * time : 3 * time + 240, 5 * time : 5 * time + 240, 0])
            frame = av.VideoFrame.from_ndarray(seen, "gray").reformat(format="yuv420p")
            frame.pts = time
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for number in range(4):
        out = tmp_path / f"{number}.mkv"
        enhance(grey_art, path, out, replace(QUICK, codec="h264", crf=36, preset="medium"))
        with av.open(str(out)) as container:
            written.append([bytes(packet) for packet in container.demux(video=0) if packet.size])
    assert [len(one) for one in written] == [32] * 4
    assert all(one == written[0] for one in written)


def test_an_encoder_that_takes_brightness_and_colour_interleaved_keeps_8_bits(
    art: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of Quick Sync do, which take nothing else."""

    class Interleaved:
        name, video_formats = "libx264", (av.VideoFormat("nv12"), av.VideoFormat("qsv"))

    monkeypatch.setattr("gantools.media.video.encoder._encoder", lambda name, quiet: Interleaved)
    report = enhance(art, clip, tmp_path / "out.mp4", QUICK)
    assert report.encoder.startswith("libx264 nv12 ")
    assert facts_of(tmp_path / "out.mp4").size == (128, 96)


def test_odd_sizes_that_an_encoder_does_not_take_are_refused(tmp_path: Path) -> None:
    def soften() -> Net:
        net = begun()
        conv(net, (3, 3))
        return net

    art = make_image_to_image(tmp_path / "art", net=soften, scale=1).path
    path = tmp_path / "odd.mkv"
    write(path, Clip(size=(63, 47), codec="ffv1"))
    error = refused(BackendError, art, path, tmp_path / "out.mkv")
    assert "the encoder libx264 does not open for 63x47 yuv420p" in error.message
    assert enhance(art, path, tmp_path / "out.mkv", replace(QUICK, codec="ffv1")).count == 12
