import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from gantools.cli.app import app
from gantools.core.errors import DataError
from gantools.core.registry import Table
from gantools.data import published
from gantools.data.published import PublishedFile, PublishedSet


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Nine images of two classes, of which two are equal and one is another compressed again; and a broken file."""
    rng = np.random.default_rng(0)
    smooth = [
        np.asarray(
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((48, 48), Image.Resampling.BICUBIC)
        )
        for _ in range(7)
    ]
    for number, pixels in enumerate(smooth):
        folder = tmp_path / "pets" / ("cat" if number < 3 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    Image.fromarray(smooth[0]).save(tmp_path / "pets" / "dog" / "again.png")
    Image.fromarray(smooth[1]).save(tmp_path / "pets" / "dog" / "compressed.jpg", quality=70)
    (tmp_path / "pets" / "dog" / "broken.png").write_bytes(b"nothing")
    return tmp_path / "pets"


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["data", *map(str, arguments)], catch_exceptions=False)


def test_inspect_finds_what_was_hidden_in_a_set(pets: Path, tmp_path: Path) -> None:
    done = run("inspect", pets, "--sheet", tmp_path / "sheet.png", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["images"], found["broken"]) == (9, ["dog/broken.png"])
    assert found["sizes"] == {"48x48": 9}
    assert found["compared_at"] == {"resolution": 48, "channels": 3}
    assert found["classes"] == {"cat": 3, "dog": 6}
    assert found["statistics"]["repeated"] == 1
    assert found["duplicates"]["equal"] == [["cat/0.png", "dog/again.png"]]
    (near,) = found["duplicates"]["near"]
    assert (near["first"], near["second"]) == ("cat/1.png", "dog/compressed.jpg")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (2 * (4 * 48 + 3 * 2), 2 * 48), "two pairs side by side"


def test_inspect_says_it_in_words_too(pets: Path) -> None:
    done = run("inspect", pets, "--against", pets / "cat")
    assert done.exit_code == 0
    for text in (
        "9, and 1 broken",
        "cat 3, dog 6",
        "1 of 9 are equal to an earlier one",
        "dog/again.png",
        "dog/compressed.jpg",
        f"4 equal and 1 near pairs with {pets / 'cat'}",
    ):
        assert text in done.stdout
    assert "1 of 10 images" in done.stderr


def test_leaks_into_a_test_set_are_named(pets: Path, tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    for name in ("dog/3.png", "dog/compressed.jpg"):
        (tmp_path / "test" / Path(name).name).write_bytes((pets / name).read_bytes())
    found = json.loads(run("inspect", pets / "cat", "--against", tmp_path / "test", "--json").stdout)["leaks"]
    assert found["equal"] == []
    assert [(pair["first"], pair["second"]) for pair in found["near"]] == [("1.png", "compressed.jpg")]


def test_a_set_without_classes_or_duplicates_is_no_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (70, 16, 16), np.uint8)
    np.save(tmp_path / "a.npy", noise)
    found = json.loads(run("inspect", tmp_path / "a.npy", "--json").stdout)
    assert found["classes"] is None
    assert "has none" in found["why_no_classes"]
    done = run("inspect", tmp_path / "a.npy", "--resolution", "8", "--sheet", tmp_path / "sheet.png")
    assert "near pairs  0, within a distance of" in done.stdout
    assert "64 samples; there are no duplicates to show" in done.stderr
    assert (tmp_path / "sheet.png").exists()


def test_get_lists_the_sets_with_their_licences() -> None:
    done = run("get")
    assert done.exit_code == 0
    for text in ("fashion-mnist", "MIT", "cifar-10", "170 MB"):
        assert text in done.stdout
    assert json.loads(run("get", "--json").stdout)["mnist"]["bytes"] == 11594722


def test_get_checks_what_was_put_there_by_hand_and_says_how_to_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        image = io.BytesIO()
        Image.new("L", (8, 8)).save(image, "PNG")
        archive.writestr("a/1.png", image.getvalue())
    content = packed.getvalue()
    file = PublishedFile(
        "tiny.zip", hashlib.sha256(content).hexdigest(), len(content), ("http://127.0.0.1:1/tiny.zip",)
    )
    tiny = PublishedSet("one image", "none", "nobody", "", (file,), {"train": "tiny.zip/a"})
    monkeypatch.setattr(published, "TINY", tiny, raising=False)
    table = Table[PublishedSet]("published image set", {"tiny": "gantools.data.published:TINY"})
    monkeypatch.setattr(published, "PUBLISHED", table)
    monkeypatch.setattr("gantools.data.download.PUBLISHED", table)

    with pytest.raises(DataError, match=r"'tiny.zip' cannot be had: http://127.0.0.1:1/tiny.zip: cannot be reached"):
        run("get", "tiny")
    folder = tmp_path / "cache" / "gantools" / "datasets" / "tiny"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.zip").write_bytes(content)
    done = run("get", "tiny")
    assert done.exit_code == 0
    assert "dataset:tiny:train" in done.stdout
    assert "cite: nobody" in done.stderr
    assert json.loads(run("inspect", "dataset:tiny", "--json").stdout)["images"] == 1
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tiny.zip").write_bytes(content)
    document = json.loads(run("get", "tiny", "--out", tmp_path / "out", "--json").stdout)
    assert document["sources"] == {"train": str(tmp_path / "out" / "tiny.zip" / "a")}
