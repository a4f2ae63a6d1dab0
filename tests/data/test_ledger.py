import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import DataError
from gantools.core.events import Event, Progress
from gantools.data import ledger


@pytest.fixture
def folder(noise: Any, tmp_path: Path) -> Path:
    """Three images."""
    (tmp_path / "in").mkdir()
    for number, pixels in enumerate(noise(3)):
        Image.fromarray(pixels).save(tmp_path / "in" / f"{number}.png")
    return tmp_path / "in"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all files had been left alone for long: a tick of the file system's clock is waited for instead."""
    monkeypatch.setattr(ledger, "RACY_NS", 0)
    time.sleep(0.02)


def read_by(opened: Any, source: Path, **options: Any) -> int:
    """How many files an opening reads."""
    events: list[Event] = []
    opened(source, on_event=events.append, **options)
    return sum(event.total for event in events if isinstance(event, Progress) and event.stage == "read images")


@pytest.mark.usefixtures("patient")
def test_an_unchanged_folder_is_not_read_again(folder: Path, opened: Any) -> None:
    assert [read_by(opened, folder), read_by(opened, folder), read_by(opened, folder, channels=1)] == [3, 0, 0]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("kind", ["zip", "tar", "npy"])
def test_an_unchanged_file_of_images_is_not_read_again(kind: str, folder: Path, opened: Any, noise: Any) -> None:
    import shutil

    if kind == "npy":
        np.save(folder.parent / "in.npy", noise(3))
    else:
        shutil.make_archive(str(folder), kind, folder)
    time.sleep(0.02)
    source = folder.parent / f"in.{kind}"
    assert [read_by(opened, source), read_by(opened, source)] == [3, 0]
    assert opened(source).digest == opened(source).digest


@pytest.mark.usefixtures("patient")
def test_what_is_changed_added_or_removed_is_noticed(folder: Path, opened: Any, noise: Any) -> None:
    before = opened(folder)
    Image.fromarray(noise(1, seed=9)[0]).save(folder / "1.png")
    time.sleep(0.02)
    assert read_by(opened, folder) == 1, "only that file"
    assert opened(folder).digest != before.digest
    (folder / "2.png").unlink()
    assert len(opened(folder).images) == 2
    (folder / "0.png").rename(folder / "9.png")
    assert opened(folder).names == ("1.png", "9.png")


@pytest.mark.usefixtures("patient")
def test_a_change_that_keeps_size_and_modification_time_is_noticed(folder: Path, opened: Any) -> None:
    """By the change time, which no program can set."""
    before = opened(folder)
    path = folder / "0.png"
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert opened(folder, max_broken=1).digest != before.digest


def test_a_file_that_was_just_written_is_not_believed(folder: Path, opened: Any, tmp_path: Path) -> None:
    assert [read_by(opened, folder), read_by(opened, folder)] == [3, 3]
    assert not (tmp_path / "cache" / "listings").exists()


def test_a_file_from_the_future_is_not_believed(folder: Path) -> None:
    os.utime(folder / "0.png", (time.time() + 1e6,) * 2)
    assert ledger.settled_stamp([folder / "0.png"]) is None
    assert ledger.settled_stamp([folder / "none.png"]) is None


@pytest.mark.usefixtures("patient")
def test_a_file_that_changes_while_it_is_read_is_not_remembered(folder: Path, tmp_path: Path) -> None:
    book = ledger.Ledger(tmp_path / "book.json")
    paths = [folder / "0.png"]
    before = ledger.settled_stamp(paths)
    assert before is not None
    paths[0].write_bytes(b"other")
    book.remember("0.png", paths, before, (ledger.Item("0.png", "ab"),))
    book.save()
    assert not (tmp_path / "book.json").exists()


@pytest.mark.usefixtures("patient")
def test_what_cannot_be_read_is_tried_again(folder: Path, tmp_path: Path) -> None:
    book = ledger.Ledger(tmp_path / "book.json")
    paths = [folder / "0.png"]
    book.remember("0.png", paths, ledger.settled_stamp(paths), (ledger.Item("0.png", ""),))
    assert ledger.Ledger(tmp_path / "book.json").recall("0.png", paths) is None


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"format": "other"}', b'{"format": "gantools listing 1", "files": {"0.png": 3}}', b"\xff"],
)
def test_a_damaged_ledger_is_none(content: bytes, folder: Path, opened: Any, tmp_path: Path) -> None:
    digest = opened(folder).digest
    (book,) = (tmp_path / "cache" / "listings").iterdir()
    book.write_bytes(content)
    assert opened(folder).digest == digest
    assert json.loads(book.read_bytes())["format"] == ledger.FORMAT


@pytest.mark.usefixtures("patient")
def test_a_ledger_that_lies_cannot_put_wrong_images_under_a_digest(folder: Path, opened: Any, tmp_path: Path) -> None:
    opened(folder)
    (book,) = (tmp_path / "cache" / "listings").iterdir()
    document = json.loads(book.read_bytes())
    document["files"]["0.png"][1][0][1] = "ab" * 32
    book.write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"'0.png' in '.*in' changed while it was read"):
        opened(folder)
    assert len(opened(folder).images) == 3, "the lie is forgotten"


@pytest.mark.usefixtures("patient")
def test_a_cache_in_which_no_ledger_can_be_written_costs_nothing_but_time(
    folder: Path, opened: Any, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "listings").write_text("in the way")
    assert [read_by(opened, folder), read_by(opened, folder)] == [3, 3]
