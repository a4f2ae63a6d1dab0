"""Two clips frame by frame, from real files."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import DataError, UnknownNameError
from gantools.core.events import Event, Note, Progress
from gantools.verify.clips import Comparison, compare_clips, curves_picture
from tests.enhance.clips import Clip, picture, write

LOSSLESS = Clip(codec="ffv1", pixels="yuv444p", base=Fraction(1, 1000), times=range(0, 480, 40))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "reference.mkv"
    write(path, LOSSLESS)
    return path


@pytest.fixture(scope="module")
def coarse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same by a lossy encoder."""
    path = tmp_path_factory.mktemp("clips") / "coarse.mkv"
    write(path, replace(LOSSLESS, codec="libx264", pixels="yuv444p", options={"crf": "35"}))
    return path


def means(found: Comparison) -> dict[str, float | None]:
    return {curve.protocol: curve.mean for curve in found.curves}


def test_values_are_those_of_the_decoded_frames(reference: Path, coarse: Path) -> None:
    found = compare_clips(reference, coarse, ["psnr-stored", "psnr-rgb", "psnr"], crop=3)
    assert (found.frames, found.frames_of, found.width, found.height) == (12, (12, 12), 64, 48)
    assert found.notes == ()
    both = [_planes(path)[:, 3:-3, 3:-3].astype(float) for path in (reference, coarse)]
    expected = [10 * np.log10(255**2 / np.square(one - other).mean()) for one, other in zip(*both, strict=True)]
    stored, rgb, brightness = found.curves
    assert stored.values == pytest.approx(expected)
    assert stored.worst == int(np.argmin(expected))
    assert [curve.protocol for curve in found.curves] == [
        "psnr-y-stored-crop3",
        "psnr-rgb-crop3",
        "psnr-y-bt601-crop3",
    ]
    assert brightness.mean == pytest.approx(stored.mean, abs=0.3), "the clip is of BT.601, so both are nearly the same"
    assert rgb.mean != brightness.mean


def _planes(path: Path) -> np.ndarray:
    import av

    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray()[0] for frame in container.decode(video=0)])


def test_equal_clips_and_the_order_of_arguments(reference: Path, coarse: Path) -> None:
    assert means(compare_clips(reference, reference)) == {"psnr-y-bt601-crop0": 100, "ssim-y-bt601-crop0": 1}
    one, other = (
        means(compare_clips(*paths, ["psnr", "flicker"])) for paths in ((reference, coarse), (coarse, reference))
    )
    assert one["psnr-y-bt601-crop0"] == other["psnr-y-bt601-crop0"]
    assert one["flicker-dis-y-bt601-crop0"] != other["flicker-dis-y-bt601-crop0"]


def test_vmaf_says_which_brightness_it_saw(reference: Path, coarse: Path, tmp_path: Path) -> None:
    assert list(means(compare_clips(reference, coarse, ["vmaf"]))) == ["vmaf-v0.6.1-y-stored-crop0"]
    other = tmp_path / "bt709.mkv"
    write(other, replace(LOSSLESS, colours=(1, 1, 1, 1)))
    found = compare_clips(reference, other, ["vmaf", "psnr"])
    assert list(means(found)) == ["vmaf-v0.6.1-y-bt601-crop0", "psnr-y-bt601-crop0"]
    assert (found.curves[1].mean or 0) > 45, "other numbers, the same colours"
    with pytest.raises(DataError, match="measured between two videos of 8 bits in one matrix and one range"):
        compare_clips(reference, other, ["psnr-stored"])


def test_sizes_that_differ_are_refused(reference: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.mkv"
    write(small, replace(LOSSLESS, size=(32, 24)))
    with pytest.raises(DataError, match=r"sizes differ: 'reference.mkv' has 64x48 and 'small.mkv' has 32x24 pixels"):
        compare_clips(reference, small)
    with pytest.raises(DataError, match="--crop 24 leaves nothing of 64x48 pixels"):
        compare_clips(reference, reference, crop=24)


def test_counts_and_times_that_differ_are_said(reference: Path, tmp_path: Path) -> None:
    short, events = tmp_path / "short.mkv", list[Event]()
    write(short, replace(LOSSLESS, times=(0, 40, 80, 130, 200)))
    for paths, counts in (((reference, short), (12, 5)), ((short, reference), (5, 12))):
        found = compare_clips(*paths, ["psnr"], on_event=events.append)
        assert found.frames_of == counts
        assert found.frames == len(found.curves[0].values) == 5
        assert found.notes[0].endswith(f"has {counts[1]}: the first 5 of each are compared")
        assert found.notes[1].startswith("times of frames differ from frame 3 on, by up to 0.040 seconds")
        assert means(found) == {"psnr-y-bt601-crop0": 100}
    assert [event.text for event in events if isinstance(event, Note)][:2] == list(
        compare_clips(reference, short, ["psnr"]).notes
    )
    assert [event.done for event in events if isinstance(event, Progress)][:5] == [1, 2, 3, 4, 5]


def test_ten_bits_are_compared_as_eight_and_that_is_said(reference: Path, tmp_path: Path) -> None:
    deep = tmp_path / "deep.mkv"
    write(deep, replace(LOSSLESS, pixels="yuv444p10le"))
    found = compare_clips(reference, deep, ["psnr"])
    assert found.notes == ("'deep.mkv' has 10 bits, and is compared as 8",)
    assert (found.curves[0].mean or 0) > 45


def test_folders_of_pictures_and_single_ones(tmp_path: Path) -> None:
    one, other, empty = (tmp_path / name for name in ("one", "other", "empty"))
    for folder in (one, other, empty):
        folder.mkdir()
    for number in range(3):
        pixels = picture(number, (64, 48))
        Image.fromarray(pixels).save(one / f"{number}.png")
        Image.fromarray(255 - pixels if number == 1 else pixels).save(other / f"{number}.{'bmp' if number else 'png'}")
    found = compare_clips(one, other, ["psnr", "tof"])
    assert [value == 100 for value in found.curves[0].values] == [True, False, True]
    assert (found.curves[0].worst, found.curves[1].values[0], found.notes) == (1, None, ())
    assert compare_clips(one / "0.png", other / "0.png", ["psnr", "tof"]).curves[1].mean is None, "one has no motion"
    (other / "2.bmp").rename(other / "3.bmp")
    assert compare_clips(one, other).notes == (
        "pictures are compared in order, and their names differ: '2.png' and '3.bmp'",
    )
    with pytest.raises(DataError, match="empty' holds no pictures"):
        compare_clips(one, empty)


def test_what_is_not_there_is_refused(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.mp4' does not exist"):
        compare_clips(reference, tmp_path / "none.mp4")
    with pytest.raises(UnknownNameError, match="no metric of clips is called 'pnsr'; did you mean 'psnr'"):
        compare_clips(reference, reference, ["pnsr"])


def test_curves_become_a_picture(reference: Path, coarse: Path) -> None:
    found = compare_clips(reference, coarse, ["psnr", "tof"])
    drawn = curves_picture(found)
    assert drawn.shape == (400, 720, 3)
    assert len(np.unique(drawn[:200].reshape(-1, 3), axis=0)) > 10
    assert (drawn[:200] != drawn[200:]).any()
