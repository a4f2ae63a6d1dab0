"""Networks and clips that the tests share: both are written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.enhance.clips import Clip, write
from tests.enhance.networks import make_image_to_image


@pytest.fixture(scope="session")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that enlarges colour images twice."""
    return make_image_to_image(tmp_path_factory.mktemp("networks") / "colour").path


@pytest.fixture(scope="session")
def grey_art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for brightness."""
    return make_image_to_image(tmp_path_factory.mktemp("networks") / "grey", channels=1).path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty frames with sound."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write(path, Clip(times=tuple(512 * n for n in range(20)), sounds=(("aac", "eng"),)))
    return path
