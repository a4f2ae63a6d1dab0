"""What the metrics from frame to frame are there to see."""

import numpy as np
import pytest

from gantools.metrics.video import VIDEO_METRICS
from gantools.metrics.video.frame import Bytes
from gantools.metrics.video.metric import mean_of
from tests.metrics.video.moving import measured, sliding, texture


def mean(name: str, reference: list[Bytes], made: list[Bytes]) -> float:
    found = mean_of(measured(VIDEO_METRICS.load(name), reference, made))[0]
    assert found is not None
    return found


def lit(clip: list[Bytes], levels: int) -> list[Bytes]:
    """Every second frame is brighter."""
    return [np.clip(one.astype(int) + levels * (place % 2), 0, 255).astype(np.uint8) for place, one in enumerate(clip)]


def test_a_clip_that_flickers_is_seen_and_its_strength_is_told() -> None:
    """Six levels of each colour are 6 * 219 / 255 levels of brightness."""
    clip = sliding(6)
    assert mean("flicker", clip, lit(clip, 6)) == pytest.approx(6 * 219 / 255, rel=0.2)
    assert mean("warping", clip, lit(clip, 6)) > 2 * mean("warping", clip, clip)
    assert mean("psnr", clip, lit(clip, 6)) == pytest.approx(mean("psnr", clip, lit(clip, -6)), abs=0.3)


def test_brightness_that_is_off_by_as_much_in_every_frame_does_not_flicker() -> None:
    clip = sliding(6)
    brighter = [np.clip(one.astype(int) + 6, 0, 255).astype(np.uint8) for one in clip]
    assert abs(mean("flicker", clip, brighter)) < 0.1
    assert mean("psnr", clip, brighter) < 40


def test_a_clip_calmer_than_its_reference_is_below_zero() -> None:
    clip = sliding(6)
    assert mean("flicker", lit(clip, 6), clip) == pytest.approx(-mean("flicker", clip, lit(clip, 6)), rel=0.2)


def test_motion_that_is_too_fast_is_told_in_pixels() -> None:
    """The picture slides by (2, 1); the other by (3, 1), and by (2, 2)."""
    clip = sliding(6)
    for x, y in ((3, 1), (2, 2)):
        assert mean("tof", clip, sliding(6, x=x, y=y)) == pytest.approx(1, abs=0.25)
        assert mean("tof", sliding(6, x=x, y=y), clip) == pytest.approx(1, abs=0.25)


def test_behind_a_cut_there_is_nothing_to_compare() -> None:
    """Nothing was visible before; a little is taken for it by chance."""
    one, other = sliding(1)[0], np.rint(texture(7)[:64, :64]).astype(np.uint8)
    black = np.zeros_like(one)
    for name in ("warping", "flicker"):
        values = measured(VIDEO_METRICS.load(name), [one, other, other, black], [one, other, other, black])
        assert values[2] is not None
        assert values[0] is None
    assert np.isfinite(mean("warping", [one, other], [one, other]))
