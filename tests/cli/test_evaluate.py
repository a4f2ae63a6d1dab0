import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.cli.test_app import gantools


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """120 digits and 240 others, as PNG files."""
    images = np.rint(load_digits().images[:360] * (255 / 16)).astype(np.uint8)
    for number, image in enumerate(images):
        folder = tmp_path / ("made" if number % 3 == 0 else "real")
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:03d}.png")
    return tmp_path / "made", tmp_path / "real"


def test_two_folders_of_images_are_scored_without_an_artifact(folders: tuple[Path, Path]) -> None:
    made, real = folders
    line: list[str | Path] = [
        "evaluate",
        "--images",
        made,
        "--data",
        real,
        "--resolution",
        "32",
        "--extractor",
        "digits-cnn",
    ]
    done = gantools(*line, "--metrics", "kid,coverage,is", "--references", "200", "--samples", "100", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["images"] == str(made)
    assert [card["name"] for card in document["cards"]] == ["kid-digits-cnn", "coverage-digits-cnn", "is-digits-cnn"]
    assert [card["references"] for card in document["cards"]] == [200, 200, 0]
    assert {card["samples"] for card in document["cards"]} == {100}
    assert {(card["samples"], card["seeds"]) for card in document["floor"]} == {(100, "half of the references")}
    assert document["cards"][0]["seeds"] == f"images {document['digest'][:12]}"
    table = gantools(*line, "--metrics", "kid, coverage,is,kid").stdout
    for text in (
        "kid-digits-cnn",
        "coverage-digits-cnn (k 5)",
        "is-digits-cnn (10 splits)",
        "higher",
        "none",
        "120 half of",
    ):
        assert text in table


@pytest.mark.parametrize(
    ("arguments", "code", "match"),
    [
        ([], 2, "give an artifact or --images, one of the two."),
        (["art", "--images", "made"], 2, "give an artifact or --images, one of the two."),
        (["--images", "made"], 2, "--images and --resolution belong together."),
        (["art", "--resolution", "32"], 2, "--images and --resolution belong together."),
        (["art", "--metrics", "kid,fit"], 2, "no metric is called 'fit'; did you mean 'fid'"),
        (["art", "--metrics", "self-blue"], 2, "no metric is called 'self-blue'; did you mean 'self-bleu'"),
        (["art", "--out", "page.pdf"], 2, "--out takes a file that ends in .html, got 'page.pdf'"),
        (["art", "--temperatures", "0.5,warm"], 2, "--temperatures takes numbers such as 0.5,0.7,1, got '0.5,warm'"),
        (
            ["--images", "made", "--resolution", "32", "--baseline", "art", "--out", "page.html"],
            2,
            "--out, --baseline is for texts, and these are images.",
        ),
        (["--images", "made", "--resolution", "32", "--metrics", "bleu"], 2, "no metric is called 'bleu'"),
        (["--images", "made", "--resolution", "32"], 1, "the image source 'none' does not exist"),
    ],
)
def test_what_cannot_be_scored_is_a_sentence(arguments: list[str], code: int, match: str, tmp_path: Path) -> None:
    done = gantools("evaluate", *arguments, "--data", "none" if code == 1 else "builtin:digits", cwd=tmp_path)
    assert done.returncode == code
    assert match in done.stderr
    assert "Traceback" not in done.stderr
