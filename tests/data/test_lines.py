from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import DataError, UnknownNameError
from gantools.data import lines as module
from gantools.data.lines import is_text_source, read_lines


def write(path: Path, content: bytes | str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize(
    "content",
    [
        b"one\ntwo\nthree\n",
        b"one\ntwo\nthree",
        b"one\r\ntwo\r\nthree\r\n",
        b"one\rtwo\rthree",
        b"\xef\xbb\xbfone  \ntwo\t\nthree\n",
    ],
    ids=["lines", "no end", "Windows", "old Mac", "byte order mark and spaces"],
)
def test_lines_end_in_every_way(content: bytes, tmp_path: Path) -> None:
    found = read_lines(write(tmp_path / "a.txt", content))
    assert found.texts == ["one", "two", "three"]
    assert (found.count, found.empty, found.broken) == (3, 0, [])


def test_what_stands_before_a_text_stays_and_only_line_breaks_end_it(tmp_path: Path) -> None:
    found = read_lines(write(tmp_path / "a.txt", "  two\u2028one text\x0b\x1ctoo\nnext"))
    assert found.texts == ["  two\u2028one text\x0b\x1ctoo", "next"]


def test_empty_lines_are_counted_and_left_out(tmp_path: Path) -> None:
    found = read_lines(write(tmp_path / "a.txt", "\none\n\n \t\u3000\ntwo\n\n"))
    assert found.texts == ["one", "two"]
    assert (found.count, found.empty) == (6, 4)


def test_lines_that_are_not_utf_8_are_named(tmp_path: Path) -> None:
    found = read_lines(write(tmp_path / "a.txt", b"one\ncaf\xe9\ntwo\n\xff\xfe\xfa\n"))
    assert found.texts == ["one", "two"]
    assert found.broken == ["a.txt line 2", "a.txt line 4"]
    assert found.count == 4


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    packed = write(tmp_path / "a.txt.gz", gzip.compress("one\n二\n".encode()))
    assert read_lines(packed).texts == ["one", "二"]


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    assert read_lines(write(tmp_path / "train.en", "one\n")).texts == ["one"]
    assert read_lines(write(tmp_path / "train.en.gz", gzip.compress(b"one\n"))).texts == ["one"]


def test_a_line_of_megabytes_is_one_text(tmp_path: Path) -> None:
    found = read_lines(write(tmp_path / "a.txt", "x" * 3_000_000 + "\nshort\n"))
    assert [len(text) for text in found.texts] == [3_000_000, 5]


def test_a_folder_is_searched_in_order_of_names(tmp_path: Path) -> None:
    write(tmp_path / "b" / "one.txt", "third\n")
    write(tmp_path / "a.txt", "first\nsecond")
    write(tmp_path / "c.txt.gz", gzip.compress(b"fourth"))
    write(tmp_path / "empty.txt", "")
    for other in (".hidden.txt", ".git/x.txt", "notes.md", "a.jsonl"):
        write(tmp_path / other, "no\n")
    assert read_lines(str(tmp_path)).texts == ["first", "second", "third", "fourth"]


def test_the_class_of_a_text_is_its_folder(tmp_path: Path) -> None:
    write(tmp_path / "good" / "1.txt", "fine\n\nlovely")
    write(tmp_path / "good" / "2.txt", "")
    write(tmp_path / "bad" / "1.txt", b"awful\n\xff\n")
    found = read_lines(str(tmp_path), labels=True)
    assert found.texts == ["awful", "fine", "lovely"]
    assert found.labels is not None
    assert found.labels.classes == ("bad", "good")
    assert found.labels.values.tolist() == [0, 1, 1]


def test_texts_that_lie_in_no_folders_have_no_classes(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "one\n")
    with pytest.raises(DataError, match=r"class labels are needed, and all texts of .* lie in one folder") as caught:
        read_lines(str(tmp_path), labels=True)
    assert "reviews/good/" in str(caught.value.hint)


def test_records_have_a_text_and_may_have_a_label(tmp_path: Path) -> None:
    records = [{"text": "fine ", "label": "good"}, {"text": "two\nlines", "label": "bad", "more": [1]}]
    source = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)) + "\n\n")
    found = read_lines(source, labels=True)
    assert found.texts == ["fine", "two lines"]
    assert (found.count, found.empty, found.broken) == (3, 1, [])
    assert found.labels is not None
    assert (found.labels.classes, found.labels.values.tolist()) == (("bad", "good"), [1, 0])
    packed = write(tmp_path / "a.jsonl.gz", gzip.compress(b'{"text": "one", "label": 2}'))
    numbered = read_lines(packed, labels=True).labels
    assert numbered is not None
    assert (numbered.classes, numbered.values.tolist()) == (("0", "1", "2"), [2])


def test_records_without_a_text_are_named(tmp_path: Path) -> None:
    bad = ["{", "[]", '{"text": 3}', '{"words": "x"}', r'{"text": "\ud800"}', "[" * 100_000, '{"text": "caf\udce9"}']
    content = "\n".join(['{"text": "one"}', *bad]).encode("utf-8", "surrogateescape")
    found = read_lines(write(tmp_path / "a.jsonl", content))
    assert found.texts == ["one"]
    assert found.broken == [f"a.jsonl line {number}" for number in range(2, 2 + len(bad))]
    assert found.fault == "are no JSON objects with a text in 'text'"


def test_every_record_has_a_label_or_none(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": true}\n{"text": "c"}\n')
    with pytest.raises(DataError, match=r"only 1 of the 3 texts in '.*' have one"):
        read_lines(source, labels=True)
    assert len(read_lines(source).texts) == 3


def test_sources_without_labels_say_so(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.txt", "one\n")
    records = write(tmp_path / "a.jsonl", '{"text": "a"}\n')
    for source in (plain, records, "builtin:python-reference"):
        with pytest.raises(DataError, match=f"class labels are needed, and '{source}' has none"):
            read_lines(source, labels=True)


def test_what_is_not_there_is_named_as_it_was_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the text source 'none\.txt' does not exist") as caught:
        read_lines("none.txt")
    assert caught.value.hint == "give a .txt or .jsonl, a folder of .txt, or builtin:python-reference"
    with pytest.raises(UnknownNameError, match=r"no built-in text set .* did you mean 'python-reference'") as unknown:
        read_lines("builtin:python-referense")
    assert unknown.value.hint == "known: python-reference"


def test_tables_and_documents_are_no_lines_of_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no file with one text a line"):
        read_lines(write(tmp_path / "a.csv", "id,text\n1,one\n"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no texts"),
        (b"\xef\xbb\xbf", "holds no texts"),
        (b"\n \n", "holds 2 lines, all empty"),
        (b"\x89PNG\0\0\0\x0d", "is no text: it holds bytes that are zero"),
        ("one\n".encode("utf-16"), "is UTF-16, not UTF-8"),
    ],
    ids=["empty", "byte order mark alone", "empty lines", "binary", "UTF-16"],
)
def test_a_file_without_text_is_one_sentence(content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read_lines(write(tmp_path / "a.txt", content))
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_folder_without_text_says_what_counts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no texts") as caught:
        read_lines(str(tmp_path))
    assert caught.value.hint == "files that count end in .txt, .txt.gz"


@pytest.mark.parametrize(
    "content", [b"plain text", gzip.compress(b"one two three" * 9)[:-12]], ids=["plain", "cut off"]
)
def test_a_damaged_packed_file_is_named(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.txt\.gz' cannot be read: "):
        read_lines(write(tmp_path / "a.txt.gz", content))


def test_a_packed_file_that_grows_without_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALLEST_LIMIT_BYTES", 1000)
    monkeypatch.setattr(module, "MOST_GROWTH", 2)
    with pytest.raises(DataError, match="unpacks to more than 1000 bytes"):
        read_lines(write(tmp_path / "a.txt.gz", gzip.compress(b"a" * 100_000)))


def test_texts_are_told_from_images(tmp_path: Path) -> None:
    assert is_text_source("builtin:python-reference")
    assert not is_text_source("builtin:digits")
    with pytest.raises(UnknownNameError, match=r"no built-in set is called 'digit'; did you mean 'digits'") as caught:
        is_text_source("builtin:digit")
    assert caught.value.hint == "known: digits, python-reference"
    assert is_text_source("none.txt"), "by its name, so that the error is about texts"
    assert not is_text_source("none")
    assert is_text_source(write(tmp_path / "train.de", "ü" * 40_000))
    assert is_text_source(write(tmp_path / "train.en.gz", gzip.compress(b"one\n")))
    assert not is_text_source(write(tmp_path / "noise", b"\xff\xfa"))
    assert not is_text_source(write(tmp_path / "damaged.en.gz", b"one"))
    assert not is_text_source(write(tmp_path / "photos.zip", b""))
    np.save(tmp_path / "a.npy", np.zeros((2, 8, 8), np.uint8))
    assert not is_text_source(str(tmp_path / "a.npy"))
    write(tmp_path / "in" / "a.txt", "one\n")
    write(tmp_path / "in" / ".cache" / "a.png", "")
    assert is_text_source(str(tmp_path / "in"))
    Image.new("L", (8, 8)).save(tmp_path / "in" / "a.png")
    assert not is_text_source(str(tmp_path / "in")), "notes beside images are not what is meant"
    (tmp_path / "empty").mkdir()
    assert not is_text_source(str(tmp_path / "empty"))
