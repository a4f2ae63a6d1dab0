"""What every row of the table of metrics of clips must do."""

import numpy as np
import pytest

from gantools.metrics.video import VIDEO_METRICS
from gantools.metrics.video.frame import Bytes
from gantools.metrics.video.metric import VideoMetric, mean_of
from tests.metrics.video.moving import measured, sliding

COUNT = 6
# What a clip has that is exactly the reference.
PERFECT = {"tof": 0.0, "flicker": 0.0, **{f"psnr{kind}": 100.0 for kind in ("", "-rgb", "-stored")}}
PERFECT |= {f"ssim{kind}": 1.0 for kind in ("", "-rgb", "-stored")}
TEMPORAL = {"tof", "warping", "flicker"}


@pytest.fixture(params=list(VIDEO_METRICS))
def named(request: pytest.FixtureRequest) -> tuple[str, VideoMetric]:
    return request.param, VIDEO_METRICS.load(request.param)


@pytest.fixture(scope="module")
def clip() -> list[Bytes]:
    return sliding(COUNT)


def noisy(clip: list[Bytes], strength: float) -> list[Bytes]:
    rng = np.random.default_rng(0)
    return [np.clip(one + rng.normal(0, strength, one.shape), 0, 255).astype(np.uint8) for one in clip]


def test_the_table_holds_the_metrics_these_tests_know() -> None:
    assert set(VIDEO_METRICS) == {*PERFECT, "warping", "vmaf"}
    assert len(VIDEO_METRICS) == 10
    protocols = [VIDEO_METRICS.load(name).protocol for name in VIDEO_METRICS]
    assert len(set(protocols)) == 10
    assert all("crop{crop}" in protocol for protocol in protocols)


def test_the_reference_itself_is_perfect_and_noise_makes_it_worse(
    named: tuple[str, VideoMetric], clip: list[Bytes]
) -> None:
    name, metric = named
    found = [measured(metric, clip, made) for made in (clip, noisy(clip, 4), noisy(clip, 16))]
    means = [mean_of(values)[0] for values in found]
    assert all(len(values) == COUNT for values in found)
    assert all((values[0] is None) == (name in TEMPORAL) for values in found)
    perfect, slight, strong = (mean for mean in means if mean is not None)
    assert perfect == pytest.approx(PERFECT[name]) if name in PERFECT else perfect >= 0
    assert perfect > slight > strong if metric.higher_is_better else perfect < slight < strong


def test_each_value_is_of_its_own_frame(named: tuple[str, VideoMetric], clip: list[Bytes]) -> None:
    """One damaged frame: what needs one frame sees it there, what needs two sees it there and in the next."""
    name, metric = named
    damaged = [*clip[:3], noisy(clip, 30)[3], *clip[4:]]
    good, found = (np.array(measured(metric, clip, made), np.float64) for made in (clip, damaged))
    if name == "vmaf":  # looks around in time
        assert int(np.argmax(good - found)) == 3
        return
    seen = {3, 4} if name in TEMPORAL else {3}
    assert {int(place) for place in np.flatnonzero(np.nan_to_num(np.abs(good - found)) > 1e-9)} == seen
