import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantools.core.atomic import write_atomic
from gantools.core.errors import ArtifactError
from gantools.media.grid import image_grid, png_bytes, save_grid, save_images

IMAGES = np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3, 1)


def test_a_grid_places_images_row_by_row_on_white() -> None:
    grid = image_grid(IMAGES, columns=3, gap=1)
    assert grid.shape == (5, 11, 1)
    np.testing.assert_array_equal(grid[0:2, 0:3], IMAGES[0])
    np.testing.assert_array_equal(grid[3:5, 4:7], IMAGES[4])
    assert (grid[2] == 255).all()
    assert (grid[3:5, 8:11] == 255).all()


def test_a_grid_is_as_square_as_possible_and_never_wider_than_its_images() -> None:
    assert image_grid(IMAGES, gap=0).shape == (4, 9, 1)
    assert image_grid(IMAGES[:2], columns=8, gap=0).shape == (2, 6, 1)


def test_a_png_carries_pixels_and_origin() -> None:
    colour = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(png_bytes(colour, {"gantools.seeds": "0-3"}))) as image:
        assert image.mode == "RGB"
        assert image.info["gantools.seeds"] == "0-3"
        np.testing.assert_array_equal(np.asarray(image), colour)


def test_a_grey_png_can_be_enlarged(tmp_path: Path) -> None:
    save_grid(tmp_path / "g.png", IMAGES[:1], scale=4)
    with Image.open(tmp_path / "g.png") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image)[::4, ::4], IMAGES[0, ..., 0])


def test_the_suffix_says_whether_images_become_a_grid_an_array_or_files(tmp_path: Path) -> None:
    rows, names = IMAGES[:4].reshape(2, 2, 2, 3, 1), ["a", "b", "c", "d"]
    save_images(tmp_path / "x.npy", rows, names)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), rows)
    save_images(tmp_path / "x.png", rows, names)
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (2 * 3 + 2, 2 * 2 + 2), "as many columns as the array has"
    save_images(tmp_path / "x", rows, names, metadata={"of": "all"}, own=[{"name": name} for name in names])
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["a.png", "b.png", "c.png", "d.png"]
    with Image.open(tmp_path / "x/c.png") as image:
        assert (image.info["of"], image.info["name"]) == ("all", "c")
        np.testing.assert_array_equal(np.asarray(image), IMAGES[2, ..., 0])


def test_a_folder_that_fills_the_disk_says_how_many_are_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(path: Path, content: bytes) -> None:
        if path.name == "c.png":
            raise ArtifactError("cannot write 'c.png': No space left on device.", hint="nothing half-written was left")
        write_atomic(path, content)

    monkeypatch.setattr("gantools.media.grid.write_atomic", refusing)
    with pytest.raises(ArtifactError, match="No space left") as caught:
        save_images(tmp_path / "out", np.zeros((4, 2, 2, 3), np.uint8), ["a", "b", "c", "d"])
    assert caught.value.hint == f"2 of 4 pictures are in '{tmp_path / 'out'}', whole, and the others are not"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
