"""Photos in their own sizes, and pairs of what a network gets and what it should make."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import DataError
from gantools.core.spec import AxisRange
from gantools.data.photos import open_pairs, open_photos

FREE = AxisRange(min=8, opt=16, max=64)


def save(path: Path, height: int, width: int, shade: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((height, width, 3), shade, np.uint8)
    pixels[height // 2 :, width // 2 :] = 200
    Image.fromarray(pixels).save(path)


def test_large_photos_give_their_middle_and_small_ones_are_enlarged(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 40, 60)
    save(tmp_path / "b" / "c.png", 5, 6)
    photos = open_photos(tmp_path, height=20, width=30, channels=3, most=9)
    assert photos.shape == (2, 20, 30, 3)
    assert (photos[0, :10, :15] == 90).all()
    assert (photos[0, 10:, 15:] == 200).all(), "not one pixel is changed"
    assert open_photos(tmp_path, height=20, width=30, channels=1, most=1).shape == (1, 20, 30, 1)


def test_inputs_are_made_of_targets_for_a_network_that_enlarges(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 67, 90)
    save(tmp_path / "b.png", 33, 47)
    save(tmp_path / "tiny.png", 15, 90)
    pairs = open_pairs(tmp_path, sizes=(FREE, FREE), channels=(1, 3), scale=2, most=9)
    assert [one.shape for one in pairs.inputs] == [(16, 16, 1), (16, 16, 1)], "the tiny one has no 8 rows"
    assert [one.shape for one in pairs.targets] == [(32, 32, 3), (32, 32, 3)]
    fixed = open_pairs(tmp_path, sizes=(12, 20), channels=(3, 3), scale=2, most=9)
    assert {one.shape for one in fixed.inputs} == {(12, 20, 3)}
    assert len(fixed.inputs) == 3
    assert fixed.digest != pairs.digest
    assert fixed.digest == open_pairs(tmp_path, sizes=(12, 20), channels=(3, 3), scale=2, most=9).digest


def test_inputs_of_the_same_names_are_used_as_they_are(tmp_path: Path) -> None:
    want, have, small = tmp_path / "want", tmp_path / "have", tmp_path / "small"
    save(want / "a.png", 30, 40)
    save(have / "a.png", 30, 40, shade=50)
    pairs = open_pairs(want, sizes=(FREE, FREE), channels=(3, 3), scale=1, inputs=have, most=9)
    assert (pairs.inputs[0][0, 0, 0], pairs.targets[0][0, 0, 0]) == (50, 90)
    save(small / "other.png", 30, 40)
    made = open_pairs(want, sizes=(8, 8), channels=(3, 3), scale=2, inputs=small, most=9)
    assert made.inputs[0][0, 0, 0] == 90, "a folder of other names holds no inputs"


def test_what_cannot_be_paired_is_refused(tmp_path: Path) -> None:
    want, have, free = tmp_path / "want", tmp_path / "have", (FREE, FREE)
    save(want / "a.png", 30, 40)
    with pytest.raises(DataError, match="keeps the size of images") as caught:
        open_pairs(want, sizes=free, channels=(3, 3), scale=1, most=9)
    assert caught.value.hint == "give the inputs as --calibrate FOLDER, with the same file names"
    save(have / "a.png", 30, 41)
    with pytest.raises(DataError, match=r"'a.png' is 40x30 pixels and its input 41x30"):
        open_pairs(want, sizes=free, channels=(3, 3), scale=1, inputs=have, most=9)
    with pytest.raises(DataError, match=r"a\.png' does not exist"):
        open_pairs(want, sizes=free, channels=(3, 3), scale=1, inputs=tmp_path, most=9)
    with pytest.raises(DataError, match=r"no image in .* is large enough"):
        open_pairs(want, sizes=free, channels=(3, 3), scale=8, most=9)
    with pytest.raises(DataError, match="is no folder"):
        open_photos(tmp_path / "none", height=8, width=8, channels=3, most=1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there is no image in"):
        open_photos(tmp_path / "empty", height=8, width=8, channels=3, most=1)
    (want / "b.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"b\.png' is not an image that can be read"):
        open_photos(want, height=8, width=8, channels=3, most=9)
