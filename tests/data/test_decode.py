from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import DataError
from gantools.data.decode import decode_file


def test_a_file_becomes_a_square_of_the_size_that_was_asked_for(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), (10, 20, 30)).save(tmp_path / "a.png")
    found = decode_file(tmp_path / "a.png", resolution=8, channels=3)
    np.testing.assert_array_equal(found, np.broadcast_to(np.array([10, 20, 30], np.uint8), (8, 8, 3)))
    padded = decode_file(tmp_path / "a.png", resolution=40, channels=1, fit="pad")
    assert (padded > 0).sum() == 20 * 20


def test_a_file_that_is_missing_or_no_image_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(DataError, match=r"text.png' is not an image that can be read") as caught:
        decode_file(tmp_path / "text.png", resolution=8, channels=3)
    assert caught.value.hint == "formats: PNG, JPEG, WEBP, PPM"
    with pytest.raises(DataError, match=r"none.png' does not exist"):
        decode_file(tmp_path / "none.png", resolution=8, channels=3)
