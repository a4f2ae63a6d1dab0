"""Films that do not flicker: what is averaged, what is left as it is, and what goes on after a crash."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from gantools.cli.app import app
from gantools.core.errors import RecipeError
from gantools.core.events import Event, Progress
from gantools.enhance import enhance
from gantools.enhance.steady import Steady, blurred, steady_of
from tests.enhance.test_resume import QUICK, assert_same_pictures, pictures

SMOOTH = replace(QUICK, smooth=0.8)


def noise(count: int, size: int = 24, strength: int = 2, seed: int = 0) -> np.ndarray:
    """A grey that stays, with the noise of a camera: (count, size, size, 3) uint8."""
    return np.random.default_rng(seed).integers(120 - strength, 121 + strength, (count, size, size, 3), np.uint8)


def test_the_blur_is_the_mean_around_a_pixel_and_edges_go_on() -> None:
    values = np.random.default_rng(0).random((9, 12), np.float32)
    found = blurred(values)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[4, 5], values[2:7, 3:8].mean(), rtol=1e-6)
    corner = np.pad(values, 2, mode="edge")[:5, :5].mean()
    np.testing.assert_allclose(found[0, 0], corner, rtol=1e-6)


@pytest.mark.parametrize("scale", [1, 2])
def test_where_nothing_moves_results_are_averaged_over_frames(scale: int) -> None:
    source = noise(40, strength=1)
    made = np.random.default_rng(1).integers(80, 177, (40, 24 * scale, 24 * scale, 3), np.uint8)  # it flickers
    found = Steady(0.8, scale).run(source, made)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[0], made[0])
    # A mean with weights s^k (1 - s) has (1 - s) / (1 + s) of the variance, here a third of the deviation.
    assert found[20:].std() < 0.45 * made[20:].std()
    assert abs(found[20:].mean() - made[20:].mean()) < 1


def test_cuts_and_what_moves_are_as_the_network_made_them() -> None:
    source, made = noise(4), noise(4, strength=60, seed=1)
    source[2:] = 255 - source[2:] // 2  # another scene
    source[:, :8, :8] = 30 * np.arange(4)[:, None, None, None]  # something that changes in a corner
    found = Steady(0.8, 1).run(source, made)
    np.testing.assert_array_equal(found[2], made[2])
    np.testing.assert_array_equal(found[:, :6, :6], made[:, :6, :6])
    assert (found[1, 12:, 12:] != made[1, 12:, 12:]).mean() > 0.5
    assert (found[3, 12:, 12:] != made[3, 12:, 12:]).mean() > 0.5, "the next scene is steadied as well"


def test_what_changes_slowly_is_not_kept_for_ever() -> None:
    """A fade of one level a frame, below all noise: the result follows a few frames behind."""
    source = np.repeat(np.arange(40, 140, dtype=np.uint8), 12 * 12 * 3).reshape(100, 12, 12, 3)
    found = Steady(0.95, 1).run(source, source)
    behind = source.astype(int) - found
    assert behind.min() >= 0
    assert 0 < behind.max() <= 4


def test_a_film_in_any_groups_is_the_same_and_deep_pixels_stay_deep() -> None:
    source, made = noise(6), noise(6, strength=40, seed=1).astype(np.uint16) * 257
    together, apart = Steady(0.7, 1), Steady(0.7, 1)
    whole = together.run(source, made)
    parts = [apart.run(source[first : first + 2], made[first : first + 2]) for first in (0, 2, 4)]
    assert whole.dtype == np.uint16
    assert (whole[1:] % 257 != 0).any()
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert set(together.state) == {"shown", "seen"}


def test_a_run_that_was_stopped_goes_on_to_the_same_file(art: Path, clip: Path, tmp_path: Path) -> None:
    whole, out, plain = (tmp_path / f"{name}.mp4" for name in ("whole", "out", "plain"))
    assert enhance(art, clip, whole, SMOOTH).computed == 20
    enhance(art, clip, plain, QUICK)
    differ = [(one != other).any() for (_, one), (_, other) in zip(pictures(whole), pictures(plain), strict=True)]
    assert any(differ[1:])

    def watch(event: Event) -> None:
        if isinstance(event, Progress) and event.done >= 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        enhance(art, clip, out, SMOOTH, on_event=watch)
    assert (tmp_path / ".out.mp4.pieces/000002.state.npz").is_file()
    with pytest.raises(RecipeError, match=r"the earlier run to .* had another smoothing"):
        enhance(art, clip, out, replace(SMOOTH, resume=True, smooth=0.5))
    report = enhance(art, clip, out, replace(SMOOTH, resume=True))
    assert (report.count, report.computed) == (20, 8)
    assert_same_pictures(out, whole)


def test_tiles_are_steadied_as_whole_frames_are(art: Path, clip: Path, tmp_path: Path) -> None:
    whole, tiled = tmp_path / "whole.mp4", tmp_path / "tiled.mp4"
    enhance(art, clip, whole, SMOOTH)
    assert "tiles of 32" in enhance(art, clip, tiled, replace(SMOOTH, tile=32)).plan
    assert_same_pictures(whole, tiled)


class Net:
    """As much of a network as is asked."""

    def __init__(self, *, recurrent: bool = False, between: bool = False) -> None:
        self.recurrent, self.between, self.scale = recurrent, between, 2
        self.generator: Any = type("G", (), {})()
        self.generator.artifact = type("A", (), {"manifest": type("M", (), {"name": "net"})()})()


@pytest.mark.parametrize(
    ("net", "share", "message"),
    [
        (Net(), 1.0, r"--smooth 1: it is a share, at least 0 and less than 1\."),
        (Net(), -0.5, r"--smooth -0.5: it is a share, at least 0 and less than 1\."),
        (Net(recurrent=True), 0.5, r"--smooth 0.5: 'net' is recurrent, and carries along what it showed\."),
        (Net(between=True), 0.5, r"--smooth 0.5: 'net' makes frames between frames\."),
    ],
)
def test_what_cannot_be_steadied_is_refused(net: Any, share: float, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        steady_of(net, share)
    assert steady_of(net, 0.0) is None


def test_the_command_refuses_it_for_pictures_before_anything_is_made(art: Path, tmp_path: Path) -> None:
    Image.fromarray(noise(1)[0]).save(tmp_path / "still.png")
    told = CliRunner().invoke(
        app, ["enhance", str(art), str(tmp_path / "still.png"), str(tmp_path / "out.png"), "--smooth", "0.5"]
    )
    assert told.exit_code != 0
    error = told.exception
    assert isinstance(error, RecipeError)
    assert str(error) == f"--smooth 0.5: it is for videos, and '{tmp_path / 'still.png'}' is none."
    assert [path.name for path in tmp_path.iterdir()] == ["still.png"]
