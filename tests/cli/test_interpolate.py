import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.test_app import gantools
from tests.zoo import make_autoencoder, make_conditional


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_autoencoder(tmp_path_factory.mktemp("zoo") / "art").path


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_conditional(tmp_path_factory.mktemp("zoo") / "art").path


def test_a_row_leads_from_each_seed_to_the_next(coded: Path, tmp_path: Path) -> None:
    done = gantools("interpolate", coded, "--seeds", "3,7,11", "--steps", "5", "--out", tmp_path / "a.npy", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["rows"], result["steps"], result["gantools.seeds"]) == (2, 5, "3,7,11")
    ways = np.load(tmp_path / "a.npy")
    assert ways.shape == (2, 5, 4, 4, 1)
    assert gantools("sample", coded, "--seeds", "3,7,11", "--out", tmp_path / "s.npy").returncode == 0
    samples = np.load(tmp_path / "s.npy")
    np.testing.assert_array_equal(ways[:, 0], samples[:2])
    np.testing.assert_array_equal(ways[:, -1], samples[1:])
    assert (
        gantools("interpolate", coded, "--seeds", "3,7,11", "--steps", "5", "--out", tmp_path / "g.png").returncode == 0
    )
    with Image.open(tmp_path / "g.png") as strip:
        assert strip.size == (5 * 4 + 4 * 2, 2 * 4 + 2)


def test_a_row_leads_from_each_image_to_the_next(coded: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4), np.uint8)
    for name, one in zip("ab", pixels, strict=True):
        Image.fromarray(one).save(tmp_path / f"{name}.png")
    files = f"{tmp_path / 'a.png'},{tmp_path / 'b.png'}"
    done = gantools("interpolate", coded, "--images", files, "--steps", "3", "--out", tmp_path / "way")
    assert done.returncode == 0, done.stderr
    assert "1 way of 3 samples" in done.stderr
    assert sorted(path.name for path in (tmp_path / "way").iterdir()) == ["00-000.png", "00-001.png", "00-002.png"]
    for name, one in (("00-000", pixels[0]), ("00-002", pixels[1])):
        with Image.open(tmp_path / f"way/{name}.png") as image:
            np.testing.assert_array_equal(np.asarray(image), one)


def test_a_class_and_settings_stay_on_the_way(conditional: Path, tmp_path: Path) -> None:
    chosen = ["--label", "2", "--set", "truncation=0"]
    done = gantools("interpolate", conditional, "--seeds", "1,2", *chosen, "--out", tmp_path / "a.npy")
    assert done.returncode == 0, done.stderr
    assert (np.load(tmp_path / "a.npy") == 248).all()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give --seeds, --images or --text, one of the three"),
        (["--seeds", "1,2", "--images", "a.png"], 2, "give --seeds, --images or --text, one of the three"),
        (["--seeds", "3"], 1, "a walk goes from one point to another, got 1"),
        (["--images", "a.png,b.png", "--label", "0"], 2, "--label goes with --seeds"),
        (["--images", "a.png,b.png", "--set", "a=1"], 2, "--set goes with --seeds or --text, not with --images"),
        (["--text", "a", "--text", "b"], 2, "makes images, and --text is of texts"),
        (["--images", "none.png,none.png"], 1, "'none.png' does not exist"),
        (["--images", "text.png,text.png"], 1, "'text.png' is not an image that can be read"),
        (["--images", "one.png"], 1, "a walk goes from one point to another, got 1"),
    ],
)
def test_a_walk_that_cannot_be_made_is_one_sentence(
    coded: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    (tmp_path / "text.png").write_text("no image")
    Image.new("L", (4, 4)).save(tmp_path / "one.png")
    done = gantools("interpolate", coded, *arguments, "--out", "g.png", cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "g.png").exists()


def test_images_need_an_encoder(conditional: Path, tmp_path: Path) -> None:
    done = gantools("interpolate", conditional, "--images", "a.png,b.png", "--out", tmp_path / "g.png")
    assert done.returncode == 1
    assert "has no graph 'encoder'" in done.stderr
