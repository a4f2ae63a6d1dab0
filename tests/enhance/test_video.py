"""What is refused, what is said, and what is chosen."""

import hashlib
import threading
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gantools.core.errors import (
    ArtifactError,
    BackendError,
    DataError,
    GantoolsError,
    InputMismatchError,
    RecipeError,
    UnknownNameError,
)
from gantools.core.events import Event, Note, Progress
from gantools.enhance import Options, enhance
from gantools.media.video.source import Losses, describe, frames
from tests.enhance.clips import Clip, write
from tests.enhance.facts import facts_of
from tests.zoo import make_autoencoder

Av: Any = av
QUICK = Options(batch=2, tile=0)


def refused(kind: type[GantoolsError], art: Path, source: Path, out: Path, options: Options = QUICK) -> GantoolsError:
    """The error; nothing may be left, and the source must be as it was."""
    before = source.read_bytes() if source.is_file() else b""
    beside = {path.name for path in out.parent.iterdir()}
    with pytest.raises(kind) as caught:
        enhance(art, source, out, options)
    assert {path.name for path in out.parent.iterdir()} == beside
    assert not source.is_file() or source.read_bytes() == before
    return caught.value


def test_files_that_hold_no_video_are_refused_in_a_sentence(art: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    empty, noise, beginning = (tmp_path / name for name in ("empty.mp4", "noise.mp4", "beginning.mp4"))
    empty.write_bytes(b"")
    noise.write_bytes(np.random.default_rng(0).bytes(5000))
    beginning.write_bytes(clip.read_bytes()[:3000])  # the index stands at the end
    assert "does not exist" in refused(DataError, art, tmp_path / "none.mp4", out).message
    assert "is empty: it has no bytes at all" in refused(DataError, art, empty, out).message
    for path in (noise, beginning):
        error = refused(DataError, art, path, out)
        assert "cannot be read as a video: " in error.message
        assert error.hint is not None
        assert "cut off" in error.hint


def test_sound_alone_is_no_video(art: Path, tmp_path: Path) -> None:
    path = tmp_path / "sound.mka"
    with Av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("flac", rate=48000)
        sound = Av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), "s16", "stereo")
        sound.sample_rate = 48000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    assert "has no video: it holds audio only" in refused(DataError, art, path, tmp_path / "out.mp4").message


def test_a_video_without_a_frame_that_can_be_decoded_is_refused(art: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write(path, Clip(times=(0,)))
    content = bytearray(path.read_bytes())
    begin = content.index(b"mdat") + 4
    content[begin : begin + 400] = bytes(400)
    path.write_bytes(content)
    assert "not one frame of" in refused(DataError, art, path, tmp_path / "out.mp4").message


def test_a_video_whose_size_changes_is_refused(art: Path, tmp_path: Path) -> None:
    one, other, path = (tmp_path / name for name in ("one.h264", "other.h264", "both.h264"))
    write(one, Clip())
    write(other, Clip(size=(96, 64)))
    path.write_bytes(one.read_bytes() + other.read_bytes())
    assert "changes from 64x48 to 96x64 pixels on the way" in refused(DataError, art, path, tmp_path / "o.mp4").message


def test_times_that_are_missing_are_made_and_said(art: Path, tmp_path: Path) -> None:
    path, events = tmp_path / "bare.h264", list[Event]()
    write(path, Clip(options={"bf": "0"}))
    enhance(art, path, tmp_path / "out.mp4", QUICK, on_event=events.append)
    assert facts_of(tmp_path / "out.mp4").frames == 12
    assert any(isinstance(event, Note) and "had no time of their own" in event.text for event in events)


def test_transparent_video_is_refused(art: Path, tmp_path: Path) -> None:
    path = tmp_path / "clear.mkv"
    write(path, Clip(codec="ffv1", pixels="bgra"))
    assert "has transparent pixels (bgra)" in refused(DataError, art, path, tmp_path / "out.mkv").message


def test_the_source_is_never_the_destination(art: Path, clip: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.mp4"
    own.write_bytes(clip.read_bytes())
    assert "is the source itself" in refused(RecipeError, art, own, own).message


def test_what_a_container_cannot_hold_is_said_before_the_work(art: Path, clip: Path, tmp_path: Path) -> None:
    assert "its suffix names no container" in refused(RecipeError, art, clip, tmp_path / "out.xyz").message
    assert "its suffix names no container" in refused(RecipeError, art, clip, tmp_path / "out").message
    error = refused(RecipeError, art, clip, tmp_path / "out.webm")
    assert f"'out.webm' cannot hold stream 1 of '{clip.name}', audio aac (eng)" in error.message
    assert error.hint is not None
    assert "--drop audio" in error.hint
    report = enhance(art, clip, tmp_path / "out.webm", replace(QUICK, dropped=("audio",)))
    assert report.copied == ()
    assert [kind for kind, *_ in facts_of(tmp_path / "out.webm").streams] == ["video"]


def test_streams_that_a_header_refuses_are_named(art: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.ts"
    write(path, Clip(codec="mpeg2video", base=Fraction(1, 25), times=range(12), data=True))
    assert "cannot hold" in refused(RecipeError, art, path, tmp_path / "out.mkv").message


def test_a_disk_that_is_full_is_not_taken_for_a_container_that_is_wrong(art: Path, clip: Path, tmp_path: Path) -> None:
    pieces = tmp_path / ".out.mp4.pieces"
    pieces.mkdir()
    (pieces / "rehearsal.partial").symlink_to("/dev/full")
    with pytest.raises(ArtifactError, match="No space left on device") as caught:
        enhance(art, clip, tmp_path / "out.mp4", QUICK)
    assert caught.value.hint == "is the disk full?"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"codec": "nonsense"}, UnknownNameError, "no video encoder is called 'nonsense'"),
        ({"codec": "aac"}, UnknownNameError, "no video encoder is called 'aac'"),
        ({"codec": "ffv1", "crf": 3}, RecipeError, "has no constant quality, so --crf says nothing"),
        ({"codec": "h264", "crf": 52}, RecipeError, "libx264 takes --crf from 0 to 51, got 52"),
        ({"codec": "av1", "crf": 64}, RecipeError, "libsvtav1 takes --crf from 0 to 63, got 64"),
        ({"codec": "ffv1", "preset": "slow"}, RecipeError, "has no presets, got --preset slow"),
        ({"preset": "nonsense"}, BackendError, "the encoder libx264 does not open"),
        ({"codec": "ffv1", "hardware": True}, RecipeError, "--hardware goes with --codec h264, hevc, av1, vp9"),
        ({"dropped": ("sound",)}, RecipeError, "no kind of streams is called 'sound'"),
        ({"tile": 8}, RecipeError, "--tile 8: this network looks 4 pixels to each side"),
    ],
)
def test_choices_that_do_not_fit_are_refused(
    art: Path, clip: Path, tmp_path: Path, options: dict[str, Any], kind: type[GantoolsError], sentence: str
) -> None:
    assert sentence in refused(kind, art, clip, tmp_path / "out.mkv", replace(QUICK, **options)).message


def test_a_generator_of_seeds_and_videos_is_refused(clip: Path, tmp_path: Path) -> None:
    art = make_autoencoder(tmp_path / "art").path
    assert "makes images of seeds" in refused(ArtifactError, art, clip, tmp_path / "out.mp4").message


def test_a_disk_that_refuses_is_a_sentence(
    art: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gantools.media.video.pieces.PieceWriter.add", full)
    assert "No space left on device" in refused(ArtifactError, art, clip, tmp_path / "out.mp4").message


def test_what_is_enlarged_is_what_the_network_makes(art: Path, tmp_path: Path) -> None:
    """Lossless in, lossless out, colours and all: only the two conversions may round."""
    from gantools.samplers import open_artifact
    from gantools.samplers.image_to_image import ImageToImage

    path, out = tmp_path / "clip.mkv", tmp_path / "out.mkv"
    for colours in ((1, 1, 1, 1), (6, 1, 6, 6), (1, 2, 1, 1)):
        write(path, Clip(codec="ffv1", pixels="yuv444p", colours=colours))
        enhance(art, path, out, replace(QUICK, codec="ffv1"))
        given, made = (_rgb(one, colours) for one in (path, out))
        with open_artifact(art) as generator:
            expected = ImageToImage(generator).run(given)
        assert np.abs(made.astype(int) - expected).max() <= 3
        assert facts_of(out).colours == colours


def _rgb(path: Path, colours: tuple[int, ...]) -> np.ndarray:
    with Av.open(str(path)) as container:
        how = {"src_colorspace": {6: 5}.get(colours[0], colours[0]), "src_color_range": colours[1]}
        return np.stack([frame.to_ndarray(format="rgb24", **how) for frame in container.decode(video=0)])


def test_ten_bits_come_of_the_graph_with_floats(art: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "clip.mkv", tmp_path / "out.mkv"
    write(path, Clip(codec="ffv1", pixels="yuv444p10le", times=(0,)))
    enhance(art, path, out, replace(QUICK, codec="ffv1"))
    with Av.open(str(out)) as container:
        (frame,) = container.decode(video=0)
    assert frame.format.name == "yuv444p10le"
    luma = np.frombuffer(frame.planes[0], np.uint16)
    assert len(np.unique(luma)) > 256, "8 bits of RGB have fewer values of luma between black and white"


def test_a_network_of_brightness_keeps_the_colours(grey_art: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "clip.mkv", tmp_path / "out.mkv"
    write(path, Clip(codec="ffv1", pixels="yuv420p", colours=(1, 1, 1, 1)))
    enhance(grey_art, path, out, replace(QUICK, codec="ffv1"))
    with Av.open(str(path)) as one, Av.open(str(out)) as other:
        given, made = next(one.decode(video=0)), next(other.decode(video=0))
    for plane in (0, 1, 2):
        small, large = (
            np.frombuffer(frame.planes[plane], np.uint8).reshape(frame.planes[plane].height, -1).astype(float)
            for frame in (given, made)
        )
        large = large[:, : 2 * given.planes[plane].width]
        small = small[:, : given.planes[plane].width]
        halved = large.reshape(small.shape[0], 2, small.shape[1], 2).mean(axis=(1, 3))
        assert np.corrcoef(halved.ravel(), small.ravel())[0, 1] > 0.9


def test_progress_counts_every_frame(art: Path, clip: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    enhance(art, clip, tmp_path / "out.mp4", QUICK, on_event=events.append)
    told = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in told] == list(range(2, 21, 2))
    assert {event.total for event in told} == {20}
    assert all(event.values["fps"] > 0 for event in told)
    assert threading.active_count() == 1 or "net" not in {thread.name for thread in threading.enumerate()}


def test_a_plan_is_measured_where_nobody_gives_one(art: Path, clip: Path, tmp_path: Path) -> None:
    report = enhance(art, clip, tmp_path / "out.mp4")
    assert report.plan.startswith("whole images, ")
    report = enhance(art, clip, tmp_path / "out.mp4", Options(tile=32, batch=3))
    assert report.plan == "tiles of 32 that overlap by 4, 3 at once"


def test_tiles_change_no_frame(art: Path, clip: Path, tmp_path: Path) -> None:
    digests = set()
    for tile in (0, 32, 48):
        out = tmp_path / f"{tile}.mp4"
        enhance(art, clip, out, replace(QUICK, tile=tile))
        with Av.open(str(out)) as container:
            shown = [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]
        assert len(shown) == 20
        digests.add(hashlib.sha256(b"".join(shown)).hexdigest())
    assert len(digests) == 1


def test_an_untagged_video_stays_what_players_take_it_for(art: Path, tmp_path: Path) -> None:
    """Of standard definition it is BT.601; twice as large, players would guess BT.709."""
    path = tmp_path / "clip.mp4"
    write(path, Clip(size=(720, 400), times=(0,)))
    assert (
        "takes a height of at most 256 pixels, and is given 400"
        in refused(InputMismatchError, art, path, tmp_path / "out.mp4").message
    )
    enhance(art, path, tmp_path / "out.mp4", Options(tile=256, batch=1))
    assert facts_of(path).colours[0] == 2
    assert facts_of(tmp_path / "out.mp4").colours[0] == 6


def test_durations_are_the_time_to_the_next_frame(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write(path, Clip(times=(0, 512, 700, 1900, 6000)))
    shown = list(frames(describe(path), Losses()))
    assert [frame.duration for frame in shown[:-1]] == [512, 188, 1200, 4100]
    assert shown[-1].duration >= 512


def test_another_container_says_what_it_does_to_times(art: Path, clip: Path, tmp_path: Path) -> None:
    """AAC begins before 0, which MP4 can hold and Matroska cannot: all streams are moved together."""
    out, events = tmp_path / "out.mkv", list[Event]()
    enhance(art, clip, out, QUICK, on_event=events.append)
    given, found = facts_of(clip), facts_of(out)
    assert [round(float(one - other), 3) for one, other in zip(found.times, given.times, strict=True)] == [0.021] * 20
    assert [digest for digest, *_ in found.packets[1]] == [digest for digest, *_ in given.packets[1]]
    early, late = given.packets[1][0][1], found.packets[1][0][1]
    assert round(float(late - early), 3) == 0.021, "picture and sound stay together"
    said = [event.text for event in events if isinstance(event, Note)]
    assert said[0] == f"everything is 0.021 seconds later than in '{clip.name}', for .mkv files begin at 0"


def test_times_that_a_container_rounds_are_said(art: Path, tmp_path: Path) -> None:
    path, events = tmp_path / "clip.mp4", list[Event]()
    write(path, Clip(times=(0, 517, 700, 1901)))
    enhance(art, path, tmp_path / "out.mkv", QUICK, on_event=events.append)
    (said,) = [event.text for event in events if isinstance(event, Note)]
    assert said.startswith("times of frames differ by up to 0.")
    assert said.endswith(" ms, for .mkv files round them")


def test_what_is_lost_of_frames_is_said(art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, events = tmp_path / "fields.mkv", list[Event]()
    write(path, Clip(codec="mpeg2video", base=Fraction(1, 25), times=range(5), options={"flags": "+ildct+ilme"}))
    video = replace(describe(path), left_behind=("closed captions", "HDR light levels"))
    monkeypatch.setattr("gantools.enhance.files.describe", lambda _: video)
    enhance(art, path, tmp_path / "out.mkv", QUICK, on_event=events.append)
    assert [event.text for event in events if isinstance(event, Note)] == [
        "'fields.mkv' is interlaced: two fields are treated as one picture",
        "not kept, for PyAV cannot hand them on: closed captions, HDR light levels",
    ]


def test_a_codec_that_nobody_knows_is_refused(art: Path, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "strange.mp4"
    path.write_bytes(clip.read_bytes().replace(b"avc1", b"zzzz"))
    assert "is in a codec that FFmpeg cannot decode here" in refused(DataError, art, path, tmp_path / "o.mp4").message


def test_the_file_is_counted_before_it_appears(
    art: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantools.media.video import join

    survey = join._survey
    monkeypatch.setattr(join, "_survey", lambda pieces: (survey(pieces)[0] + 1, *survey(pieces)[1:]))
    with pytest.raises(BackendError, match="the joined file holds 20 frames, and 21 were written"):
        enhance(art, clip, tmp_path / "out.mp4", QUICK)
    assert not (tmp_path / "out.mp4").exists()


def test_a_muxer_that_refuses_is_a_sentence(
    art: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantools.media.video import join

    monkeypatch.setattr(join, "_survey", lambda _: (20, 0, 0))  # frames are shown before they are decoded
    with pytest.raises(BackendError, match=r"'out.mp4' cannot be written: .*Invalid argument"):
        enhance(art, clip, tmp_path / "out.mp4", QUICK)


def test_an_encoder_that_gives_up_is_a_sentence(
    art: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantools.media.video import encoder

    class Broken:
        extradata = b""

        def encode(self, _: object) -> None:
            raise Av.error.ExternalError(-1, "no more")

    monkeypatch.setattr(encoder, "opened", lambda _: Broken())
    assert "the encoder gave up: " in refused(BackendError, art, clip, tmp_path / "out.mp4").message


def test_avi_is_read_exactly_and_written_with_a_word(art: Path, tmp_path: Path) -> None:
    """AVI has no times: players count, and assume another order of frames for some codecs."""
    path, events = tmp_path / "clip.avi", list[Event]()
    times, sounds = range(12), (("mp2", "eng"),)
    write(path, Clip(codec="mpeg4", base=Fraction(1, 25), times=times, options={"bf": "2"}, sounds=sounds))
    enhance(art, path, tmp_path / "out.mkv", QUICK, on_event=events.append)
    assert facts_of(tmp_path / "out.mkv").times == facts_of(path).times
    assert [event for event in events if isinstance(event, Note)] == []
    enhance(art, path, tmp_path / "out.avi", QUICK, on_event=events.append)
    found = facts_of(tmp_path / "out.avi")
    assert {later - early for early, later in pairwise(found.times)} == {Fraction(1, 25)}
    assert found.frames == 12
    (said,) = [event.text for event in events if isinstance(event, Note)]
    assert said == "everything is 0.040 seconds later than in 'clip.avi', for .avi files begin at 0"
