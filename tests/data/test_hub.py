"""With real files written by the library. The Hub itself is not asked: the library is told to be offline."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gantools.core.errors import DataError

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def files(noise: Any, tmp_path: Path) -> Path:
    """Three images as a folder."""
    (tmp_path / "files").mkdir()
    for number, pixels in enumerate(noise(3)):
        Image.fromarray(pixels).save(tmp_path / "files" / f"{number}.png")
    return tmp_path / "files"


@pytest.fixture
def table(files: Path) -> Any:
    """The three with classes, the second one not being the first in the alphabet."""
    rows = [{"bytes": path.read_bytes(), "path": None} for path in sorted(files.iterdir())]
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["dog", "cat"]),
        }
    )
    return datasets.Dataset.from_dict({"text": list("abc"), "image": rows, "label": [1, 0, 1]}, features=features)


def test_a_saved_folder_and_a_parquet_file_hold_the_original_images(
    table: Any, files: Path, opened: Any, tmp_path: Path
) -> None:
    table.save_to_disk(str(tmp_path / "saved"))
    table.to_parquet(str(tmp_path / "table.parquet"))
    saved = opened(tmp_path / "saved", labels=True)
    assert (saved.images == opened(files).images).all()
    assert (saved.labels.tolist(), saved.classes, saved.names) == ([1, 0, 1], ("dog", "cat"), ("0", "1", "2"))
    assert opened(tmp_path / "table.parquet", labels=True).digest == saved.digest


def test_several_splits_are_named(table: Any, opened: Any, tmp_path: Path) -> None:
    datasets.DatasetDict({"train": table, "test": table.select([0])}).save_to_disk(str(tmp_path / "saved"))
    assert len(opened(tmp_path / "saved" / "test").images) == 1
    with pytest.raises(DataError, match="holds several splits: test, train") as caught:
        opened(tmp_path / "saved")
    assert str(tmp_path / "saved" / "train") in str(caught.value.hint)


def test_a_set_without_images_or_labels_is_one_sentence(table: Any, opened: Any, tmp_path: Path) -> None:
    table.remove_columns("image").save_to_disk(str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"has no column of images, but text, label"):
        opened(tmp_path / "none")
    table.remove_columns("label").save_to_disk(str(tmp_path / "bare"))
    with pytest.raises(DataError, match=r"class labels are needed, and all images of .* lie in one folder"):
        opened(tmp_path / "bare", labels=True)


def test_a_set_cannot_make_us_read_other_files(files: Path, opened: Any, tmp_path: Path) -> None:
    """A row may name a file instead of holding one: one that the library downloaded is read, any other is broken."""
    (tmp_path / "hf").mkdir()
    inside = tmp_path / "hf" / "downloaded.png"
    inside.write_bytes((files / "0.png").read_bytes())
    outside = tmp_path / "hf" / ".." / "files" / "1.png"
    rows = {"image": [{"bytes": None, "path": str(path)} for path in (inside, outside, files / "2.png")]}
    table = datasets.Dataset.from_dict(rows, features=datasets.Features({"image": datasets.Image()}))
    table.save_to_disk(str(tmp_path / "saved"))
    # save_to_disk packs the files into the table, unless it is told otherwise; so the table is opened as a cached one.
    from gantools.data import hub
    from gantools.data.ledger import Ledger

    source = hub._source(table, "made", [])
    contents = source.contents(Ledger(None), lambda _: None)
    assert [bool(item.digest) for item in contents.items] == [True, False, False]


def test_a_row_without_an_image_is_broken(table: Any, opened: Any, tmp_path: Path) -> None:
    rows = {
        "image": [
            None,
            {"bytes": b"nothing", "path": None},
            table.cast_column("image", datasets.Image(decode=False))[0]["image"],
        ]
    }
    made = datasets.Dataset.from_dict(rows, features=datasets.Features({"image": datasets.Image()}))
    made.save_to_disk(str(tmp_path / "saved"))
    images = opened(tmp_path / "saved", max_broken=1)
    assert (images.broken, images.names) == (("0", "1"), ("2",))


def test_a_damaged_file_is_one_sentence(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"bad.parquet' cannot be read as a Hugging Face set"):
        opened(tmp_path / "bad.parquet")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "state.json").write_text("{}")
    with pytest.raises(DataError, match="bad' cannot be read as a Hugging Face set"):
        opened(tmp_path / "bad")


def test_without_the_hub_the_set_and_the_way_around_are_named(opened: Any) -> None:
    with pytest.raises(
        DataError, match="split 'test' of 'someone/some-set' cannot be had from the Hugging Face Hub"
    ) as caught:
        opened("hf:someone/some-set:test")
    assert "save_to_disk" in str(caught.value.hint)
    assert "\n" not in caught.value.message


def test_the_split_is_train_unless_another_is_named(table: Any, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(name: str, *, split: str) -> Any:
        asked.append((name, split))
        return table

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    assert opened("hf:someone/some-set", labels=True).classes == ("dog", "cat")
    opened("hf:someone/some-set:train[:10%]")
    assert asked == [("someone/some-set", "train"), ("someone/some-set", "train[:10%]")]
