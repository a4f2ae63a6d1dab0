from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantools.data.survey import survey


def test_a_folder_is_described_as_it_is(noise: Any, tmp_path: Path) -> None:
    for number, pixels in enumerate(noise(3, 40)):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (30, 50)).save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "broken.png").write_bytes(b"nothing")
    found = survey(str(tmp_path))
    assert (found.count, found.broken) == (5, 1)
    assert found.sizes == {(40, 40): 3, (50, 30): 1}
    assert found.modes == {"RGB": 3, "L": 1}
    assert (found.resolution, found.channels) == (40, 3)


@pytest.mark.parametrize(("edge", "resolution"), [(4, 8), (28, 28), (500, 64)])
def test_arrays_are_compared_at_their_own_size_within_limits(edge: int, resolution: int, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, edge, edge), np.uint8))
    found = survey(str(tmp_path / "a.npy"))
    assert (found.count, found.sizes, found.resolution, found.channels) == (2, {(edge, edge): 2}, resolution, 1)


def test_a_set_of_broken_files_alone_has_a_survey(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"nothing")
    assert survey(str(tmp_path)).resolution == 64
