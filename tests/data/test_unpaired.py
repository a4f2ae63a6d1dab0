"""Two kinds of pictures that do not belong together, and pictures that hold both side by side."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import DataError, RecipeError
from gantools.data.pairs.pairs import open_pair_set
from gantools.data.pairs.unpaired import UnpairedSet, open_unpaired_set


def folder_of(path: Path, levels: list[int], size: tuple[int, int] = (32, 40)) -> Path:
    """Pictures of one grey each."""
    path.mkdir()
    for number, level in enumerate(levels):
        Image.fromarray(np.full((*size, 3), level, np.uint8)).save(path / f"{number}.png")
    return path


@pytest.fixture
def sides(tmp_path: Path) -> UnpairedSet:
    given = folder_of(tmp_path / "given", [10, 20, 30, 40, 50])
    targets = folder_of(tmp_path / "targets", [200, 210, 220], (48, 24))
    return opened(tmp_path, given, targets=str(targets))


def opened(tmp_path: Path, source: Path, **options: Any) -> UnpairedSet:
    known: dict[str, Any] = {"channels": 3, "patch": 16, "cache": str(tmp_path / "cache")}
    return open_unpaired_set(str(source), **known | options)


def test_every_picture_of_the_larger_side_is_a_row(sides: UnpairedSet) -> None:
    assert len(sides) == 5
    given, targets = sides.draw(np.arange(5), 3)
    assert given.shape == targets.shape == (5, 1, 16, 16, 3)
    assert given[:, 0, 0, 0, 0].tolist() == [10, 20, 30, 40, 50]
    assert set(targets[:, 0, 0, 0, 0].tolist()) <= {200, 210, 220}


def test_any_picture_stands_beside_any(sides: UnpairedSet) -> None:
    beside = {int(sides.draw(np.array([0]), key)[1][0, 0, 0, 0, 0]) for key in range(40)}
    assert beside == {200, 210, 220}
    again = sides.draw(np.arange(5), 7, mirror=True, turn=True)
    assert all(
        np.array_equal(*both) for both in zip(again, sides.draw(np.arange(5), 7, mirror=True, turn=True), strict=True)
    )


def test_a_share_of_each_side_is_held_out(sides: UnpairedSet) -> None:
    learned, held_out = sides.split(0.4)
    assert [len(side.clips) for one in (learned, held_out) for side in (one.given, one.targets)] == [3, 2, 2, 1]
    assert not {*learned.given.names} & {*held_out.given.names}
    with pytest.raises(DataError, match="leaves a side empty"):
        sides.split(0.1)


def test_pictures_are_as_large_as_a_patch(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "a", [1])
    with pytest.raises(DataError, match=r"'0.png' in '.*' has 40x32 pixels, and a patch has 36x36"):
        opened(tmp_path, source, targets=str(source), patch=36)


def halved(tmp_path: Path, width: int = 80) -> Path:
    source = tmp_path / "both"
    source.mkdir()
    whole = np.zeros((32, width, 3), np.uint8)
    whole[:, width // 2 :] = 99
    Image.fromarray(whole).save(source / "one.png")
    return source


@pytest.mark.parametrize(("halves", "levels"), [("left-to-right", (0, 99)), ("right-to-left", (99, 0))])
def test_pictures_may_hold_a_pair_side_by_side(tmp_path: Path, halves: Any, levels: tuple[int, int]) -> None:
    source, cache = str(halved(tmp_path)), str(tmp_path / "cache")
    pairs = open_pair_set(source, halves=halves, channels=3, scale=1, patch=16, cache=cache)
    for drawn in (pairs.draw(np.array([0]), 1), opened(tmp_path, Path(source), halves=halves).draw(np.array([0]), 1)):
        assert tuple(int(one[0, 0, 0, 0, 0]) for one in drawn) == levels
    other: Any = {"left-to-right": "right-to-left", "right-to-left": "left-to-right"}[halves]
    turned = open_pair_set(source, halves=other, channels=3, scale=1, patch=16, cache=cache)
    assert turned.digest != pairs.digest


def test_a_pair_has_two_halves(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'one.png' in '.*' is 81 pixels wide, and has no two halves"):
        opened(tmp_path, halved(tmp_path, 81), halves="left-to-right")


def test_what_comes_out_is_said_once(tmp_path: Path) -> None:
    source = halved(tmp_path)
    with pytest.raises(RecipeError, match="does not say what images should become") as caught:
        opened(tmp_path, source)
    assert "data.halves" in str(caught.value.hint)
    with pytest.raises(RecipeError, match=r"by both data\.targets and data\.halves"):
        opened(tmp_path, source, targets=str(source), halves="left-to-right")
