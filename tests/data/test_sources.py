import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gantools.core.errors import DataError
from gantools.data.builtin import BUILTIN
from gantools.data.lines import BUILTIN_TEXTS
from gantools.data.published import PUBLISHED
from gantools.data.sources import READERS, SCHEMES, open_source


def test_every_row_of_every_table_names_something_that_exists() -> None:
    tables: list[Any] = [SCHEMES, READERS, PUBLISHED, BUILTIN, BUILTIN_TEXTS]
    loaded = [table.load(row) for table in tables for row in table]
    assert len(loaded) >= 19
    assert all(loaded)


@pytest.mark.parametrize("written", ["in", "./in", "in/../in", "in/"])
def test_a_source_is_the_same_however_it_is_written(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        assert open_source(written, stack).origin == str(tmp_path / "in")


def test_a_folder_whose_name_looks_like_an_archive_is_a_folder(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "in.zip").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "in.zip" / "a.png")
    assert opened(tmp_path / "in.zip").names == ("a.png",)


@pytest.mark.parametrize("missing", ["none.zip", "a.png/inside", "none/photos", "c:none", "hff:mnist"])
def test_what_does_not_exist_is_named_as_it_was_written(
    missing: str, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("L", (8, 8)).save("a.png")
    with pytest.raises(DataError, match=f"the image source '{missing}' does not exist"):
        opened(missing)


def test_a_name_that_is_no_text_is_kept(opened: Any, tmp_path: Path) -> None:
    """File names are bytes; one that is not UTF-8 must not stop a training."""
    (tmp_path / "in").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    try:
        (tmp_path / "a.png").rename(os.fsdecode(os.fsencode(tmp_path / "in") + b"/\xff.png"))
    except OSError:
        pytest.skip("this file system knows only names that are text")
    assert opened(tmp_path / "in").names == ("\udcff.png",)
    assert opened(tmp_path / "in").digest == opened(tmp_path / "in").digest
