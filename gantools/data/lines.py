"""What texts come from: files and folders of UTF-8 with one text a line, JSON lines, and sets that are built in.

Read whole into memory. Nothing is cut into tokens here.
"""

from __future__ import annotations

import codecs
import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gantools.core.errors import DataError
from gantools.core.registry import Table, unknown_name
from gantools.data.builtin import BUILTIN
from gantools.data.labels import Labels, labels_of_folders, labels_of_texts
from gantools.data.sources import READERS, SUFFIXES, is_hidden, is_image_name

BUILTIN_TEXTS: Table[Callable[[], list[str]]] = Table(
    "built-in text set", {"python-reference": "gantools.data.reference:python_reference"}
)
PLAIN = (".txt", ".txt.gz")  # what counts in a folder; a file that is named itself may be called anything else
RECORDS = (".jsonl", ".jsonl.gz")
# Text that is not one text a line: its marks and columns would be learned too.
TABLES = (".csv", ".tsv", ".json", ".xml", ".html", ".md", ".rst", ".tex", ".pdf")
# How far a compressed file may grow. Text seldom shrinks to less than a tenth.
MOST_GROWTH = 100
SMALLEST_LIMIT_BYTES = 2**30
_LOOKED_AT_BYTES = 2**16  # for bytes that no text has
_BUILTIN = "builtin:"


@dataclass
class Lines:
    """The texts of a source.

    Attributes:
        source: As the user wrote it.
        texts: Without white space at their ends; none is empty, none has a line break.
        count: Lines that were read, empty and broken ones included.
        empty: Lines without a text.
        broken: Where lines are that are no text, such as ``"a.txt line 3"``.
        fault: What is wrong with those, in the plural.
        labels: Of each text; none where they were not asked for.
    """

    source: str
    texts: list[str] = field(default_factory=list)
    count: int = 0
    empty: int = 0
    broken: list[str] = field(default_factory=list)
    fault: str = "are not UTF-8"
    labels: Labels | None = None

    def add(self, where: str, number: int, text: str | None) -> bool:
        """Take a line, or count why not; none for one that is broken. Whether it was taken."""
        self.count += 1
        if text is None:
            self.broken.append(f"{where} line {number}")
            return False
        # What stands before a text may mean something, as in code and verse; what stands behind it is never seen.
        if not (text := text.rstrip()):
            self.empty += 1
            return False
        self.texts.append(text)
        return True


def read_lines(source: str, *, labels: bool = False) -> Lines:
    """Read a source of texts.

    Args:
        source: A file with one text a line, which ends in ``.gz`` where it is compressed; a file of ``RECORDS``; a
            folder, which is searched recursively for files of ``PLAIN``; or ``builtin:NAME``.
        labels: Whether the class of each text is needed: the folder it lies in, or ``label`` of a record.

    Raises:
        DataError: There is no such source, it is no text, there is no text in it, or it has no labels.
        UnknownNameError: No built-in set has this name.
    """
    if source.startswith(_BUILTIN):
        texts = BUILTIN_TEXTS.load(source.removeprefix(_BUILTIN))()
        lines = Lines(source, texts, len(texts))
        if labels:
            raise _without_labels(source)
        return lines
    path = Path(source).expanduser()
    if path.is_dir():
        return _read_folder(source, path, labels=labels)
    if not path.is_file() or path.name.lower().endswith(TABLES):
        what = "is no file with one text a line" if path.exists() else "does not exist"
        raise DataError(
            f"the text source '{source}' {what}.",
            hint=f"give a .txt or .jsonl, a folder of .txt, or {_BUILTIN}{next(iter(BUILTIN_TEXTS))}",
        )
    if path.name.lower().endswith(RECORDS):
        return _read_records(source, path, labels=labels)
    if labels:
        raise _without_labels(source)
    lines = Lines(source)
    for number, text in _numbered(path):
        lines.add(path.name, number, text)
    return _not_empty(lines, path)


def is_text_source(source: str) -> bool:
    """Whether texts rather than images are meant.

    Of a folder, because it holds texts and no images; of a file, by its name, and where that says nothing, because it
    begins as UTF-8 does.

    Raises:
        UnknownNameError: No built-in set of either kind has this name.
    """
    if source.startswith(_BUILTIN):
        name = source.removeprefix(_BUILTIN)
        if name not in BUILTIN_TEXTS and name not in BUILTIN:
            raise unknown_name("built-in set", name, [*BUILTIN, *BUILTIN_TEXTS])
        return name in BUILTIN_TEXTS
    path = Path(source).expanduser()
    if not path.is_dir():
        return path.name.lower().endswith(PLAIN + RECORDS) or _begins_as_text(path)
    found = False
    for _, folders, files in os.walk(path):
        folders[:] = [name for name in folders if not is_hidden(name)]
        if any(is_image_name(name) for name in files):
            return False
        found = found or any(name.lower().endswith(PLAIN) for name in files)
    return found


def _begins_as_text(path: Path) -> bool:
    if not path.is_file() or path.name.lower().endswith((*SUFFIXES, *READERS)):
        return False
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            begin = stream.read(_LOOKED_AT_BYTES)
        # It may end in the middle of a character.
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return False
    return b"\0" not in begin


def _read_folder(source: str, folder: Path, *, labels: bool) -> Lines:
    files = sorted(
        name
        for file in folder.rglob("*")
        if file.name.lower().endswith(PLAIN) and not is_hidden(name := file.relative_to(folder).as_posix())
        if file.is_file()
    )
    lines, counts = Lines(source), []
    for name in files:
        before = len(lines.texts)
        for number, text in _numbered(folder / name):
            lines.add(name, number, text)
        counts.append(len(lines.texts) - before)
    _not_empty(lines, folder)
    if labels:
        found = labels_of_folders(files, source, what="texts", example="reviews/good/ and reviews/bad/")
        lines.labels = Labels(np.repeat(found.values, counts), found.classes)
    return lines


def _read_records(source: str, path: Path, *, labels: bool) -> Lines:
    lines = Lines(source, fault="are no JSON objects with a text in 'text'")
    stated: list[str] = []
    for number, line in _numbered(path):
        text, label = _record(line)
        if line is not None and not line.strip():
            text = ""
        if lines.add(path.name, number, text) and label is not None:
            stated.append(label)
    _not_empty(lines, path)
    if labels:
        if not stated:
            raise _without_labels(source)
        if len(stated) < len(lines.texts):
            raise DataError(
                f"class labels are needed, and only {len(stated)} of the {len(lines.texts)} texts in '{source}' "
                "have one.",
                hint="give every record a 'label' that is a text or a whole number, or none",
            )
        lines.labels = labels_of_texts(stated, (), source)
    return lines


def _record(line: str | None) -> tuple[str | None, str | None]:
    """Text and label of a line of JSON; none where there is none."""
    try:
        record = json.loads(line or "")
    except (ValueError, RecursionError):
        return None, None
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str) or not _is_encodable(text):
        return None, None
    label = record.get("label")
    is_label = isinstance(label, str | int) and not isinstance(label, bool)
    return " ".join(text.splitlines()), str(label) if is_label else None


def _is_encodable(text: str) -> bool:
    r"""JSON can hold halves of surrogate pairs, such as ``"\ud800"``, which are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _numbered(path: Path) -> Iterator[tuple[int, str | None]]:
    """Numbers from 1 and lines of a file; none for a line that is not UTF-8."""
    content = _content(path).removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    content = content.removesuffix(b"\n")
    if not content:
        return
    try:
        # Not splitlines(): that ends a line at characters such as U+2028 too.
        yield from enumerate(content.decode().split("\n"), 1)
        return
    except UnicodeDecodeError:
        pass  # some lines are broken; the others are read one by one
    for number, line in enumerate(content.split(b"\n"), 1):
        try:
            yield number, line.decode()
        except UnicodeDecodeError:
            yield number, None


def _content(path: Path) -> bytes:
    try:
        content = _unpacked(path) if path.name.lower().endswith(".gz") else path.read_bytes()
    except (OSError, EOFError, zlib.error) as err:
        what = err.strerror if isinstance(err, OSError) and err.strerror else str(err).rstrip(".")
        raise DataError(f"'{path}' cannot be read: {what}.", hint="copy it again, or leave it out") from err
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"'{path}' is UTF-16, not UTF-8.", hint=f"iconv -f UTF-16 -t UTF-8 '{path}' converts it")
    if b"\0" in content[:_LOOKED_AT_BYTES]:
        raise DataError(f"'{path}' is no text: it holds bytes that are zero.", hint="give a file of UTF-8 text")
    return content


def _unpacked(path: Path) -> bytes:
    limit = max(SMALLEST_LIMIT_BYTES, MOST_GROWTH * path.stat().st_size)
    with gzip.open(path) as packed:
        content = packed.read(limit + 1)
    if len(content) > limit:
        raise DataError(f"'{path}' unpacks to more than {limit} bytes.", hint="unpack it, and give the .txt")
    return content


def _not_empty(lines: Lines, path: Path) -> Lines:
    if not lines.texts and not lines.broken:
        what = f"{lines.count} lines, all empty" if lines.count else "no texts"
        hint = f"files that count end in {', '.join(PLAIN)}" if path.is_dir() else "write one text a line"
        raise DataError(f"the text source '{lines.source}' holds {what}.", hint=hint)
    return lines


def _without_labels(source: str) -> DataError:
    return DataError(
        f"class labels are needed, and '{source}' has none.",
        hint="give a folder with one folder for each class, or a .jsonl whose records have a 'label'",
    )
