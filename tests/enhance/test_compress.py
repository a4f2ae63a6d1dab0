"""Videos made smaller for sending, and back to the size that they had."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gantools.core.errors import ArtifactError, DataError, GantoolsError, RecipeError, UnknownNameError
from gantools.core.events import Event, Note, Progress
from gantools.enhance import Options, compress, enhance, restore
from gantools.media.video.original import TAG, Original, original_of
from gantools.verify.clips import compare_clips
from tests.enhance.clips import Clip, make, write
from tests.enhance.facts import differences, facts_of
from tests.enhance.networks import begun, conv, make_image_to_image
from tests.zoo import Net

Av: Any = av
FFV1 = Options(batch=2, tile=0, codec="ffv1")
# Of tests/enhance/clips.py, the ones whose keeping is worth a second look; and the name to compress to.
KEPT = {
    "uneven times": ".mp4",
    "10 bits, HEVC": ".mp4",
    "BT.709, full range": ".mp4",
    "pixels not square": ".mp4",
    "turned by 90 degrees": ".mp4",
    "two sounds": ".mkv",
    "subtitles and a font": ".mkv",
    "chapters and titles": ".mp4",
}


def refused(kind: type[GantoolsError], work: Callable[[], object], folder: Path) -> str:
    """The sentence; nothing may be left."""
    beside = {path.name for path in folder.iterdir()}
    with pytest.raises(kind) as caught:
        work()
    assert {path.name for path in folder.iterdir()} == beside
    return caught.value.message


@pytest.mark.parametrize("name", KEPT)
def test_all_but_the_size_is_kept_there_and_back(name: str, art: Path, tmp_path: Path) -> None:
    path = make(name, tmp_path)
    small, back = tmp_path / f"small{KEPT[name]}", tmp_path / f"back{KEPT[name]}"
    compress(path, small, codec="h264", preset="ultrafast")
    restore(art, small, back, replace(FFV1, codec="h264", preset="ultrafast"))
    given, sent, restored = (facts_of(one) for one in (path, small, back))
    assert sent.tags[TAG] == "64x48/2"
    assert (sent.size, restored.size) == ((32, 24), (64, 48))
    assert differences(given, restored, scale=1) == {}
    assert set(differences(given, sent, scale=1)) == {"size", "tags"}


def test_the_report_counts_what_was_written(clip: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    done = compress(clip, tmp_path / "small.mp4", codec="libx264", crf=30, on_event=events.append)
    assert (done.frames, done.width, done.height, str(done.original)) == (20, 32, 24, "64x48/2")
    assert done.encoder == "libx264 yuv420p, crf 30"
    assert done.copied == ("audio aac (eng)",)
    assert (done.source_bytes, done.out_bytes) == (clip.stat().st_size, done.out.stat().st_size)
    with Av.open(str(done.out)) as container:
        packets = sum(packet.size for packet in container.demux(video=0))
    assert abs(packets - done.video_bytes) <= 20, "MP4 writes lengths in the place of marks between parts of a frame"
    assert done.video_bytes < done.out_bytes < done.source_bytes
    assert done.duration_s == pytest.approx(20 / 25)
    assert [event.done for event in events if isinstance(event, Progress)] == list(range(1, 21))
    assert compress(clip, tmp_path / "usual.mp4", codec="h264").encoder.endswith("crf 23")
    assert compress(clip, tmp_path / "quiet.mp4", codec="h264", dropped=("audio",)).copied == ()


@pytest.mark.parametrize("codec", ["av1", "hevc", "h264"])
def test_each_codec_shows_the_same_pictures(codec: str, tmp_path: Path) -> None:
    """Smaller by bicubic interpolation: the mean of four pixels is near what the file shows."""
    path, small = tmp_path / "clip.mkv", tmp_path / "small.mkv"
    write(path, Clip(size=(128, 96), codec="ffv1", times=tuple(512 * n for n in range(4))))
    done = compress(path, small, codec=codec, crf=10)
    assert done.frames == 4
    large, reduced = (_brightness(one) for one in (path, small))
    means = large.reshape(4, 48, 2, 64, 2).mean(axis=(2, 4))
    assert np.abs(means - reduced).mean() < 6
    assert np.corrcoef(means.ravel(), reduced.ravel())[0, 1] > 0.98


def _brightness(path: Path) -> np.ndarray:
    with Av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)]).astype(float)


@pytest.mark.parametrize(("size", "pixels"), [((63, 47), "yuv420p"), ((65, 49), "yuv444p"), ((62, 46), "yuv420p10le")])
def test_odd_sizes_come_back_exactly(size: tuple[int, int], pixels: str, art: Path, tmp_path: Path) -> None:
    path, small, back = (tmp_path / name for name in ("clip.mkv", "small.mkv", "back.mkv"))
    write(path, Clip(size=size, pixels=pixels, codec="ffv1"))
    done = compress(path, small, codec="h264", crf=5)
    assert (done.width, done.height) == (-(-size[0] // 4) * 2, -(-size[1] // 4) * 2)
    restore(art, small, back, FFV1)
    assert facts_of(back).size == size
    found = compare_clips(path, back, ["psnr"], crop=4)
    assert (found.width, found.height) == size
    assert (found.curves[0].mean or 0) > 20, "nothing is moved"


def test_scale_1_only_encodes_and_pads_what_is_odd(tmp_path: Path) -> None:
    def soften() -> Net:
        net = begun()
        conv(net, (3, 3), noise=0)
        return net

    art = make_image_to_image(tmp_path / "art", net=soften, scale=1).path
    path, small, back = (tmp_path / name for name in ("clip.mkv", "small.mkv", "back.mkv"))
    write(path, Clip(size=(63, 47), pixels="yuv444p", codec="ffv1"))
    done = compress(path, small, scale=1, codec="h264", crf=1)
    assert (done.width, done.height) == (64, 48)
    restore(art, small, back, FFV1)
    assert facts_of(back).size == (63, 47)
    assert (compare_clips(path, back, ["psnr-rgb"]).curves[0].mean or 0) > 35


def test_an_untagged_video_stays_what_players_take_it_for(tmp_path: Path) -> None:
    """Of high definition it is BT.709; half as large, players would guess BT.601."""
    path = tmp_path / "clip.mp4"
    write(path, Clip(size=(1280, 720), times=(0,)))
    compress(path, tmp_path / "small.mp4", codec="h264")
    assert (facts_of(path).colours[0], facts_of(tmp_path / "small.mp4").colours[0]) == (2, 1)


def test_an_artifact_of_another_scale_is_refused(art: Path, clip: Path, tmp_path: Path) -> None:
    compress(clip, tmp_path / "small.mp4", scale=3, codec="h264")
    said = refused(RecipeError, lambda: restore(art, tmp_path / "small.mp4", tmp_path / "back.mp4"), tmp_path)
    assert said == "'small.mp4' was made smaller 3 times, and 'tiny-enlarger' enlarges 2 times."


def test_a_video_that_was_not_made_smaller_is_refused(art: Path, clip: Path, tmp_path: Path) -> None:
    said = refused(DataError, lambda: restore(art, clip, tmp_path / "back.mp4"), tmp_path)
    assert said == f"'{clip}' does not say which size it had: 'gantools video compress' did not write it."
    broken = tmp_path / "broken.mp4"
    write(broken, Clip(metadata={TAG: "64x0/2"}))
    assert "does not say which size it had" in refused(DataError, lambda: original_of(broken), tmp_path)


def test_what_is_restored_or_enlarged_says_no_other_size(art: Path, clip: Path, tmp_path: Path) -> None:
    small, back, large = (tmp_path / name for name in ("small.mp4", "back.mp4", "large.mp4"))
    compress(clip, small, codec="h264")
    restore(art, small, back)
    enhance(art, small, large)
    for path in (back, large):
        assert TAG not in facts_of(path).tags
        assert facts_of(path).size == (64, 48)
    compress(small, tmp_path / "smaller.mkv", codec="h264")
    assert original_of(tmp_path / "smaller.mkv") == Original(32, 24, 2)


def test_what_does_not_fit_is_refused_before_the_work(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.mp4"
    own = tmp_path / "own.mp4"
    own.write_bytes(clip.read_bytes())
    clear = tmp_path / "clear.mkv"
    write(clear, Clip(codec="ffv1", pixels="bgra"))
    tries: list[tuple[type[GantoolsError], Callable[[], object], str]] = [
        (
            RecipeError,
            lambda: compress(clip, tmp_path / "small.avi"),
            "'small.avi' cannot hold the size of the original",
        ),
        (RecipeError, lambda: compress(clip, out, scale=0), "--scale takes 1 or more, got 0"),
        (RecipeError, lambda: compress(own, own), "is the source itself"),
        (RecipeError, lambda: compress(clip, tmp_path / "small.webm"), "'small.webm' cannot hold stream 1"),
        (UnknownNameError, lambda: compress(clip, out, codec="av2"), "no video encoder is called 'av2'"),
        (DataError, lambda: compress(tmp_path / "none.mp4", out), "none.mp4' does not exist"),
        (DataError, lambda: compress(clear, out), "has transparent pixels (bgra)"),
    ]
    assert len(tries) == 7
    for kind, work, sentence in tries:
        assert sentence in refused(kind, work, tmp_path)


def test_a_disk_that_refuses_is_a_sentence(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gantools.media.video.pieces.PieceWriter.add", full)
    work = refused(ArtifactError, lambda: compress(clip, tmp_path / "small.mp4", codec="h264"), tmp_path)
    assert "No space left on device" in work


def test_what_is_lost_is_said(tmp_path: Path) -> None:
    path, events = make("scratched", tmp_path), list[Event]()
    compress(path, tmp_path / "small.mp4", codec="h264", on_event=events.append)
    said = [event.text for event in events if isinstance(event, Note)]
    assert any("frames of 'scratched.mp4' are damaged" in text or "could not be decoded" in text for text in said)
