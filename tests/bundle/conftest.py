"""One small artifact of each sort: what every kind of bundle is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gantools.core.artifact import MANIFEST, Examples, load_artifact, seal
from gantools.core.atomic import staged_folder
from tests.bundle.films import MODELS_OF, make_film
from tests.bundle.texts import make_texts
from tests.enhance.networks import make_image_to_image
from tests.zoo import make_artifact, make_conditional

SORTS = ("images", "classes", "enlarger", "texts")


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sort -> folder: images of seeds, the same with classes and a setting, images of images, texts."""
    folder = tmp_path_factory.mktemp("artifacts")
    made = {
        "images": make_artifact(folder / "images", "resize").path,
        "classes": make_conditional(folder / "classes").path,
        "enlarger": with_examples(make_image_to_image(folder / "plain").path, folder / "enlarger"),
        "texts": make_texts(folder / "texts"),
    }
    assert tuple(made) == SORTS
    return made


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """How frames depend on others -> folder of an artifact."""
    folder = tmp_path_factory.mktemp("films")
    return {how: make_film(folder / how.replace(" ", "-"), how) for how in MODELS_OF}


def with_examples(path: Path, folder: Path) -> Path:
    """The same artifact with two pictures of slopes that it is tried on."""
    manifest = load_artifact(path).manifest
    row = np.arange(24, dtype=np.float64)
    slope = (row[:, None, None] * 5 + row[None, :20, None] * 4) * np.array([1.0, 0.7, 0.4])
    with staged_folder(folder, marker=MANIFEST) as staged:
        for entry in manifest.graphs.values():
            (staged / entry.file).write_bytes((path / entry.file).read_bytes())
        np.save(staged / "examples.npy", np.stack([slope, 255 - slope]).astype(np.uint8), allow_pickle=False)
        seal(staged, manifest.model_copy(update={"examples": Examples(file="examples.npy", count=2)}))
    return folder
