import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.test_app import gantools
from tests.zoo import make_artifact, make_autoencoder


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_autoencoder(tmp_path_factory.mktemp("zoo") / "art").path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    np.save(tmp_path / "images.npy", np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8))
    return tmp_path / "images.npy"


def test_each_original_stands_beside_its_reconstruction(art: Path, images: Path, tmp_path: Path) -> None:
    done = gantools("reconstruct", art, images, "--count", "6", "--columns", "2", "--out", tmp_path / "g.png")
    assert done.returncode == 0, done.stderr
    assert "6 pairs, PSNR infinite" in done.stderr
    with Image.open(tmp_path / "g.png") as grid:
        assert grid.size == (4 * 4 + 3 * 2, 3 * 4 + 2 * 2)
        assert grid.info["gantools.images"] == str(images)
        pixels = np.asarray(grid)
    np.testing.assert_array_equal(pixels[:4, :4], pixels[:4, 6:10])


def test_pairs_come_as_an_array_or_as_files(art: Path, images: Path, tmp_path: Path) -> None:
    done = gantools("reconstruct", art, images, "--count", "3", "--out", tmp_path / "a.npy", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["count"], result["psnr_db"]) == (3, None)
    pairs = np.load(tmp_path / "a.npy")
    assert pairs.shape == (3, 2, 4, 4, 1)
    np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
    assert gantools("reconstruct", art, images, "--count", "100", "--out", tmp_path / "all").returncode == 0
    names = {path.name for path in (tmp_path / "all").iterdir()}
    assert len(names) == 40, "there are no more images than these"
    assert {"0-original.png", "0-reconstruction.png", "19-reconstruction.png"} <= names


def test_what_cannot_be_reconstructed_is_one_sentence(art: Path, tmp_path: Path) -> None:
    make_artifact(tmp_path / "plain")
    done = gantools("reconstruct", tmp_path / "plain", tmp_path / "none", "--out", tmp_path / "g.png")
    assert done.returncode == 1
    assert "plain' has no graph 'encoder', which finds the latent of an image" in done.stderr
    assert "hint: models with an encoder, such as model.name=vae" in done.stderr
    done = gantools("reconstruct", art, tmp_path / "none", "--out", tmp_path / "g.png")
    assert done.returncode == 1
    assert f"'{tmp_path / 'none'}' does not exist" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]
